"""The molecular variational autoencoder: what users hold in their hands.

model = MoleculeVAE.from_pretrained("zinc250k-flow")
z = model.encode(["CCO", "c1ccccc1"])
table = model.decode(z, n_decodings=50)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from molvae.chemistry.molecule import Molecule
from molvae.core.distributions import Posterior
from molvae.core.flows import CouplingFlow, FlowPosterior
from molvae.core.priors import StandardNormal
from molvae.errors import ConfigError, InputError
from molvae.molecules.base import BATCH, MolecularModel
from molvae.molecules.config import MoleculeVAEConfig
from molvae.molecules.dataset import MoleculeDataset, TokenBatch
from molvae.molecules.decoding import generate, generate_until_complete
from molvae.molecules.masks import constraint
from molvae.molecules.predictor import PropertyPredictor
from molvae.molecules.refinement import refine as refine_encodings
from molvae.molecules.registries import DECODERS, ENCODERS
from molvae.molecules.vocabulary import Vocabulary
from molvae.run.device import gains_from_bfloat16
from molvae.run.progress import Progress

__all__ = ["MoleculeVAE", "MoleculeVAEConfig"]


class MoleculeVAE(MolecularModel):
    """Encoder and decoder of molecules by name, N(0, I) prior and a property predictor on z.

    Follows Gomez-Bombarelli et al. 2018. The joint objective is E[log p(x|z)] - beta KL + w log p(y|z), all in
    nats per molecule.

    Args:
        config: its parts and their shape.
        vocabulary: its tokens.
        card: what the model folder's README says, kept when the model is saved again.

    Raises:
        ConfigError: the vocabulary is of another tokenizer than the configuration.
    """

    kind: ClassVar[str] = "molecule-vae"
    config: MoleculeVAEConfig
    decoder: Any  # a SequenceDecoder

    def __init__(self, config: MoleculeVAEConfig, vocabulary: Vocabulary, card: str = "") -> None:
        if config.tokenizer != vocabulary.tokenizer:
            raise ConfigError(f"a vocabulary of {vocabulary.tokenizer} does not serve tokenizer = {config.tokenizer!r}")
        size, longest, latent_size = len(vocabulary), vocabulary.max_length, config.latent_size
        encoder = ENCODERS[config.encoder](config, size, longest)
        flow = CouplingFlow(latent_size, config.flow_layers, config.flow_width) if config.flow_layers else None
        decoder = DECODERS[config.decoder](config, size, longest, flow)
        super().__init__(encoder, StandardNormal(latent_size), decoder)
        self.predictor = PropertyPredictor(config.latent_size, config.properties, config.predictor_size)
        self.config = config
        self.vocabulary = vocabulary
        self.card = card

    def posterior(self, x: TokenBatch) -> Posterior:
        """q(z|x), in the space whose prior is N(0, I)."""
        return self.in_latent_space(self.encoder(x))

    def in_latent_space(self, q: Posterior) -> Posterior:
        """The encoder's distribution over codes -> that over z."""
        return q if self.decoder.flow is None else FlowPosterior(q, self.decoder.flow)

    # --- folders -----------------------------------------------------------------------------------------------

    def texts(self) -> dict[str, str]:
        return {"vocabulary.json": self.vocabulary.to_json()}

    @classmethod
    def build(cls, settings: Mapping[str, Any], folder: Path) -> Self:
        vocabulary = Vocabulary.from_json((folder / "vocabulary.json").read_text(encoding="utf-8"))
        return cls(MoleculeVAEConfig.create(settings["model"]), vocabulary)

    # --- molecules to latent space --------------------------------------------------------------------------

    def accepts(self, item: Molecule) -> str | None:
        """Why the model cannot hold a molecule, or None."""
        try:
            self.vocabulary.encode(item.smiles)
        except InputError as error:
            return str(error)
        return None

    def dataset(
        self, smiles: Sequence[str], properties: np.ndarray | None = None
    ) -> tuple[MoleculeDataset, dict[int, str]]:
        """Canonical SMILES as a data set of those that the model can hold, and why it refuses the other rows."""
        return MoleculeDataset.build(smiles, self.vocabulary, properties)

    def refine_points(self, molecules: MoleculeDataset, z: Tensor, steps: int, progress: Progress) -> Tensor:
        return refine_encodings(self.decoder, molecules, z, steps, progress=progress)

    # --- latent space to molecules ------------------------------------------------------------------------------

    @torch.inference_mode()
    def generate(
        self,
        z: Tensor | np.ndarray,
        temperature: float = 0.0,
        mask: str = "valence",
        generator: torch.Generator | None = None,
        retries: int = 10,
    ) -> tuple[list[str], np.ndarray]:
        """One SMILES for each latent point (n, D), and its log p(x|z) (n,) in nats; nothing is checked by RDKit.

        Matrix products are in bfloat16 where the processor gains from it, as in training. Under a mask, what runs into
        a dead end is decoded again up to ``retries`` times.

        Raises:
            ConfigError: no such mask, or a negative temperature.
        """
        strings: list[str] = []
        log_prob: list[np.ndarray] = []
        limits = constraint(mask, self.vocabulary)
        dtype = torch.bfloat16 if gains_from_bfloat16(self.device) else torch.float32
        for points in self._points(z).split(BATCH):
            result = (
                generate(self.decoder, points, temperature, generator, dtype=dtype)
                if limits is None
                else generate_until_complete(self.decoder, points, limits, temperature, generator, retries, dtype)
            )
            strings += [self.vocabulary.decode(row) for row in result.tokens.tolist()]
            log_prob.append(result.log_prob.cpu().numpy())
        return strings, np.concatenate(log_prob) if log_prob else np.empty(0)
