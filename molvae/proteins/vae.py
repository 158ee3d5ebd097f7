"""The VAE of a protein family over a pretrained transformer (ProT-VAE, Sevgen et al. 2025).

    x --encoder--> states --compression--> code --MLP--> q(z|x)      z --MLP--> code --decompression--> memory
                                                                     p(x|z) = prod_t decoder(x_t | x_<t, memory)

Encoder and compression are frozen, so a family is compressed once and its VAE is trained on codes. See
:mod:`molvae.proteins.training` for the three stages.
"""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from molvae.core.candidates import PointCandidates, Prediction
from molvae.core.distributions import Posterior
from molvae.core.heads import DiagonalGaussianHead
from molvae.core.pretrained import Pretrained
from molvae.core.priors import StandardNormal
from molvae.core.training_set import TrainingSet, known_file
from molvae.errors import InputError
from molvae.proteins.batches import ResidueBatch, family_in_order, plain_batch, texts
from molvae.proteins.compression import Compression, Decompression
from molvae.proteins.config import ProteinVAEConfig
from molvae.proteins.decoding import candidates_of
from molvae.proteins.domain import ProteinDomain, domain_of
from molvae.proteins.function import FunctionModel
from molvae.proteins.likelihood import SequenceLikelihood, generate
from molvae.proteins.local_encoder import LocalEncoder
from molvae.proteins.sequence import Protein
from molvae.proteins.transformer import ProteinTransformer, ResidueDecoder, Writing

KNOWN = "known.npy"
"""Hashes of the training sequences in a model folder."""
FUNCTION = "function.csv"
"""The fitted function model in a model folder."""
BATCH = 256  # sequences, or points, at a time


class FamilyEncoder(nn.Module):
    """A batch -> q(z|x); codes that come with the batch are taken as they are."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: ProteinVAEConfig) -> None:
        super().__init__()
        transformer, compression = config.transformer, config.compression
        self.transformer: nn.Module = (
            ProteinTransformer(transformer).encoder if config.encoder is None else LocalEncoder(config.encoder)
        )
        self.compression = Compression(compression, config.width, transformer.heads)
        self.head = DiagonalGaussianHead(config.latent_size)
        self.network = nn.Sequential(
            nn.Linear(compression.size, config.hidden_size),
            nn.GELU(),
            nn.Linear(config.hidden_size, config.hidden_size),
            nn.GELU(),
            nn.Linear(config.hidden_size, self.head.outputs),
        )
        # codes of the family have mean 0 and deviation 1 for the network
        self.register_buffer("mean", torch.zeros(compression.size))
        self.register_buffer("scale", torch.ones(compression.size))

    def codes(self, x: ResidueBatch) -> Tensor:
        """Compressed codes (B, C)."""
        if x.codes is not None:
            return x.codes
        code: Tensor = self.compression(*self.transformer(x.source, x.offset))
        return code

    def forward(self, x: ResidueBatch) -> Posterior:
        q: Posterior = self.head(self.network((self.codes(x) - self.mean) / self.scale))
        return q


class FamilyDecoder(nn.Module):
    """z -> code -> memory -> p(x|z)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: ProteinVAEConfig) -> None:
        super().__init__()
        transformer, compression = config.transformer, config.compression
        self.max_length = config.max_length
        self.network = nn.Sequential(
            nn.Linear(config.latent_size, config.hidden_size),
            nn.GELU(),
            nn.Linear(config.hidden_size, config.hidden_size),
            nn.GELU(),
            nn.Linear(config.hidden_size, compression.size),
        )
        self.register_buffer("mean", torch.zeros(compression.size))
        self.register_buffer("scale", torch.ones(compression.size))
        self.decompression = Decompression(compression, transformer.width, transformer.heads, transformer.max_length)
        self.writer = ResidueDecoder(transformer)

    def code(self, z: Tensor) -> Tensor:
        """z (N, D) -> compressed code (N, C)."""
        code: Tensor = self.mean + self.scale * self.network(z)
        return code

    def forward(self, z: Tensor) -> SequenceLikelihood:
        """z (S, B, D) -> p(x|z)"""
        return SequenceLikelihood(self, z)

    def memory(self, z: Tensor) -> Tensor:
        """z (N, D) -> what the writer attends to, (N, longest + 1, W)."""
        memory: Tensor = self.decompression(self.code(z), self.max_length + 1)
        return memory

    def logits(self, z: Tensor, inputs: Tensor) -> Tensor:
        """Teacher forcing: z (N, D), inputs (N, T) -> logits of the next token (N, T, V)."""
        logits: Tensor = self.writer(inputs, self.memory(z), None, torch.zeros(len(z), dtype=torch.long))
        return logits

    def begin(self, z: Tensor) -> Writing:
        """Empty sequences at z (N, D)."""
        return Writing(self.writer, self.memory(z), self.max_length + 1)


class ProteinVAE(Pretrained):
    """See the module.

    Args:
        config: its shape.
        function: a model of measured function, which makes the property ``function`` of its domain; or None.
        card: what the model folder's README says.
    """

    kind: ClassVar[str] = "protein-vae"
    config: ProteinVAEConfig
    prior: StandardNormal
    encoder: FamilyEncoder
    decoder: FamilyDecoder

    def __init__(self, config: ProteinVAEConfig, function: FunctionModel | None = None, card: str = "") -> None:
        super().__init__(FamilyEncoder(config), StandardNormal(config.latent_size), FamilyDecoder(config))
        self.config, self.card = config, card
        self.domain = ProteinDomain(function)

    @property
    def function(self) -> FunctionModel | None:
        """The model of measured function, if there is one."""
        return self.domain.function

    def texts(self) -> dict[str, str]:
        return {} if self.function is None else {FUNCTION: self.function.to_csv()}

    @classmethod
    def build(cls, settings: Mapping[str, Any], folder: Path) -> Self:
        model = cls(ProteinVAEConfig.create(settings["model"]))
        model.domain = domain_of(folder)
        return model

    def auxiliary(self, x: ResidueBatch, z: Tensor) -> dict[str, Tensor]:
        """``code``: log-density, up to a constant, of the standardised code of x around that of z, N(., I)."""
        if x.codes is None:
            return {}
        target = (x.codes - self.decoder.mean) / self.decoder.scale
        return {"code": -0.5 * ((self.decoder.network(z) - target) ** 2).sum(-1).mean(0)}

    @property
    def known(self) -> Container[str] | None:
        """Sequences of the training set; None if they were not kept."""
        path = None if self.folder is None else known_file(self.folder)
        return None if path is None else TrainingSet.load(path)

    # --- sequences to latent space -----------------------------------------------------------------------------

    def accepts(self, item: Protein) -> str | None:
        """Why the model cannot hold a protein, or None."""
        longest = self.config.max_length
        return None if len(item) <= longest else f"{len(item)} residues; the model holds up to {longest}"

    def batch(self, items: Sequence[Protein]) -> ResidueBatch:
        """Accepted proteins as what the encoder reads, on the model's device."""
        return plain_batch([item.sequence for item in items]).to(self.device)

    @torch.inference_mode()
    def codes(self, sequences: Sequence[str]) -> Tensor:
        """Compressed codes (n, C) of sequences that the model can hold, on the CPU."""
        order = np.argsort([len(sequence) for sequence in sequences], kind="stable")
        result = torch.empty(len(sequences), self.config.compression.size)
        for batch, rows in self._batches(sequences, order):
            result[rows] = self.encoder.codes(batch).cpu()
        return result

    @torch.inference_mode()
    def states(self, sequences: Sequence[str]) -> Tensor:
        """Means of the transformer's states over the residues, (n, W), on the CPU."""
        order = np.argsort([len(sequence) for sequence in sequences], kind="stable")
        result = torch.empty(len(sequences), self.config.width)
        for batch, rows in self._batches(sequences, order):
            states, mask = self.encoder.transformer(batch.source, batch.offset)
            there = mask[:, 0, 0].unsqueeze(-1)
            result[rows] = ((states * there).sum(1) / there.sum(1)).cpu()
        return result

    def _batches(self, sequences: Sequence[str], order: np.ndarray) -> list[tuple[ResidueBatch, np.ndarray]]:
        parts = [order[first : first + BATCH] for first in range(0, len(order), BATCH)]
        return [(plain_batch([sequences[row] for row in rows]).to(self.device), rows) for rows in parts]

    @torch.inference_mode()
    def encode(self, items: Sequence[Protein | str]) -> Tensor:
        """Posterior means (n, D) of proteins, on the CPU; the row of one that cannot be encoded is NaN.

        Raises:
            InputError: a single string was given instead of a list.
        """
        return self.encode_with_errors(items)[0]

    @torch.inference_mode()
    def encode_with_errors(self, items: Sequence[Protein | str]) -> tuple[Tensor, dict[int, str]]:
        """As :meth:`encode`, with the reasons by row number."""
        if isinstance(items, str):
            raise InputError("encode takes a list of sequences: write [sequence] for a single one")
        problems: dict[int, str] = {}
        good: dict[int, str] = {}
        for row, text in enumerate(items):
            item, reason = (text, "") if isinstance(text, Protein) else Protein.parse(text)
            reason = reason or (self.accepts(item) if item is not None else "") or ""
            if item is None or reason:
                problems[row] = reason
            else:
                good[row] = item.sequence
        z = torch.full((len(items), self.latent_size), torch.nan)
        sequences, rows = list(good.values()), list(good)
        order = np.argsort([len(sequence) for sequence in sequences], kind="stable")
        for batch, part in self._batches(sequences, order):
            z[[rows[index] for index in part]] = self.posterior(batch).mean.cpu()
        return z, problems

    # --- latent space to sequences -----------------------------------------------------------------------------

    @torch.inference_mode()
    def generate(
        self, z: Tensor | np.ndarray, temperature: float = 0.0, generator: torch.Generator | None = None
    ) -> tuple[list[str], np.ndarray]:
        """One sequence for each latent point (n, D), and its log p(x|z) (n,) in nats."""
        points = self.points(z)
        parts = [generate(self.decoder, part, temperature, generator) for part in points.split(BATCH) if len(part)]
        sequences = [text for tokens, _ in parts for text in texts(tokens)]
        return sequences, np.concatenate([total.cpu().numpy() for _, total in parts]) if parts else np.empty(0)

    def variants(self, sequences: Sequence[str], seed: int = 0) -> list[str]:
        """What the model writes near some sequences, without repeats and without any of them.

        Twice for each that it can hold: at its z with temperature 0.5, and at z + N(0, 0.3^2) with temperature 1.
        """
        generator = torch.Generator().manual_seed(seed)
        z = self.encode(sequences)
        z = z[z.isfinite().all(-1)]
        near = z + 0.3 * torch.randn(z.shape, generator=generator)
        written = [*self.generate(near, 1.0, generator)[0], *self.generate(z, 0.5, generator)[0]]
        given = set(sequences)
        return [text for text in dict.fromkeys(written) if text not in given and Protein.parse(text)[0] is not None]

    def propose(self, z: Tensor, n: int, seed: int, temperature: float = 1.0) -> list[PointCandidates]:
        """What each point (n, D) decodes to in ``n`` decodings, the first of them greedy; most frequent first."""
        return candidates_of(self, z, n, seed, temperature)

    @property
    def predicted_properties(self) -> tuple[str, ...]:
        """None: what is known of function is fitted to sequences, not to z."""
        return ()

    def predict(self, z: Tensor) -> Prediction | None:
        """None, see :attr:`predicted_properties`."""
        return None

    def points(self, z: Tensor | np.ndarray) -> Tensor:
        """Latent points (n, D) on the model's device.

        Raises:
            InputError: of another shape.
        """
        points = torch.as_tensor(z, dtype=torch.float32, device=self.device)
        if points.ndim != 2 or points.shape[1] != self.latent_size:
            raise InputError(f"latent points must have shape (n, {self.latent_size}), not {tuple(points.shape)}")
        return points

    def in_order(self, sequences: Sequence[str], codes: Tensor | None = None) -> list[ResidueBatch]:
        """Batches of whole sequences for evaluation, their codes computed once."""
        return family_in_order(sequences, self.codes(sequences) if codes is None else codes)
