"""What a campaign leaves beside its store: tables of its candidates, and what the report needs to draw latent space."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from molvae.core.sampling import slerp
from molvae.design.batch import MADE_TO_FIT
from molvae.design.campaign import Campaign
from molvae.design.objective import Objective, formula_values
from molvae.design.oracle.scorers import NamedScorer
from molvae.design.protocols import Illustrated
from molvae.run.files import atomic_path, write_text
from molvae.run.panels import Panel, save_panels
from molvae.search.pareto import front, hypervolume

_BACKGROUND = 500  # items that show where latent space is inhabited
_PATH_POINTS = 9
_PATH_DECODINGS = 32


def write_outputs(campaign: Campaign) -> pd.DataFrame:
    """Write the tables of the domain (``molecules.csv``, ``molecules.sdf``), ``latent.npz`` and ``path.csv``.

    Returns:
        All that was scored, best first.
    """
    table = campaign.results()
    campaign.domain.write(table, campaign.folder, campaign.domain.name)
    good = table[table["status"] == "ok"]
    _write_background(campaign)
    if len(good):
        _write_path(campaign, good)
        panels = _front(campaign, good) if campaign.config.pareto else []
        panels += _of_oracle(campaign, good)
        panels += _fitting(campaign)
        if isinstance(campaign.domain, Illustrated):
            panels += campaign.domain.panels(good)
        if panels:
            save_panels(campaign.folder, panels)
    return table


def fitting_share(campaign: Campaign) -> dict[str, int] | None:
    """Of the proposals so far, how many there were, and how many fit what candidates must be like.

    Returns:
        ``proposals``, ``fit`` (of these), ``made`` (of those that fit: not decoded or bred as they are) and ``scored``
        (proposals that fit and were scored); None if candidates need not be like anything.
    """
    fitting = campaign.space.fitting
    if fitting is None:
        return None
    table = campaign.store.candidates()
    texts = table[campaign.domain.column].where(table["status"] != "invalid")
    items = [None if text is None or pd.isna(text) else campaign.domain.parse(text)[0] for text in texts]
    fits = np.array([item is not None and fitting.fits(item) for item in items], dtype=bool)
    return {
        "proposals": len(table),
        "fit": int(fits.sum()),
        "made": int((fits & (table["reason"] == MADE_TO_FIT).to_numpy(bool)).sum()),
        "scored": int((fits & (table["status"] == "valid").to_numpy(bool)).sum()),
    }


def fitting_sentence(campaign: Campaign) -> str:
    """The share of the proposals that fit, in one sentence; empty if nothing need fit."""
    share, fitting = fitting_share(campaign), campaign.space.fitting
    if share is None or fitting is None or not share["proposals"]:
        return ""
    percent = 100 * share["fit"] / share["proposals"]
    return (
        f"{share['fit']} of {share['proposals']} proposals ({percent:.1f} %) {fitting.what}; {share['made']} of them"
        " were made to, the others came so"
    )


def _fitting(campaign: Campaign) -> list[Panel]:
    share, fitting = fitting_share(campaign), campaign.space.fitting
    if share is None or fitting is None:
        return []
    names = {
        "proposals": "proposals",
        "fit": f"that {fitting.what}",
        "made": "of these, made to fit: a substituent of what was decoded or bred, on a good candidate",
        "scored": "of these, scored",
    }
    total = max(1, share["proposals"])
    frame = pd.DataFrame(
        {"what": list(names.values()), "number": list(share.values()), "%": [100 * n / total for n in share.values()]}
    )
    caption = "Proposals that do not fit are refused; what is scored always fits."
    return [Panel("fitting", "table", "Around what was given", caption, frame=frame)]


def _of_oracle(campaign: Campaign, good: pd.DataFrame) -> list[Panel]:
    """What the oracle itself shows of the best, of the confirmed ones where some were."""
    scorer = campaign.scorer
    if not isinstance(scorer, NamedScorer):
        return []
    if campaign.config.confirm is None:
        return scorer.oracle.write(good, campaign.folder, scorer.score)

    def score(texts: Sequence[str]) -> object:
        with scorer.full() as full:
            return full.score(texts)

    confirmed = campaign.confirm()
    calls = good.set_index(campaign.domain.column)["call"]  # those of the search, by which the candidates are known
    confirmed["call"] = confirmed[campaign.domain.column].map(calls)
    confirmed = confirmed[confirmed["status"] == "ok"]
    return [*_confirmed(campaign, good), *scorer.oracle.full().write(confirmed, campaign.folder, score)]


def _confirmed(campaign: Campaign, good: pd.DataFrame) -> list[Panel]:
    """The scores of the best, cheap and full, beside each other."""
    column = campaign.domain.column
    both = good.dropna(subset=["confirmed"]).sort_values("confirmed", ascending=campaign.oracle.sign < 0, kind="stable")
    rank = float(both["score"].corr(both["confirmed"], method="spearman")) if len(both) > 2 else np.nan
    caption = (
        f"The best {len(both)} by the score of the search, scored once more at full fidelity, beyond the budget. Mean"
        f" difference {float((both['confirmed'] - both['score']).mean()):+.3f}; rank correlation {rank:.2f}."
    )
    frame = both[["confirmed", "score", "call", column]].rename(columns={"score": "of the search"})
    return [Panel("confirmed", "table", "Confirmed at full fidelity", caption, frame=frame)]


def _front(campaign: Campaign, good: pd.DataFrame) -> list[Panel]:
    """The candidates that no other beats in all objectives, as a picture and a table."""
    formulas, column = campaign.config.pareto, campaign.domain.column
    objectives = [Objective.parse(formula, domain=campaign.domain) for formula in formulas]
    values = formula_values(objectives, _items(campaign, good))
    is_start = good["origin"].to_numpy() == "start"
    kind = np.where(is_start, "start", "proposed").astype(object)
    best = front(torch.from_numpy(values)).numpy()
    kind[best] = "front"
    frame = pd.DataFrame(values, columns=list(formulas))
    reference = values[is_start].min(0) if is_start.any() else values.min(0)
    volumes = [
        hypervolume(torch.from_numpy(values[rows]), torch.from_numpy(reference))
        for rows in (is_start, np.ones(len(values), dtype=bool))
    ]
    table = frame[best].assign(**{column: good[column].to_numpy()[best]}, call=good["call"].to_numpy()[best])
    caption = (
        f"{int(best.sum())} of {len(good)} {campaign.domain.name} are beaten by no other in all objectives. Hypervolume"
        f" above the worst starting values: {volumes[0]:.4g} of the start, {volumes[1]:.4g} of all."
    )
    shown = frame.iloc[:, :2].assign(**{campaign.domain.name: kind})
    order = shown[campaign.domain.name].map({"start": 0, "proposed": 1, "front": 2}).argsort(kind="stable")
    return [
        Panel(
            "front",
            "scatter",
            "Pareto front",
            caption,
            frame=shown.iloc[order],
            options={"x": formulas[0], "y": formulas[1], "aspect": "auto"},
        ),
        Panel("front-table", "table", "On the front", frame=table.sort_values(formulas[0])),
    ]


def _items(campaign: Campaign, table: pd.DataFrame) -> Sequence[Any]:
    return [campaign.domain.parse(text)[0] for text in table[campaign.domain.column]]


def _write_background(campaign: Campaign) -> None:
    """Encodings of items of the start file, with their objective where the domain can compute it, or with the answer of
    an oracle that was asked.

    These scores are for the figure alone: they are computed after the campaign and never reach the search.
    """
    model = campaign.model
    items = [item for item in (campaign.start.items + campaign.start.pool)[:_BACKGROUND] if model.accepts(item) is None]
    z = model.encode(items)  # all at once, unlike the points of the search: nothing depends on their last bits
    scores = _scores(campaign, items)
    with atomic_path(campaign.folder / "latent.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, z=z.numpy(), score=scores)


def _write_path(campaign: Campaign, good: pd.DataFrame) -> None:
    """What lies on the great circle from the best of the start to the best one found: most frequent decodings."""
    start = good[good["origin"] == "start"]
    if start.empty:
        return
    ends, mask = campaign.space.encode(_items(campaign, pd.concat([start.head(1), good.head(1)])))
    if not mask.all():
        return
    t = torch.linspace(0, 1, _PATH_POINTS)
    points = campaign.model.propose(slerp(ends[0], ends[1], t), _PATH_DECODINGS, campaign.config.seed)
    best = [point.candidates[0] if point.candidates else None for point in points]
    items = [None if candidate is None else candidate.item for candidate in best]
    properties = campaign.domain.reported
    formulas = [Objective.parse(name, domain=campaign.domain) for name in properties]
    path = pd.DataFrame(
        {
            "t": t.numpy(),
            campaign.domain.column: [
                p.text if item is None else item.identity for p, item in zip(points, items, strict=True)
            ],
            "valid": [item is not None for item in items],
            "votes": [0 if candidate is None else candidate.votes for candidate in best],
            "score": _scores(campaign, items),
            **dict(zip(properties, formula_values(formulas, items).T, strict=True)),
        }
    )
    write_text(campaign.folder / "path.csv", path.to_csv(index=False))


def _scores(campaign: Campaign, items: Sequence[Any]) -> np.ndarray:
    """The objective (n,); NaN of what only an oracle of the user could score, and was not asked for."""
    if campaign.objective is None or campaign.config.oracle is not None:
        utility = [np.nan if item is None else campaign.oracle.utility(item) for item in items]
        return campaign.oracle.sign * np.array(utility, dtype=float)
    return formula_values([campaign.objective], items)[:, 0]
