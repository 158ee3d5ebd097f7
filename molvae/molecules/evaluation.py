"""What a molecular VAE is worth, each number by its published protocol.

Reconstruction of held-out molecules (a molecule counts as rebuilt if the canonical SMILES agree):

- ``D``: posterior mean, greedy decoding;
- ``S``: one z ~ q(z|x), greedy decoding;
- ``D, refined``: the posterior mean moved until it decodes to its molecule (:mod:`molvae.molecules.refinement`), of the
  first 1,000 held-out molecules, greedy decoding;
- ``JT``: 10 draws of z times 10 sampled decodings of each, the fraction of the 100 that agree (Jin et al. 2018);

A model of graphs holds no stereo marks: of it all held-out molecules are measured without them, which ``held`` in the
protocol says. Its decoder needs no mask, so that the masks below make no difference to it.

No mask is used for these, and each counts single decodings, as published numbers do. Beside them stands what the
default of ``molvae decode`` gives back: 50 decodings of one point under the valence mask, one of which is chosen
(:mod:`molvae.molecules.reranking`), of the posterior means of the first 1,000 held-out molecules (``D``), and of 10
draws z ~ q(z|x) of each of the first 100 (``JT``). ``posterior`` is the fraction rebuilt when q(z|x) chooses, ``votes``
when the most frequent molecule wins, and ``any`` when an oracle that knows the answer would choose: the bound of both.

Validity of the prior: z ~ N(0, I), one greedy decoding of each; without mask, with the syntax mask (what is always
well-formed), and with the valence mask (the default of every other command; what runs into a dead end of the mask
is decoded again, at most ten times, sampled). ``sampled`` and ``sampled_valence`` decode each point ten times at
temperature 1. ``fitted`` draws z from the Gaussian fitted to the held-out encodings instead (no mask): the aggregate
posterior is where the decoder was trained. ``round trip`` is the fraction of the same points whose molecule x', one
greedy decoding under the valence mask, comes back: greedy decoding without mask of the posterior mean of x' gives x'
again. What is not valid, or cannot be encoded, does not come back.

Generated molecules: 10,000 prior points, one greedy decoding of each without mask, beside the held-out molecules by
the definitions of MOSES (:mod:`molvae.chemistry.metrics`).

Smoothness, greedy decoding without mask: on great circles between random pairs of held-out molecules, and at points a
given distance from a held-out molecule's mean in random directions (in standard deviations of the prior; two random
molecules are about sqrt(2 D) apart); validity, and Tanimoto similarity (ECFP4) to the nearer end, or to the molecule.
Of paths also ``new``, the distinct valid molecules of a path that are neither of its ends as a share of its points, and
``similarity_to_both``, the mean of the similarities of a valid point to the two ends.

Properties that are predicted at the posterior means of held-out molecules: mean absolute error, and ``coverage_50`` and
``coverage_90``, the fractions whose property lies in the central interval to which the prediction gives that
probability. More than that is too little confidence, less is too much.

The likelihood is importance-sampled (Burda et al. 2016), in nats per molecule as the model writes it: of its
canonical SMILES, so it is no more than a bound for the molecule itself.

A collapsed VAE has a valid prior and rebuilds nothing, so validity is
only worth something beside reconstruction in the same checkpoint.
"""

import time
from collections.abc import Container, Iterable, Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from molvae.chemistry.metrics import generated_quality, mean_similarity
from molvae.chemistry.molecule import canonical
from molvae.core.candidates import coverage
from molvae.core.evaluate import evaluate_bounds, importance_log_likelihood
from molvae.core.sampling import fitted_gaussian, slerp
from molvae.errors import InputError
from molvae.molecules.base import MolecularModel
from molvae.molecules.refinement import STEPS, rebuilt
from molvae.molecules.reranking import by_votes, decode_points
from molvae.molecules.training import MoleculeData
from molvae.run.config import Config, Seed
from molvae.run.panels import Panel
from molvae.run.progress import Progress, on_stderr, track

_PICTURED = 12
_COVERAGE = (50, 90)  # per cent
_PRIOR_LABELS = {
    "none": "without mask",
    "syntax": "syntax mask",
    "valence": "valence mask",
    "sampled": "without mask, 10 sampled",
    "sampled_valence": "valence mask, 10 sampled",
    "fitted": "fitted Gaussian",
}


class EvaluationConfig(Config):
    """How much to measure."""

    molecules: int | None = Field(None, ge=1, le=1_000_000_000)
    """Held-out molecules; default: all."""
    jt_molecules: int = Field(200, ge=0, le=1_000_000)
    """Held-out molecules for protocol JT, 100 decodings each; 0 leaves it out."""
    chosen_points: int = Field(1000, ge=0, le=100_000)
    """Latent points for each of the two rows of many decodings; 0 leaves them out."""
    n_decodings: int = Field(50, ge=1, le=10_000)
    """Decodings of each of them."""
    refine_steps: int = Field(STEPS, ge=0, le=10_000)
    """Steps of the refined encodings, of the first ``chosen_points`` molecules; 0 leaves them out."""
    prior_samples: int = Field(1000, ge=1, le=1_000_000)
    """Points of the prior."""
    nll_molecules: int = Field(200, ge=0, le=1_000_000)
    """Held-out molecules for the importance-sampled likelihood; 0 leaves it out."""
    nll_samples: int = Field(100, ge=1, le=1_000_000)
    """Draws of z for each of them."""
    generated: int = Field(10_000, ge=0, le=1_000_000)
    """Points of the prior whose molecules are compared with the held-out ones; 0 leaves it out."""
    paths: int = Field(100, ge=0, le=100_000)
    """Great circles between pairs of held-out molecules, nine points each; 0 leaves them out."""
    neighbourhoods: int = Field(200, ge=0, le=100_000)
    """Held-out molecules whose surroundings are looked at; 0 leaves them out."""
    radii: tuple[Annotated[float, Field(ge=0, le=1000)], ...] = (1.0, 2.0, 4.0)
    """Distances of the points around them."""
    seed: Seed = 0
    """Of every draw."""


def evaluate_model(
    model: MolecularModel,
    held_out: MoleculeData,
    config: EvaluationConfig,
    known: Container[str] | None = None,
    progress: Progress = on_stderr,
) -> dict[str, Any]:
    """Measure everything.

    Args:
        model: in eval mode.
        held_out: canonical SMILES with the properties that the model predicts.
        config: how much.
        known: training molecules, for novelty.
        progress: told how far it has come.

    Returns:
        Nested dictionary of numbers (JSON): ``reconstruction``, ``many_decodings``, ``prior``, ``generated``,
        ``smoothness``, ``latent``, ``properties``, ``protocol``.

    Raises:
        InputError: the model can hold none of the molecules.
    """
    started = time.monotonic()
    smiles = [model.held(text) for text in held_out.smiles[: config.molecules]]
    generator = torch.Generator().manual_seed(config.seed)
    z, refused = model.encode_with_errors(smiles, canonicalise=False)
    if len(refused) == len(smiles):
        reason = next(iter(refused.values()), "there is none")
        raise InputError(f"the model can hold none of the {len(smiles)} held-out molecules; the first: {reason}")
    result: dict[str, Any] = {"reconstruction": _reconstruction(model, z, smiles, config, generator, progress)}
    if config.chosen_points:
        result["many_decodings"] = _many_decodings(model, z, smiles, config, progress)
    result["prior"] = _prior(model, z, config, known, generator)
    if config.generated:
        drawn, _ = model.generate(model.prior.sample((config.generated,), generator), mask="none")
        result["generated"] = generated_quality(drawn, smiles, known, config.seed, progress)
    result["smoothness"] = _smoothness(model, z, smiles, config, generator)
    result["latent"] = _latent_numbers(model, smiles, config, progress)
    result["properties"] = property_errors(model, z, held_out.properties[: len(smiles)])
    result["protocol"] = {
        "held": "molecules without stereo marks" if smiles != list(held_out.smiles[: len(smiles)]) else "molecules",
        "held_out_molecules": len(smiles),
        "not_encodable": len(refused),
        "jt_molecules": min(config.jt_molecules, len(smiles)),
        "chosen_points": config.chosen_points,
        "n_decodings": config.n_decodings,
        "refine_steps": config.refine_steps,
        "prior_samples": config.prior_samples,
        "nll_molecules": min(config.nll_molecules, len(smiles)),
        "nll_samples": config.nll_samples,
        "seed": config.seed,
        "seconds": round(time.monotonic() - started, 1),
    }
    return result


def _reconstruction(
    model: MolecularModel,
    z: Tensor,
    smiles: Sequence[str],
    config: EvaluationConfig,
    generator: torch.Generator,
    progress: Progress,
) -> dict[str, float]:
    """Fractions rebuilt by the protocols of single decodings; z (n, D) are posterior means."""
    sampled, _ = model.encode_with_errors(smiles, canonicalise=False, sample=True, generator=generator)
    fractions = {
        "D": _rebuilt(model, z, smiles, "posterior mean", progress),
        "S": _rebuilt(model, sampled, smiles, "sampled z", progress),
    }
    few = list(smiles[: config.chosen_points])
    if config.refine_steps and few:
        refined = model.refine(few, z[: len(few)], config.refine_steps, progress)
        fractions["D, refined"] = _rebuilt(model, refined, few, "refined", progress)
    if config.jt_molecules:
        fractions["JT"] = _jin_protocol(model, smiles[: config.jt_molecules], generator, progress)
    return fractions


def _rebuilt(model: MolecularModel, z: Tensor, smiles: Sequence[str], name: str, progress: Progress) -> float:
    """Fraction of canonical SMILES that greedy decoding of their points (n, D) gives back; NaN is a failure."""
    hits = 0
    for start in track(range(0, len(smiles), 500), f"reconstruction, {name}", progress=progress):
        hits += rebuilt(model, smiles[start : start + 500], z[start : start + 500]).sum()
    return float(hits / max(1, len(smiles)))


def _prior(
    model: MolecularModel,
    z: Tensor,
    config: EvaluationConfig,
    known: Container[str] | None,
    generator: torch.Generator,
) -> dict[str, dict[str, float]]:
    """Quality of decodings of prior points, and of points of the Gaussian fitted to encodings z (n, D)."""
    points = model.prior.sample((config.prior_samples,), generator)
    qualities = {mask: _quality(model, points, mask, known) for mask in ("none", "syntax", "valence")}
    qualities["valence"]["round trip"] = round_trip(model, points, config.seed)
    for name, mask in (("sampled", "none"), ("sampled_valence", "valence")):
        texts, _ = model.generate(points.repeat(10, 1), temperature=1.0, mask=mask, generator=generator)
        qualities[name] = {"validity": _share(canonical(text) is not None for text in texts)}
    encodings = z[torch.isfinite(z).all(-1)].cpu()
    if len(encodings) > 1:
        fitted = fitted_gaussian(encodings, config.prior_samples, generator)
        qualities["fitted"] = _quality(model, fitted, "none", known)
    return qualities


def _quality(model: MolecularModel, points: Tensor, mask: str, known: Container[str] | None) -> dict[str, float]:
    """Validity, and of the valid ones uniqueness and novelty, of greedy decodings of points (n, D)."""
    texts, _ = model.generate(points, mask=mask)
    valid = [molecule for molecule in map(canonical, texts) if molecule is not None]
    quality = {
        "validity": len(valid) / max(1, len(texts)),
        "uniqueness": len(set(valid)) / max(1, len(valid)),
    }
    if known is not None:
        quality["novelty"] = _share(molecule not in known for molecule in valid)
    return quality


def round_trip(model: MolecularModel, points: Tensor, seed: int) -> float:
    """Fraction of points (n, D) whose molecule under the valence mask is rebuilt from its own encoding without mask."""
    texts, _ = model.generate(points, mask="valence", generator=torch.Generator().manual_seed(seed))
    valid = [molecule for molecule in map(canonical, texts) if molecule is not None]
    z, _ = model.encode_with_errors(valid, canonicalise=False)
    return float(rebuilt(model, valid, z).sum() / max(1, len(texts)))


def _share(answers: Iterable[bool]) -> float:
    """Fraction of yes; 0 of none."""
    answers = list(answers)
    return sum(answers) / max(1, len(answers))


def _smoothness(
    model: MolecularModel, z: Tensor, smiles: Sequence[str], config: EvaluationConfig, generator: torch.Generator
) -> dict[str, dict[str, float]]:
    rows = torch.nonzero(torch.isfinite(z).all(-1)).flatten()
    numbers: dict[str, dict[str, float]] = {}
    if len(rows) < 2:
        return numbers
    if config.paths:
        t = torch.linspace(0.1, 0.9, 9)
        ends = rows[torch.randint(len(rows), (config.paths, 2), generator=generator)]
        texts, _ = model.generate(torch.cat([slerp(z[a], z[b], t) for a, b in ends.tolist()]), mask="none")
        nearer = torch.where(t < 0.5, 0, 1).repeat(config.paths)
        of_points = ends.repeat_interleave(len(t), 0)
        owners = of_points.gather(1, nearer.unsqueeze(1)).flatten()
        numbers["path"] = _likeness(texts, [smiles[row] for row in owners.tolist()])
        both = [_likeness(texts, [smiles[row] for row in end])["similarity"] for end in of_points.T.tolist()]
        numbers["path"] |= {
            "new": new_on_paths(texts, [(smiles[a], smiles[b]) for a, b in ends.tolist()]),
            "similarity_to_both": float(np.mean(both)),
        }
    for radius in config.radii if config.neighbourhoods else ():
        centres = rows[torch.randperm(len(rows), generator=generator)[: config.neighbourhoods]]
        directions = torch.randn(len(centres), z.shape[1], generator=generator)
        points = z[centres] + radius * directions / directions.norm(dim=1, keepdim=True)
        texts, _ = model.generate(points, mask="none")
        numbers[f"radius {radius:g}"] = _likeness(texts, [smiles[row] for row in centres.tolist()])
    return numbers


def new_on_paths(texts: Sequence[str], ends: Sequence[tuple[str, str]]) -> float:
    """Distinct molecules of a path other than its ends, as a share of its points; the mean of all paths.

    ``texts`` are the decodings of path after path, each of as many points.
    """
    paths = np.array_split(np.array(list(map(canonical, texts)), dtype=object), len(ends))
    return float(np.mean([len(set(path) - {None, *pair}) / len(path) for path, pair in zip(paths, ends, strict=True)]))


def _likeness(texts: Sequence[str], owners: Sequence[str]) -> dict[str, float]:
    """Validity of decodings, and mean similarity of the valid ones to their owners."""
    pairs = [
        (molecule, owner) for molecule, owner in zip(map(canonical, texts), owners, strict=True) if molecule is not None
    ]
    return {"validity": len(pairs) / max(1, len(texts)), "similarity": mean_similarity(pairs)}


def _jin_protocol(
    model: MolecularModel, smiles: Sequence[str], generator: torch.Generator, progress: Progress
) -> float:
    hits = []
    for text in track(smiles, "reconstruction, 10 z x 10 decodings", progress=progress):
        z, _ = model.encode_with_errors([text] * 10, canonicalise=False, sample=True, generator=generator)
        drawn, _ = model.generate(z.repeat(10, 1), temperature=1.0, mask="none", generator=generator)
        hits.append(np.mean([guess == text or canonical(guess) == text for guess in drawn]))
    return float(np.mean(hits))


def _many_decodings(
    model: MolecularModel, z: Tensor, smiles: Sequence[str], config: EvaluationConfig, progress: Progress
) -> dict[str, dict[str, float]]:
    """Fraction rebuilt from posterior means (n, D) and from draws, when one of many decodings is chosen."""
    few = [text for text in smiles[: max(1, config.chosen_points // 10)] for _ in range(10)]
    generator = torch.Generator().manual_seed(config.seed + 1)
    drawn, _ = model.encode_with_errors(few, canonicalise=False, sample=True, generator=generator)
    fractions = {}
    for name, points, wanted in (
        ("D", z[: config.chosen_points], list(smiles[: config.chosen_points])),
        ("JT", drawn, few),
    ):
        hits = dict.fromkeys(("posterior", "votes", "any"), 0)
        for start in track(range(0, len(wanted), 100), f"reconstruction, {name}, many decodings", progress=progress):
            part = points[start : start + 100]
            decoded = decode_points(model, part, config.n_decodings, seed=config.seed + 1000 + start)
            for point, want in zip(decoded, map(canonical, wanted[start : start + 100]), strict=True):
                names = [option.item.identity for option in point.candidates]
                hits["any"] += want in names
                hits["posterior"] += names[:1] == [want]
                hits["votes"] += [option.item.identity for option in by_votes(point.candidates)][:1] == [want]
        fractions[name] = {way: count / max(1, len(wanted)) for way, count in hits.items()}
    return fractions


def _latent_numbers(
    model: MolecularModel, smiles: Sequence[str], config: EvaluationConfig, progress: Progress
) -> dict[str, float]:
    dataset, _ = model.dataset(smiles)
    rows = np.array_split(np.arange(len(dataset)), max(1, len(dataset) // 250))
    batches = [dataset.batch(part).to(model.device) for part in rows if len(part)]
    numbers = evaluate_bounds(model, batches, seed=config.seed)
    few = np.arange(min(config.nll_molecules, len(dataset)))
    if len(few):
        parts = [dataset.batch(part).to(model.device) for part in np.array_split(few, -(-len(few) // 25))]
        estimate = importance_log_likelihood(model, parts, config.nll_samples, config.seed, chunk=20, progress=progress)
        numbers |= {"nll": estimate.nll, "nll_standard_error": estimate.standard_error}
    return numbers


def property_errors(model: MolecularModel, z: Tensor, properties: np.ndarray) -> dict[str, dict[str, float]]:
    """Mean absolute error of the predictor, and of predicting the mean of the training data; coverage of intervals."""
    predicted = model.predict(z).to_frame()
    errors = {}
    means = model.predictor.location.cpu().numpy()
    for name, mean, truth in zip(model.predictor.names, means, properties.T, strict=True):
        errors[name] = {
            "mae": float(np.nanmean(np.abs(predicted[name] - truth))),
            "mae_of_mean": float(np.nanmean(np.abs(mean - truth))),
        }
        mean_and_std = predicted[name].to_numpy(), predicted[f"{name}_std"].to_numpy()
        errors[name] |= {f"coverage_{percent}": coverage(*mean_and_std, truth, percent / 100) for percent in _COVERAGE}
    return errors


def summary_table(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The numbers of :func:`evaluate_model` as lines to print: what, value."""
    protocol = result["protocol"]
    rows = [(f"reconstruction, protocol {name}", f"{value:.1%}") for name, value in result["reconstruction"].items()]
    for name, numbers in result.get("many_decodings", {}).items():
        label = f"{name}, {protocol['n_decodings']} decodings: q chooses, votes, any"
        rows.append((label, ", ".join(f"{numbers[way]:.1%}" for way in ("posterior", "votes", "any"))))
    for mask, numbers in result["prior"].items():
        rows += [(f"prior {name}, {_PRIOR_LABELS[mask]}", f"{value:.1%}") for name, value in numbers.items()]
    for name, value in result.get("generated", {}).items():
        if name != "molecules":
            rows.append((f"generated, {name.replace('_', ' ')}", f"{value:.3f}"))
    for where, numbers in result.get("smoothness", {}).items():
        label = "path between molecules" if where == "path" else f"{where} of a molecule"
        rows.append((f"{label}: validity, similarity", f"{numbers['validity']:.1%}, {numbers['similarity']:.2f}"))
        if "new" in numbers:  # evaluations of earlier versions lack it, and the coverage below
            values = f"{numbers['new']:.1%}, {numbers['similarity_to_both']:.2f}"
            rows.append((f"{label}: new, similarity to both", values))
    latent = result["latent"]
    rows += [
        ("log p(x given z), nats", f"{latent['reconstruction']:.2f}"),
        ("KL, nats", f"{latent['kl']:.1f}"),
        ("active units", f"{latent['active_units']}"),
    ]
    if "nll" in latent:
        label = f"NLL, nats ({protocol['nll_samples']} samples, {protocol['nll_molecules']} molecules)"
        rows.append((label, f"{latent['nll']:.1f} ± {latent['nll_standard_error']:.1f}"))
    for name, numbers in result["properties"].items():
        rows.append((f"{name} MAE (of predicting the mean)", f"{numbers['mae']:.3f} ({numbers['mae_of_mean']:.3f})"))
        if f"coverage_{_COVERAGE[0]}" in numbers:
            shares = ", ".join(f"{numbers[f'coverage_{percent}']:.1%}" for percent in _COVERAGE)
            rows.append((f"{name} within " + ", ".join(f"{percent} %" for percent in _COVERAGE) + " intervals", shares))
    for name, numbers in result.get("gaussian_process", {}).items():
        label = f"Gaussian process on z, {name}: RMSE, log-likelihood"
        rows.append((label, f"{numbers['rmse']:.3f}, {numbers['log_likelihood']:.3f}"))
    return rows


def pictures(model: MolecularModel, held_out: Sequence[str], seed: int = 0) -> list[Panel]:
    """Molecules to look at: of the prior, held-out ones beside what their codes decode to, and a path between two."""
    drawn = model.sample(_PICTURED, seed=seed)
    originals = [model.held(text) for text in held_out[:_PICTURED]]
    decoded = model.decode(model.encode_with_errors(originals, canonicalise=False)[0], n_decodings=1)
    rows = []
    for text, smiles, valid in zip(originals, decoded["smiles"], decoded["valid"], strict=True):
        rows.append({"smiles": text, "molecule": "held out"})
        label = "decoded: the same" if smiles == text else "decoded"
        rows.append({"smiles": smiles if valid else "", "molecule": label})
    panels = [
        Panel(
            "prior",
            "molecules",
            "Molecules of the prior",
            "Random points, one greedy decoding each under the valence mask.",
            frame=pd.DataFrame({"smiles": drawn["smiles"].where(drawn["valid"], "")}),
        ),
        Panel("rebuilt", "molecules", "Held-out molecules, and what their codes decode to", frame=pd.DataFrame(rows)),
    ]
    if len(originals) > 1:
        path = model.interpolate(originals[0], originals[1], steps=_PICTURED, n_decodings=16, seed=seed)
        frame = pd.DataFrame({"smiles": path["smiles"].where(path["valid"], ""), "t": path["t"]})
        panels.append(Panel("path", "molecules", "Great circle between two held-out molecules", frame=frame))
    return panels
