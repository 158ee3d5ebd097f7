"""p(x) of SMILES without any latent variable: a GRU over tokens, the prior of policy-gradient searches.

model = LanguageModel.from_folder("runs/language_model")
smiles = model.sample(100, torch.Generator().manual_seed(0))
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.checkpoint import load_model_folder, save_model_folder
from molvae.errors import CheckpointError
from molvae.molecules.config import MoleculeVAEConfig
from molvae.molecules.dataset import TokenBatch
from molvae.molecules.decoder import RecurrentDecoder
from molvae.molecules.decoding import generate, generate_until_complete
from molvae.molecules.likelihood import sequence_log_prob
from molvae.molecules.masks import constraint
from molvae.molecules.vocabulary import Vocabulary
from molvae.run.config import Config
from molvae.run.device import choose_device
from molvae.weights import weights_folder

KIND = "smiles-language-model"


class LanguageModelConfig(Config):
    """The shape of a language model of SMILES."""

    hidden_size: int = Field(256, ge=1, le=16_384)
    """Width of the GRU."""


class LanguageModel(nn.Module):
    """p(x) = prod_t p(x_t | x_<t) of token sequences, ``<eos>`` included.

    It is the decoder of a VAE at one and the same point, whose gates and first state are then biases.

    Args:
        config: its shape.
        vocabulary: its tokens.
    """

    def __init__(self, config: LanguageModelConfig, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config, self.vocabulary = config, vocabulary
        shape = MoleculeVAEConfig(latent_size=1, hidden_size=config.hidden_size, position_channels=0, flow_layers=0)
        self.decoder = RecurrentDecoder(shape, len(vocabulary), vocabulary.max_length)
        self.card = ""

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def _nowhere(self, number: int) -> Tensor:
        return torch.zeros(number, 1, device=self.device)

    def log_prob(self, x: TokenBatch) -> Tensor:
        """Log-probabilities of B sequences in nats, (B,)."""
        return sequence_log_prob(self.decoder.logits(self._nowhere(len(x)), x.inputs), x.tokens)

    @torch.inference_mode()
    def sample(
        self, count: int, generator: torch.Generator | None = None, temperature: float = 1.0, mask: str = "valence"
    ) -> list[str]:
        """SMILES drawn from p(x), restricted to what the mask lets pass (``none``: to nothing).

        Raises:
            ConfigError: no such mask, or a negative temperature.
        """
        limits = constraint(mask, self.vocabulary)
        if limits is None:
            drawn = generate(self.decoder, self._nowhere(count), temperature, generator)
        else:
            drawn = generate_until_complete(self.decoder, self._nowhere(count), limits, temperature, generator)
        return [self.vocabulary.decode(row) for row in drawn.tokens.tolist()]

    def save(self, folder: str | Path, extra_files: Sequence[str] = ()) -> None:
        """Write a model folder with float16 weights."""
        weights = {name: value.half() for name, value in self.state_dict().items()}
        texts = {"vocabulary.json": self.vocabulary.to_json(), **({"README.md": self.card} if self.card else {})}
        settings = {"kind": KIND, "model": self.config.model_dump(mode="json")}
        save_model_folder(Path(folder), weights, settings, texts, extra_files)

    @classmethod
    def from_folder(cls, name_or_folder: str | Path, device: str = "cpu") -> Self:
        """Load what :meth:`save` wrote, a run folder that has trained one, or the one that ships.

        Raises:
            CheckpointError: no such folder, another kind of model, or it is incomplete, damaged or altered.
        """
        folder = weights_folder(name_or_folder)
        tensors, settings = load_model_folder(folder)
        if settings.get("kind") != KIND:
            raise CheckpointError(f"{folder} holds a model of kind {settings.get('kind')!r}, not {KIND!r}")
        vocabulary = Vocabulary.from_json((folder / "vocabulary.json").read_text(encoding="utf-8"))
        model = cls(LanguageModelConfig.create(settings["model"]), vocabulary)
        try:
            model.load_state_dict(tensors)
        except RuntimeError:
            raise CheckpointError(f"the weights in {folder} do not fit its config.json: get the folder again") from None
        return model.to(choose_device(device)).eval()
