"""What all VAEs of molecules share, however they read and write one: molecules to points and back, tables, paths.

A model of SMILES (:class:`molvae.molecules.vae.MoleculeVAE`) and a model of graphs
(:class:`molvae.molecules.graph_vae.GraphVAE`) say how molecules become batches and how a point is decoded; all else is
here, and the commands know only this.
"""

import warnings
from collections.abc import Container, Iterator, Sequence
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import pandas as pd
import torch
from rdkit import Chem
from torch import Tensor

from molvae.chemistry.domain import MOLECULES
from molvae.chemistry.drawing import molecule_svg
from molvae.chemistry.molecule import Molecule, canonical, parse_smiles
from molvae.core.candidates import PointCandidates, Prediction
from molvae.core.distributions import Posterior
from molvae.core.pretrained import Pretrained
from molvae.core.priors import StandardNormal
from molvae.core.sampling import fitted_gaussian, interpolate
from molvae.errors import CheckpointError, InputError, InvalidMoleculeWarning, abbreviate
from molvae.molecules.known import known_molecules
from molvae.molecules.language_model import LanguageModel
from molvae.molecules.policy import Policy
from molvae.molecules.predictor import PropertyPredictor
from molvae.molecules.refinement import STEPS
from molvae.molecules.reranking import Choice, decode_points, first_of_each, preferring
from molvae.run.drawn import drawn
from molvae.run.progress import Progress, on_stderr
from molvae.weights import LANGUAGE_MODEL

BATCH = 512  # molecules, or points, at a time
_BATCHES = 16  # of molecules, or points, in a part of a long list, at most
_DECODINGS = 250_000  # in a part, or those of one batch if they are more


def decoded_together(n_decodings: int) -> int:
    """How many points of a long list are decoded together: as many as memory likes, in whole batches."""
    return BATCH * max(1, min(_BATCHES, _DECODINGS // (BATCH * n_decodings)))


class Dataset(Protocol):
    """Molecules as a model reads them; a batch has a length and ``.to(device)``.

    Attributes:
        properties: (n, K), NaN where unknown; or None.
    """

    properties: np.ndarray | None

    def __len__(self) -> int: ...

    def batch(self, rows: np.ndarray) -> Any:
        """Gather molecules."""

    def batches_by_length(self, size: int) -> Iterator[tuple[np.ndarray, Any]]:
        """All molecules once, those of similar length together: up to ``size`` row numbers, and their batch."""


class MolecularModel(Pretrained):
    """A VAE whose points decode to molecules, with a property predictor on z.

    A subclass has :meth:`dataset`, :meth:`generate` and :meth:`refine_points`.
    """

    domain: ClassVar[Any] = MOLECULES
    prior: StandardNormal
    decoder: Any
    predictor: PropertyPredictor

    def dataset(self, smiles: Sequence[str], properties: np.ndarray | None = None) -> tuple[Dataset, dict[int, str]]:
        """Canonical SMILES as a data set of those that the model can hold, and why it refuses the other rows."""
        raise NotImplementedError

    def generate(
        self,
        z: Tensor | np.ndarray,
        temperature: float = 0.0,
        mask: str = "valence",
        generator: torch.Generator | None = None,
        retries: int = 10,
    ) -> tuple[list[str], np.ndarray]:
        """One SMILES for each latent point (n, D), and its log p(x|z) (n,) in nats."""
        raise NotImplementedError

    def refine_points(self, molecules: Any, z: Tensor, steps: int, progress: Progress) -> Tensor:
        """Points (n, D) on the model's device, one for each molecule of a data set of its own, as :meth:`refine` moves
        them; the result lies on the CPU.
        """
        raise NotImplementedError

    def held(self, smiles: str) -> str:
        """What the model can hold of a canonical SMILES: what decoding is compared with."""
        return smiles

    def auxiliary(self, x: Any, z: Tensor) -> dict[str, Tensor]:
        """log p(y|z) of the standardised properties."""
        if x.properties is None:
            return {}
        return {"properties": self.predictor.log_prob(z, x.properties)}

    def identifying_weights(self) -> dict[str, Tensor]:
        weights = super().identifying_weights()
        # factors of one change nothing: campaigns that were begun before predictors were calibrated go on
        if bool((self.predictor.calibration == 1).all()):
            del weights["predictor.calibration"]
        return weights

    @property
    def known(self) -> Container[str] | None:
        """Canonical SMILES of the training set; None if they were not kept."""
        return known_molecules(self.folder) if self.folder is not None else None

    def policy(self) -> Policy:
        """A GRU over SMILES that can be taught what to write; it ships beside the models, and is that of no latent
        space.
        """
        return Policy(LanguageModel.from_folder(LANGUAGE_MODEL))

    # --- molecules to latent space --------------------------------------------------------------------------

    def accepts(self, item: Molecule) -> str | None:
        """Why the model cannot hold a molecule, or None."""
        return self.dataset([item.smiles])[1].get(0)

    def batch(self, items: Sequence[Molecule]) -> Any:
        """Accepted molecules as what the encoder reads, on the model's device."""
        dataset, _ = self.dataset([item.smiles for item in items])
        return dataset.batch(np.arange(len(dataset))).to(self.device)

    @torch.inference_mode()
    def encode(
        self,
        smiles: Sequence[str | Molecule],
        canonicalise: bool = True,
        sample: bool = False,
        generator: torch.Generator | None = None,
        refine: bool = False,
        progress: Progress = on_stderr,
    ) -> Tensor:
        """Molecules to latent points.

        Args:
            smiles: n SMILES, or molecules.
            canonicalise: rewrite each SMILES as RDKit's canonical one first, as the model has learnt them.
            sample: draw z ~ q(z|x) instead of the posterior mean.
            generator: randomness of the draw.
            refine: move each point until its greedy decoding is its molecule, see :mod:`molvae.molecules.refinement`.
            progress: told how far the refinement has come.

        Returns:
            (n, D) float32 on the CPU; the row of a molecule that cannot be encoded is NaN, and an
            :class:`~molvae.errors.InvalidMoleculeWarning` names it.

        Raises:
            InputError: a single string was given instead of a list.
        """
        z, problems = self.encode_with_errors(smiles, canonicalise, sample, generator, refine, progress)
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
        smiles: Sequence[str | Molecule],
        canonicalise: bool = True,
        sample: bool = False,
        generator: torch.Generator | None = None,
        refine: bool = False,
        progress: Progress = on_stderr,
    ) -> tuple[Tensor, dict[int, str]]:
        """As :meth:`encode`, but returns the reasons by row number instead of warning."""
        if isinstance(smiles, str):
            raise InputError("encode takes a list of SMILES: write [smiles] for a single one")
        strings, problems = _strings(smiles, canonicalise)
        good = [row for row in range(len(strings)) if row not in problems]
        z = torch.full((len(strings), self.latent_size), torch.nan)
        refused, batches = self._posteriors([strings[row] for row in good])
        for rows, q in batches:
            points = q.rsample(1, generator)[0] if sample else q.mean
            z[[good[row] for row in rows]] = points.cpu()
        problems |= {good[row]: reason for row, reason in refused.items()}
        if refine:
            z = self.refine(strings, z, progress=progress)
        return z, dict(sorted(problems.items()))

    @torch.inference_mode()
    def log_posterior(self, smiles: Sequence[str], z: Tensor | np.ndarray) -> Tensor:
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
        _, batches = self._posteriors(list(smiles))
        for rows, q in batches:
            log_q[rows] = q.log_prob(points[rows].unsqueeze(0))[0].cpu()
        return log_q

    def refine(
        self, smiles: Sequence[str | Molecule], z: Tensor, steps: int = STEPS, progress: Progress = on_stderr
    ) -> Tensor:
        """Points (n, D) moved until they decode to their n canonical SMILES, or molecules, see
        :mod:`molvae.molecules.refinement`.

        Rows that are not finite, or whose molecule the model cannot hold, stay as they are.

        Raises:
            InputError: not as many points as molecules.
        """
        if z.ndim != 2 or len(z) != len(smiles):
            raise InputError(f"refine takes as many points as molecules, {len(smiles)}, not {tuple(z.shape)}")
        finite = torch.nonzero(torch.isfinite(z).all(-1)).flatten().tolist()
        strings, _ = _strings(smiles, canonicalise=False)
        dataset, refused = self.dataset([strings[row] for row in finite])
        rows = [row for index, row in enumerate(finite) if index not in refused]
        refined = z.detach().float().cpu().clone()
        refined[rows] = self.refine_points(dataset, refined[rows].to(self.device), steps, progress)
        return refined

    def _posteriors(self, strings: list[str]) -> tuple[dict[int, str], Iterator[tuple[list[int], Posterior]]]:
        """Why rows cannot be encoded, and q(z|x) of the others in batches, each with the rows that it holds."""
        dataset, refused = self.dataset(strings)
        accepted = np.array([row for row in range(len(strings)) if row not in refused], dtype=np.int64)
        return refused, (
            (accepted[rows].tolist(), self.posterior(batch.to(self.device)))
            for rows, batch in dataset.batches_by_length(BATCH)
        )

    @property
    def predicted_properties(self) -> tuple[str, ...]:
        """What :meth:`predict` knows."""
        return self.predictor.names

    def predict(self, z: Tensor | np.ndarray) -> Prediction:
        """Properties at latent points (n, D) with their uncertainties, in real units; differentiable in z.

        ``predict(z).to_frame()`` is a table.
        """
        points = self._points(z)
        prediction: Prediction = self.predictor(points.clone() if points.is_inference() else points)
        return prediction

    # --- latent space to molecules ------------------------------------------------------------------------------

    def decode(
        self,
        z: Tensor | np.ndarray,
        n_decodings: int = 50,
        temperature: float = 1.0,
        mask: str = "valence",
        seed: int = 0,
        choose: Choice = "posterior",
        generator: torch.Generator | None = None,
    ) -> pd.DataFrame:
        """The molecule that each latent point stands for: many decodings, the best valid one wins.

        One of the decodings is greedy, the others are sampled. ``n_decodings = 1`` is greedy decoding. By default
        the encoder decides, see :mod:`molvae.molecules.reranking`.

        Args:
            z: (n, D); a NaN row gives an invalid row.
            n_decodings: decodings for each point.
            temperature: of the sampled ones.
            mask: ``valence`` (default), ``syntax`` or ``none``; SELFIES need none, and whichever is named is none.
            seed: of the sampling.
            choose: ``posterior``, the molecule whose q(z|x) is densest at z, or ``votes``, the most frequent one.
            generator: in place of the seed, for points that come in parts, see :func:`decode_points`.

        Returns:
            n rows: ``smiles`` (canonical), ``valid``, ``votes`` (decodings that gave this molecule), ``log_prob`` (the
            largest log p(x|z) among them, nats), ``error`` (why nothing valid came). A notebook shows it with drawings.
        """
        points = decode_points(self, z, n_decodings, temperature, mask, seed, choose, generator)
        return drawn(first_of_each(points), "smiles", molecule_svg)

    def propose(self, z: Tensor, n: int, seed: int, temperature: float = 1.0) -> list[PointCandidates]:
        """What each point (n, D) decodes to in ``n`` decodings under the valence mask, most frequent first."""
        return decode_points(self, z, n, temperature, seed=seed, choose="votes")

    def sample(
        self,
        n: int,
        n_decodings: int = 1,
        mask: str = "valence",
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
        parts = self.sample_in_parts(n, n_decodings, mask, seed, like)
        return pd.concat(parts, ignore_index=True)

    def sample_in_parts(
        self,
        n: int,
        n_decodings: int = 1,
        mask: str = "valence",
        seed: int = 0,
        like: Sequence[str] | None = None,
    ) -> Iterator[pd.DataFrame]:
        """The rows of :meth:`sample`, some thousand at a time."""
        generator, decoding = (torch.Generator().manual_seed(seed) for _ in range(2))
        encodings = None if like is None else self._encodings(like)
        size = decoded_together(n_decodings)
        for start in range(0, max(n, 1), size):
            number = min(size, n - start)
            if encodings is None:
                z = self.prior.sample((number,), generator)
            else:
                z = fitted_gaussian(encodings, number, generator)
            yield self.decode(z, n_decodings=n_decodings, mask=mask, seed=seed, generator=decoding)

    def _encodings(self, like: Sequence[str]) -> Tensor:
        encodings, problems = self.encode_with_errors(like)
        encodings = encodings[torch.isfinite(encodings).all(-1)]
        if len(encodings) < 2:
            reason = f": {next(iter(problems.values()))}" if problems else ""
            raise InputError(f"a Gaussian needs at least two molecules that can be encoded{reason}")
        return encodings

    def interpolate(
        self,
        start: str,
        end: str,
        steps: int = 12,
        method: Literal["lerp", "slerp"] = "slerp",
        n_decodings: int = 50,
        seed: int = 0,
        refine: bool = True,
    ) -> pd.DataFrame:
        """Molecules along a path between two others.

        Args:
            start, end: SMILES.
            steps: points on the path, both ends included.
            method: straight line or great circle (Shoemake 1985; White 2016).
            n_decodings: decodings for each point.
            seed: of the decoding.
            refine: begin and end at points that decode to the two molecules, see :meth:`encode`; they then stand at the
                ends of the table wherever one of the decodings gives them, whatever the encoder would choose.

        Returns:
            ``steps`` rows: ``t`` from 0 to 1, then as :meth:`decode`, then the predicted properties.

        Raises:
            InputError: an end cannot be encoded.
        """
        z, problems = self.encode_with_errors([start, end], refine=refine)
        if problems:
            raise InputError(f"cannot interpolate: {'; '.join(problems.values())}")
        t = torch.linspace(0, 1, steps)
        path = interpolate(z[0], z[1], t, method)
        points = decode_points(self, path, n_decodings, seed=seed)
        if refine:
            for row, text in ((0, start), (-1, end)):
                points[row] = preferring(points[row], self.held(canonical(text) or text))
        table = first_of_each(points)
        table.insert(0, "t", t.numpy())
        return drawn(pd.concat([table, self.predict(path).to_frame()], axis=1), "smiles", molecule_svg)

    def _points(self, z: Tensor | np.ndarray) -> Tensor:
        points = torch.as_tensor(z, dtype=torch.float32, device=self.device)
        if points.ndim != 2 or points.shape[1] != self.latent_size:
            raise InputError(f"latent points must have shape (n, {self.latent_size}), not {tuple(points.shape)}")
        return points


def as_molecular(model: Pretrained, name: str) -> MolecularModel:
    """A loaded model as one of molecules.

    Raises:
        CheckpointError: it is of another kind.
    """
    if not isinstance(model, MolecularModel):
        raise CheckpointError(f"{name} holds a model of kind {model.kind!r}, not one of molecules")
    return model


def _strings(smiles: Sequence[str | Molecule], canonicalise: bool) -> tuple[list[str], dict[int, str]]:
    """Canonical SMILES, or what was given; the reason for each row that RDKit refuses."""
    strings, problems = [], {}
    for row, text in enumerate(smiles):
        if isinstance(text, Molecule):
            strings.append(text.smiles)
        elif canonicalise:
            mol, reason = parse_smiles(text)
            strings.append("" if mol is None else Chem.MolToSmiles(mol))
            if mol is None:
                problems[row] = f"{abbreviate(str(text))!r}: {reason}"
        else:
            strings.append(text)
    return strings, problems
