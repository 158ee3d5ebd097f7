"""Decoder of a graph VAE: z -> p(x|z), a lazy distribution over junction trees, and so over molecules."""

from dataclasses import dataclass

import torch
from torch import Tensor

from molvae.molecules.junction_tree import JunctionTree
from molvae.molecules.tree_batches import TreeBatch
from molvae.molecules.tree_generation import generate
from molvae.molecules.tree_network import TreeNetwork


class TreeDecoder(TreeNetwork):
    """The network, called as the decoder of a VAE is."""

    def forward(self, z: Tensor) -> "TreeLikelihood":
        """z (S, B, D) -> p(x|z)"""
        return TreeLikelihood(self, z)


@dataclass(frozen=True)
class TreeLikelihood:
    """p(x|z) for z (S, B, D): nothing is computed until it is asked for."""

    network: TreeNetwork
    z: Tensor

    def log_prob(self, x: TreeBatch) -> Tensor:
        """Sum of the log-probabilities of all decisions, (S, B)."""
        return torch.stack([self.network.log_prob(z, x) for z in self.z])

    def sample(self, generator: torch.Generator | None = None) -> list[list[JunctionTree]]:
        """One tree drawn for each z, S lists of B."""
        return [generate(self.network, z, 1.0, generator).trees for z in self.z]

    @property
    def mode(self) -> list[list[JunctionTree]]:
        """The greedy tree for each z, S lists of B."""
        return [generate(self.network, z).trees for z in self.z]
