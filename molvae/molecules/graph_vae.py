"""The junction tree VAE: molecules as graphs and trees of clusters, in place of strings (Jin et al. 2018).

model = GraphVAE.from_pretrained("runs/zinc250k-graph")
z = model.encode(["CCO", "c1ccccc1"])
table = model.decode(z, n_decodings=20)

Every point decodes to a valid molecule. Stereo marks are not held: a molecule is encoded as if it had none.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from molvae.core.priors import StandardNormal
from molvae.errors import ConfigError, InputError
from molvae.molecules.base import BATCH, MolecularModel
from molvae.molecules.cluster_vocabulary import ClusterVocabulary
from molvae.molecules.graph_config import GraphVAEConfig
from molvae.molecules.graph_encoder import GraphEncoder
from molvae.molecules.junction_tree import without_stereo
from molvae.molecules.predictor import PropertyPredictor
from molvae.molecules.registries import MASKS
from molvae.molecules.tree_batches import TreeBatch, TreeDataset
from molvae.molecules.tree_data import TreeArrays, build_arrays
from molvae.molecules.tree_decoder import TreeDecoder
from molvae.molecules.tree_generation import Generated, generate
from molvae.molecules.tree_refinement import refine
from molvae.run.progress import Progress, silent

__all__ = ["GraphVAE", "GraphVAEConfig"]

VOCABULARY = "clusters.json"


class GraphVAE(MolecularModel):
    """Encoder of graph and junction tree, depth-first decoder of trees, N(0, I) prior and a property predictor on z.

    Args:
        config: its shape.
        vocabulary: the clusters that molecules are made of.
        card: what the model folder's README says, kept when the model is saved again.
    """

    kind: ClassVar[str] = "graph-vae"
    config: GraphVAEConfig
    decoder: TreeDecoder

    def __init__(self, config: GraphVAEConfig, vocabulary: ClusterVocabulary, card: str = "") -> None:
        encoder, decoder = GraphEncoder(config, vocabulary), TreeDecoder(config, vocabulary)
        super().__init__(encoder, StandardNormal(config.latent_size), decoder)
        self.predictor = PropertyPredictor(config.latent_size, config.properties, config.predictor_size)
        self.config = config
        self.vocabulary = vocabulary
        self.card = card

    def texts(self) -> dict[str, str]:
        return {VOCABULARY: self.vocabulary.to_json()}

    @classmethod
    def build(cls, settings: Mapping[str, object], folder: Path) -> Self:
        vocabulary = ClusterVocabulary.from_json((folder / VOCABULARY).read_text(encoding="utf-8"))
        return cls(GraphVAEConfig.create(settings["model"]), vocabulary)  # type: ignore[arg-type]

    def held(self, smiles: str) -> str:
        """The canonical SMILES without stereo marks; what is no molecule stays as it is."""
        try:
            return without_stereo(smiles)
        except InputError:
            return smiles

    def dataset(
        self, smiles: Sequence[str], properties: np.ndarray | None = None
    ) -> tuple[TreeDataset, dict[int, str]]:
        """Canonical SMILES as a data set of those that the model can hold, and why it refuses the other rows."""
        dataset = TreeDataset(build_arrays(smiles, progress=silent), self.vocabulary, properties)
        return dataset, dataset.refused

    def dataset_of(self, arrays: TreeArrays, properties: np.ndarray | None = None) -> TreeDataset:
        """Molecules that were taken apart before, in the numbering of this model."""
        return TreeDataset(arrays, self.vocabulary, properties)

    @torch.inference_mode()
    def generate(
        self,
        z: Tensor | np.ndarray,
        temperature: float = 0.0,
        mask: str = "valence",
        generator: torch.Generator | None = None,
        retries: int = 10,
    ) -> tuple[list[str], np.ndarray]:
        """One molecule for each latent point (n, D), and log p(x|z) (n,) in nats of the tree that it was written as.

        Every molecule is valid, whichever mask is named: none is needed, as with SELFIES. Nothing is tried twice.

        Raises:
            ConfigError: no such mask, or a negative temperature.
        """
        if mask not in MASKS:
            raise ConfigError(f"mask is one of {', '.join(MASKS)}, not {mask!r}")
        parts = self.generate_trees(z, temperature, generator)
        smiles = [text for part in parts for text in part.smiles]
        log_prob = [part.log_prob.cpu().numpy() for part in parts]
        return smiles, np.concatenate(log_prob) if log_prob else np.empty(0)

    @torch.inference_mode()
    def generate_trees(
        self, z: Tensor | np.ndarray, temperature: float = 0.0, generator: torch.Generator | None = None
    ) -> list[Generated]:
        """As :meth:`generate`, with the trees; some hundred points in each part.

        Raises:
            ConfigError: a negative temperature.
        """
        if not 0 <= temperature < float("inf"):
            raise ConfigError(f"temperature must be a number from 0 on, not {temperature}")
        points = self._points(z)
        return [generate(self.decoder, part, temperature, generator) for part in points.split(BATCH) if len(part)]

    def refine_points(self, molecules: TreeDataset, z: Tensor, steps: int, progress: Progress) -> Tensor:
        return refine(self.decoder, molecules, z, steps, progress=progress)

    def batch(self, items: Sequence[object]) -> TreeBatch:
        """Accepted molecules as what the encoder reads, on the model's device."""
        batch: TreeBatch = super().batch(items)  # type: ignore[arg-type]
        return batch
