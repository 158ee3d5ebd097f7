"""The molecular variational autoencoder: what users hold in their hands.

model = MoleculeVAE.from_pretrained("zinc250k-flow")
z = model.encode(["CCO", "c1ccccc1"])
table = model.decode(z, n_decodings=50)
"""

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from molvae.chemistry.grammar import Level, SmilesGrammar
from molvae.chemistry.molecule import parse_smiles
from molvae.core.checkpoint import load_model_folder, save_model_folder
from molvae.core.distributions import Posterior, StandardNormal
from molvae.core.flows import CouplingFlow, FlowPosterior
from molvae.core.sampling import fitted_gaussian, interpolate
from molvae.core.vae import VAE
from molvae.errors import CheckpointError, InputError, InvalidMoleculeWarning, abbreviate
from molvae.molecules.dataset import MoleculeDataset, TokenBatch
from molvae.molecules.decoder import RecurrentDecoder
from molvae.molecules.decoding import generate, generate_until_complete
from molvae.molecules.encoder import ConvolutionalEncoder
from molvae.molecules.predictor import PropertyPredictor
from molvae.molecules.reranking import Choice, decode_table
from molvae.molecules.vocabulary import Vocabulary
from molvae.run.config import Config, Count
from molvae.run.device import choose_device, gains_from_bfloat16
from molvae.weights import weights_folder

Mask = Literal["none", "syntax", "valence"]


class MoleculeVAEConfig(Config):
    """The shape of a molecular VAE."""

    latent_size: int = Field(64, ge=1, le=10_000)
    """Dimensions of z."""
    embedding_size: int = Field(64, ge=1, le=16_384)
    """Width of the token embedding of the encoder."""
    channels: int = Field(256, ge=1, le=16_384)
    """Width of the encoder's convolutions."""
    narrow_channels: int = Field(32, ge=1, le=16_384)
    """Width of the encoder where it is flattened."""
    dense_size: int = Field(512, ge=1, le=16_384)
    """Width of the encoder's dense layer."""
    dilations: tuple[Count, ...] = (1, 2, 4)
    """One residual block each."""
    hidden_size: int = Field(512, ge=1, le=16_384)
    """Width of the GRU decoder."""
    position_channels: int = Field(0, ge=0, le=16_384)
    """Width of what the decoder derives from z for every position; 0: z enters the same way at all positions."""
    flow_layers: int = Field(0, ge=0, le=100)
    """Coupling layers between the decoder's code and the latent space; 0: they are the same."""
    flow_width: int = Field(256, ge=1, le=16_384)
    """Width of each."""
    predictor_size: int = Field(256, ge=1, le=16_384)
    """Width of the property predictor."""
    properties: tuple[str, ...] = ("QED", "SAS", "logP")
    """What the predictor learns."""


class MoleculeVAE(VAE):
    """CNN encoder, GRU decoder, N(0, I) prior and a property predictor on z.

    Follows Gomez-Bombarelli et al. 2018. The joint objective is E[log p(x|z)] - beta KL + w log p(y|z), all in
    nats per molecule.

    Args:
        config: its shape.
        vocabulary: its tokens.
        card: what the model folder's README says, kept when the model is saved again.
    """

    encoder: ConvolutionalEncoder
    decoder: RecurrentDecoder
    prior: StandardNormal

    def __init__(self, config: MoleculeVAEConfig, vocabulary: Vocabulary, card: str = "") -> None:
        super().__init__(
            ConvolutionalEncoder(
                len(vocabulary),
                vocabulary.max_length,
                config.latent_size,
                config.embedding_size,
                config.channels,
                config.narrow_channels,
                config.dense_size,
                config.dilations,
            ),
            StandardNormal(config.latent_size),
            RecurrentDecoder(
                len(vocabulary),
                config.latent_size,
                config.hidden_size,
                vocabulary.max_length,
                config.position_channels,
                flow=CouplingFlow(config.latent_size, config.flow_layers, config.flow_width)
                if config.flow_layers
                else None,
            ),
        )
        self.predictor = PropertyPredictor(config.latent_size, config.properties, config.predictor_size)
        self.config = config
        self.vocabulary = vocabulary
        self.card = card
        self.folder: Path | None = None

    def posterior(self, x: TokenBatch) -> Posterior:
        """q(z|x), in the space whose prior is N(0, I)."""
        q: Posterior = self.encoder(x)
        return q if self.decoder.flow is None else FlowPosterior(q, self.decoder.flow)

    def auxiliary(self, x: TokenBatch, z: Tensor) -> dict[str, Tensor]:
        """log p(y|z) of the standardised properties."""
        if x.properties is None:
            return {}
        return {"properties": self.predictor.log_prob(z, x.properties)}

    # --- folders -----------------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path, device: str = "auto") -> "MoleculeVAE":
        """Load a shipped model by name, or any model folder.

        Raises:
            CheckpointError: no such model, or its folder is incomplete, damaged or altered.
        """
        folder = weights_folder(name_or_folder)
        tensors, settings = load_model_folder(folder)
        if settings.get("kind") != "molecule-vae":
            raise CheckpointError(f"{folder} holds a {settings.get('kind')!r}, not a molecule-vae")
        vocabulary = Vocabulary.from_json((folder / "vocabulary.json").read_text(encoding="utf-8"))
        card = folder / "README.md"
        model = cls(
            MoleculeVAEConfig.create(settings["model"]),
            vocabulary,
            card.read_text(encoding="utf-8") if card.is_file() else "",
        )
        try:
            model.load_state_dict({key: value.float() for key, value in tensors.items()})
        except RuntimeError:
            raise CheckpointError(f"the weights in {folder} do not fit its config.json: get the folder again") from None
        model.folder = folder
        return model.to(choose_device(device)).eval()

    def save_pretrained(self, folder: str | Path, half: bool = False, extra_files: Sequence[str] = ()) -> None:
        """Write a model folder: weights, config, vocabulary, card.

        Args:
            folder: created if need be.
            half: store float16 weights.
            extra_files: files that lie in the folder already and belong to the model; their checksums are kept too.
        """
        state = {name: value.half() if half else value for name, value in self.state_dict().items()}
        settings = {"kind": "molecule-vae", "model": self.config.model_dump(mode="json")}
        texts = {"vocabulary.json": self.vocabulary.to_json(), "README.md": self.card}
        save_model_folder(Path(folder), state, settings, texts, extra_files)
        self.folder = Path(folder)

    def fingerprint(self) -> str:
        """SHA-256 of all weights: two models with the same one are the same."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    # --- molecules to latent space --------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @torch.inference_mode()
    def encode(
        self,
        smiles: Sequence[str],
        canonicalise: bool = True,
        sample: bool = False,
        generator: torch.Generator | None = None,
        batch_size: int = 512,
    ) -> Tensor:
        """Molecules to latent points.

        Args:
            smiles: n SMILES.
            canonicalise: rewrite each as RDKit's canonical SMILES first, as the model has learnt them.
            sample: draw z ~ q(z|x) instead of the posterior mean.
            generator: randomness of the draw.
            batch_size: molecules at a time.

        Returns:
            (n, D) float32 on the CPU; the row of a molecule that cannot be encoded is NaN, and an
            :class:`~molvae.errors.InvalidMoleculeWarning` names it.

        Raises:
            InputError: a single string was given instead of a list.
        """
        z, problems = self.encode_with_errors(smiles, canonicalise, sample, generator, batch_size)
        if problems:
            shown = "; ".join(f"row {row}: {reason}" for row, reason in list(problems.items())[:5])
            more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
            warnings.warn(
                f"{len(problems)} of {len(smiles)} molecules could not be encoded (NaN): {shown}{more}",
                InvalidMoleculeWarning,
                stacklevel=2,
            )
        return z

    @torch.inference_mode()
    def encode_with_errors(
        self,
        smiles: Sequence[str],
        canonicalise: bool = True,
        sample: bool = False,
        generator: torch.Generator | None = None,
        batch_size: int = 512,
    ) -> tuple[Tensor, dict[int, str]]:
        """As :meth:`encode`, but returns the reasons by row number instead of warning."""
        if isinstance(smiles, str):
            raise InputError("encode takes a list of SMILES: write [smiles] for a single one")
        strings: list[str] = list(smiles)
        problems: dict[int, str] = {}
        if canonicalise:
            strings, problems = _canonical_strings(strings)
        good = [row for row in range(len(strings)) if row not in problems]
        z = torch.full((len(strings), self.config.latent_size), torch.nan)
        refused, batches = self._posteriors([strings[row] for row in good], batch_size)
        for rows, q in batches:
            points = q.rsample(1, generator)[0] if sample else q.mean
            z[[good[row] for row in rows]] = points.cpu()
        problems |= {good[row]: reason for row, reason in refused.items()}
        return z, dict(sorted(problems.items()))

    @torch.inference_mode()
    def log_posterior(self, smiles: Sequence[str], z: Tensor | np.ndarray, batch_size: int = 512) -> Tensor:
        """log q(z|x) of n pairs of a canonical SMILES and a latent point (n, D).

        Returns:
            (n,) float32 in nats on the CPU; NaN where the molecule cannot be encoded.

        Raises:
            InputError: not as many molecules as points.
        """
        points = self._points(z)
        if isinstance(smiles, str) or len(smiles) != len(points):
            raise InputError(f"log_posterior takes a list of as many SMILES as there are points, {len(points)}")
        log_q = torch.full((len(points),), torch.nan)
        _, batches = self._posteriors(list(smiles), batch_size)
        for rows, q in batches:
            log_q[rows] = q.log_prob(points[rows].unsqueeze(0))[0].cpu()
        return log_q

    def _posteriors(
        self, strings: list[str], batch_size: int
    ) -> tuple[dict[int, str], Iterator[tuple[list[int], Posterior]]]:
        """Why rows cannot be encoded, and q(z|x) of the others in batches, each with the rows that it holds."""
        dataset, refused = MoleculeDataset.build(strings, self.vocabulary)
        kept = np.array([row for row in range(len(strings)) if row not in refused], dtype=np.int64)
        # neighbours in length share a batch
        order = np.argsort(dataset.lengths(), kind="stable")
        parts = (order[start : start + batch_size] for start in range(0, len(order), batch_size))
        return refused, ((kept[rows].tolist(), self.posterior(dataset.batch(rows).to(self.device))) for rows in parts)

    @torch.inference_mode()
    def predict(self, z: Tensor | np.ndarray) -> pd.DataFrame:
        """Properties at latent points (n, D): each with its uncertainty as ``<name>_std``, in real units."""
        prediction = self.predictor(self._points(z))
        columns: dict[str, Any] = {}
        for place, name in enumerate(self.predictor.names):
            columns[name] = prediction.mean[:, place].cpu().numpy()
            columns[f"{name}_std"] = prediction.std[:, place].cpu().numpy()
        return pd.DataFrame(columns)

    # --- latent space to molecules ------------------------------------------------------------------------------

    def grammar(self, mask: Mask) -> "_GrammarFactory | None":
        """The constraint for decoding: none, well-formed SMILES, or well-formed with sane valences and aromaticity."""
        return None if mask == "none" else _GrammarFactory(self.vocabulary, mask)

    @torch.inference_mode()
    def generate(
        self,
        z: Tensor | np.ndarray,
        temperature: float = 0.0,
        top_p: float = 1.0,
        mask: Mask = "valence",
        generator: torch.Generator | None = None,
        batch_size: int = 512,
        retries: int = 10,
    ) -> tuple[list[str], np.ndarray]:
        """One SMILES for each latent point (n, D), and its log p(x|z) (n,) in nats; nothing is checked by RDKit.

        Matrix products are in bfloat16 where the processor gains from it, as in training. Under a mask, what runs into
        a dead end is decoded again up to ``retries`` times.
        """
        strings: list[str] = []
        log_prob: list[np.ndarray] = []
        constraint = self.grammar(mask)
        dtype = torch.bfloat16 if gains_from_bfloat16(self.device) else torch.float32
        for points in self._points(z).split(batch_size):
            made = (
                generate(self.decoder, points, temperature, top_p, generator, dtype=dtype)
                if constraint is None
                else generate_until_complete(
                    self.decoder, points, constraint, temperature, top_p, generator, retries, dtype
                )
            )
            strings += [self.vocabulary.decode(row) for row in made.tokens.tolist()]
            log_prob.append(made.log_prob.cpu().numpy())
        return strings, np.concatenate(log_prob) if log_prob else np.empty(0)

    def decode(
        self,
        z: Tensor | np.ndarray,
        n_decodings: int = 50,
        temperature: float = 1.0,
        top_p: float = 1.0,
        mask: Mask = "valence",
        seed: int = 0,
        choose: Choice = "posterior",
    ) -> pd.DataFrame:
        """The molecule that each latent point stands for: many decodings, the best valid one wins.

        One of the decodings is greedy, the others are sampled. ``n_decodings = 1`` is greedy decoding. By default
        the encoder decides, see :mod:`molvae.molecules.reranking`.

        Args:
            z: (n, D); a NaN row gives an invalid row.
            n_decodings: decodings for each point.
            temperature: of the sampled ones.
            top_p: nucleus of the sampled ones.
            mask: ``valence`` (default), ``syntax`` or ``none``.
            seed: of the sampling.
            choose: ``posterior``, the molecule whose q(z|x) is densest at z, or ``votes``, the most frequent one.

        Returns:
            n rows: ``smiles`` (canonical), ``valid``, ``votes`` (decodings that gave this molecule), ``log_prob`` (the
            largest log p(x|z) among them, nats), ``error`` (why nothing valid came).
        """
        return decode_table(self, z, n_decodings, temperature, top_p, mask, seed, choose)

    def sample(
        self,
        n: int,
        n_decodings: int = 1,
        mask: Mask = "valence",
        seed: int = 0,
        like: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Molecules at n random points, as :meth:`decode` returns them.

        Args:
            n: how many.
            n_decodings: decodings for each point.
            mask: see :meth:`decode`.
            seed: of points and decodings.
            like: SMILES; the points come from the Gaussian fitted to their encodings instead of from the prior.

        Raises:
            InputError: fewer than two molecules of ``like`` can be encoded.
        """
        generator = torch.Generator().manual_seed(seed)
        if like is None:
            z = self.prior.sample((n,), generator)
        else:
            encodings, problems = self.encode_with_errors(like)
            encodings = encodings[torch.isfinite(encodings).all(-1)]
            if len(encodings) < 2:
                reason = f": {next(iter(problems.values()))}" if problems else ""
                raise InputError(f"a Gaussian needs at least two molecules that can be encoded{reason}")
            z = fitted_gaussian(encodings, n, generator)
        return self.decode(z, n_decodings=n_decodings, mask=mask, seed=seed)

    def interpolate(
        self,
        start: str,
        end: str,
        steps: int = 12,
        method: Literal["lerp", "slerp"] = "slerp",
        n_decodings: int = 50,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Molecules along a path between two others.

        Args:
            start, end: SMILES.
            steps: points on the path, both ends included.
            method: straight line or great circle (Shoemake 1985; White 2016).
            n_decodings: decodings for each point.
            seed: of the decoding.

        Returns:
            ``steps`` rows: ``t`` from 0 to 1, then as :meth:`decode`, then the predicted properties.

        Raises:
            InputError: an end cannot be encoded.
        """
        z, problems = self.encode_with_errors([start, end])
        if problems:
            raise InputError(f"cannot interpolate: {'; '.join(problems.values())}")
        t = torch.linspace(0, 1, steps)
        path = interpolate(z[0], z[1], t, method)
        table = self.decode(path, n_decodings=n_decodings, seed=seed)
        table.insert(0, "t", t.numpy())
        return pd.concat([table, self.predict(path)], axis=1)

    def _points(self, z: Tensor | np.ndarray) -> Tensor:
        points = torch.as_tensor(z, dtype=torch.float32, device=self.device)
        if points.ndim != 2 or points.shape[1] != self.config.latent_size:
            raise InputError(f"latent points must have shape (n, {self.config.latent_size}), not {tuple(points.shape)}")
        return points


class _GrammarFactory:
    """Binds the level, so that decoding need not know what levels there are."""

    def __init__(self, vocabulary: Vocabulary, level: Level) -> None:
        self.grammar = SmilesGrammar(vocabulary.tokens, vocabulary.max_length)
        self.level = level

    def start(self) -> Any:
        return self.grammar.start(level=self.level)


def _canonical_strings(strings: list[str]) -> tuple[list[str], dict[int, str]]:
    """Canonical SMILES; the reason for each row that RDKit refuses."""
    from rdkit import Chem

    out, problems = [], {}
    for row, smiles in enumerate(strings):
        mol, reason = parse_smiles(smiles)
        if mol is None:
            problems[row] = f"{abbreviate(str(smiles))!r}: {reason}"
        out.append("" if mol is None else Chem.MolToSmiles(mol))
    return out, problems
