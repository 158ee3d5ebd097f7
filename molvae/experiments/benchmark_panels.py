"""Tables, curves and drawings of a benchmark, and what a chemist would say of its best molecules."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from rdkit import Chem, DataStructs

from molvae.chemistry.domain import MOLECULES
from molvae.chemistry.morgan import morgan_generator
from molvae.design.diversity import BENCHMARKED, DiversityConfig, diverse_rows
from molvae.design.objective import Objective
from molvae.design.protocols import Domain
from molvae.run.panels import Panel

TOP = 100
"""Candidates whose diversity is measured."""
DRAWN = 20
"""Candidates that are drawn, and searched for alerts."""
DRAWINGS = ("best candidates", "best scores")
"""Columns of a run that are for the drawings, not for its table."""
_RESAMPLES = 10_000
_LARGE_RING = 8
_ALERTS = (
    "structural alerts (PAINS, BRENK), and the number with radicals, large, strained or fused small rings"  # the odd
)


def quality_of_best(texts: Sequence[str], domain: Domain) -> dict[str, float]:
    """Of the best candidates: the share with alerts, and how many are hardly molecules at all (:func:`oddities`)."""
    filters = domain.filters(domain.filter_settings())
    items = [item for item, _ in map(domain.parse, texts) if item is not None]
    alerts = {"alerts": float(np.mean([bool(filters.alerts(item)) for item in items]))}
    if domain is not MOLECULES:
        return alerts
    return {**alerts, "odd": float(sum(bool(oddities(molecule.mol)) for molecule in items))}


def oddities(mol: Chem.Mol) -> list[str]:
    """What a chemist would hardly draw: radicals, rings of more than eight atoms, rings of three or four atoms that
    share a bond with another ring, and cumulated or triple bonds in a ring of fewer than nine atoms.
    """
    reasons = []
    if any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()):
        reasons.append("radical")
    rings = [set(ring) for ring in mol.GetRingInfo().BondRings()]
    if any(len(ring) > _LARGE_RING for ring in rings):
        reasons.append("large ring")
    if any(len(ring) < 5 and ring & other for ring in rings for other in rings if other is not ring):
        reasons.append("small fused ring")
    strained = Chem.MolFromSmarts("[*;r3,r4,r5,r6,r7,r8]=;@[*;r3,r4,r5,r6,r7,r8]=;@*")
    triple = Chem.MolFromSmarts("[*;r3,r4,r5,r6,r7,r8]#;@*")
    if mol.HasSubstructMatch(strained) or mol.HasSubstructMatch(triple):
        reasons.append("strained bond")
    return reasons


def diversity(texts: Sequence[str], domain: Domain = MOLECULES) -> float:
    """Mean pairwise distance: of molecules Tanimoto of ECFP4 fingerprints (2,048 bits), else by the domain's
    similarity; NaN for fewer than two.
    """
    if len(texts) < 2:
        return float("nan")
    if domain is not MOLECULES:
        items = [item for item, _ in map(domain.parse, texts) if item is not None]
        similar = domain.similarity(items, items)
        return float(1 - similar[np.triu_indices(len(items), 1)].mean())
    prints = [morgan_generator().GetFingerprint(Chem.MolFromSmiles(text)) for text in texts]
    pairs = [DataStructs.BulkTanimotoSimilarity(one, prints[:row]) for row, one in enumerate(prints)]
    return float(1 - np.mean(np.concatenate(pairs)))


def diverse_top(texts: Sequence[str], scores: np.ndarray, domain: Domain = MOLECULES, count: int = 10) -> float:
    """Mean score of the ``count`` best candidates of which none is like a better one (similarity 0.4; of molecules that
    of ECFP4 counts).

    Args:
        texts: n candidates, best first.
        scores: (n,) of them; NaN where scoring failed.
        domain: of the candidates.
        count: how many; fewer where there are no more.

    Returns:
        NaN if nothing was scored.
    """
    known = np.flatnonzero(np.isfinite(scores))
    items = (domain.parse(texts[int(row)])[0] for row in known)
    limits = DiversityConfig(per_cluster=1, similarity=BENCHMARKED)
    rows = diverse_rows(items, domain, limits, count)
    return float(np.mean(scores[known[rows]])) if rows else float("nan")


def bootstrap_interval(values: np.ndarray) -> tuple[float, float]:
    """95 % percentile interval of the mean over seeds (Efron 1979), from 10,000 resamples with a fixed seed."""
    random = np.random.default_rng(0)
    means = values[random.integers(0, len(values), (_RESAMPLES, len(values)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def with_interval(values: np.ndarray) -> str:
    """Mean, and for more than one seed its :func:`bootstrap_interval` in brackets."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    low, high = bootstrap_interval(values)
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def panels(rows: pd.DataFrame, domain: Domain = MOLECULES) -> list[Panel]:
    """Tables, curves and drawings of :func:`run_benchmark`'s rows."""
    result = [_summary(rows)]
    for number, (objective, part) in enumerate(rows.groupby("objective", sort=False)):
        result += [_table(str(objective), part, number, domain), _curves(str(objective), part, number)]
        result.append(_best(str(objective), part, number, domain))
    shown = rows.drop(columns=["curve", *DRAWINGS]).round(4)
    result.append(Panel("runs", "table", "Every campaign", frame=shown, caption="One row a seed."))
    return result


def _summary(rows: pd.DataFrame) -> Panel:
    wide = rows.pivot_table(index="objective", columns="strategy", values="AUC top 10", sort=False)
    wide = wide[list(dict.fromkeys(rows["strategy"]))]
    shown = wide.map(lambda value: "" if pd.isna(value) else f"{value:.3f}")
    shown["first"] = wide.idxmax(axis=1)
    return Panel(
        "summary",
        "table",
        "Area under the top-10 curve",
        "Mean over seeds of the area under the mean of the ten best candidates so far, as PMO defines it (Gao et al."
        " 2022): trapezoids over every 100 calls from (0, 0), divided by the budget.",
        frame=shown.reset_index(),
    )


def _table(objective: str, part: pd.DataFrame, number: int, domain: Domain) -> Panel:
    chemical = domain is MOLECULES
    lines = []
    for strategy, runs in part.groupby("strategy", sort=False):
        line: dict[str, Any] = {"strategy": strategy, "seeds": len(runs)}
        early = [name for name in runs.columns if re.fullmatch(r"(best|top 10) at \d+", name)]
        for name in (*early, "best", "top 10", "AUC top 10", "diverse top 10"):
            line[name] = with_interval(runs[name].to_numpy())
        for name in ("valid", "novel", "diversity", "alerts", *(["odd"] if chemical else []), "seconds per call"):
            line[name] = "" if runs[name].isna().all() else f"{runs[name].mean():.3f}"
        lines.append(line)
    return Panel(
        f"table-{number}",
        "table",
        objective,
        f"{Objective.parse(objective, domain=domain, other_names=True)}. Mean over seeds, in brackets the 95 %"
        f" bootstrap interval of the mean; diverse top 10: of the ten best of which none is like a better one"
        f" ({'Tanimoto of ECFP4 counts' if chemical else 'similarity'} {BENCHMARKED}); diversity of the best {TOP}; of"
        f" the best {DRAWN} of a seed the share with {_ALERTS if chemical else 'alerts'}; seconds per call without the"
        " oracle's own.",
        frame=pd.DataFrame(lines),
    )


def _best(objective: str, part: pd.DataFrame, number: int, domain: Domain) -> Panel:
    """The best of the first strategy's first seed, to be looked at; molecules are drawn."""
    run = part.iloc[0]
    filters = domain.filters(domain.filter_settings())
    texts = run["best candidates"]
    items = [item for item, _ in map(domain.parse, texts) if item is not None]
    frame = pd.DataFrame({domain.column: texts, "score": run["best scores"]})
    frame["alerts"] = ["; ".join(filters.alerts(item)) or None for item in items]
    if domain is MOLECULES:
        frame["odd"] = ["; ".join(oddities(molecule.mol)) or None for molecule in items]
    title = f"{objective}: the best {len(texts)} of {run['strategy']}, seed {run['seed']}"
    return Panel(f"best-{number}", "molecules" if domain is MOLECULES else "table", title, frame=frame)


def _curves(objective: str, part: pd.DataFrame, number: int) -> Panel:
    curves = {
        str(strategy): np.mean(np.stack(runs["curve"].tolist()), 0)
        for strategy, runs in part.groupby("strategy", sort=False)
    }
    calls = np.arange(10, 10 + len(next(iter(curves.values()))))
    return Panel(
        f"curve-{number}",
        "lines",
        f"{objective}: mean of the top 10 against oracle calls",
        "Mean over seeds; the starting candidates are the first calls.",
        frame=pd.DataFrame({"calls": calls, **curves}),
        options={"x": "oracle calls", "y": "mean of the ten best"},
    )
