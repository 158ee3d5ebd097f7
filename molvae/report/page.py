"""The report: one offline HTML file from a run folder."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from molvae.core.candidates import coverage
from molvae.design.curves import area_under_curve, best_so_far, mean_of_best
from molvae.design.diversity import DiversityConfig, diverse_rows
from molvae.design.domains import DOMAINS
from molvae.design.oracle.scorers import LABORATORY
from molvae.design.protocols import Domain
from molvae.errors import ConfigError
from molvae.images.summary import evaluation_summary
from molvae.molecules.evaluation import summary_table
from molvae.report import figures
from molvae.report.load import CampaignData, Run, load_run
from molvae.report.panel_figures import panel_svg
from molvae.run.files import write_text
from molvae.run.panels import Panel

_SHOWN = 24  # items drawn


def build(folder: Path, domain: Domain | None = None) -> Path:
    """Write ``report.html`` and ``figures/`` into a run folder; returns the path of the page.

    Everything that comes from outside (SMILES, names, errors, settings) is escaped; the page loads nothing and holds
    no script.

    Args:
        folder: the run folder.
        domain: draws the candidates of a campaign; default: the one that the run names. Without one that is known by
            name, candidates are shown as text.

    Raises:
        RunFolderError: no run folder.
    """
    run = load_run(Path(folder))
    name = str(run.facts.get("domain", "molecules"))
    if domain is None and name in DOMAINS:
        domain = DOMAINS[name]
    drawn: dict[str, str] = {}
    context: dict[str, Any] = {
        "run": run,
        "title": f"molvae {run.kind}: {run.folder.resolve().name}",
        "settings": json.dumps({**run.settings, **({"facts": run.facts} if run.facts else {})}, indent=1),
        "provenance": json.dumps(run.provenance, indent=1),
        "sections": {},
    }
    if run.campaign is not None and len(run.campaign.evaluations):
        context |= _design(run, run.campaign, domain, drawn)
    if run.metrics is not None and len(run.metrics):
        drawn["training"] = figures.training_curves(run.metrics)
        last = run.metrics.iloc[-1]
        context["last_metrics"] = [(name, f"{value:.4g}") for name, value in last.items() if pd.notna(value)]
    if run.evaluation is not None:
        images = run.kind.startswith(("images", "sketches"))
        context["evaluation"] = evaluation_summary(run.evaluation) if images else summary_table(run.evaluation)
        context["protocol"] = json.dumps(run.evaluation["protocol"])
        context["molecules_evaluated"] = not images
    context["panels"] = [_panel(panel, drawn) for panel in run.panels]
    for name, svg in drawn.items():
        write_text(run.folder / "figures" / f"{name}.svg", svg)
    context["figures"] = {name: Markup(svg) for name, svg in drawn.items()}  # our own drawings, not outside text
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("molvae.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("report.html.j2").render(context)
    path = run.folder / "report.html"
    write_text(path, page)
    return path


def _panel(panel: Panel, drawn: dict[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "title": panel.title,
        "caption": panel.caption,
        "figure": None,
        "head": [],
        "rows": [],
        "molecules": [],
    }
    if panel.kind == "table" and panel.frame is not None:
        text = [not pd.api.types.is_numeric_dtype(kind) for kind in panel.frame.dtypes]
        shown["head"] = list(zip(text, map(str, panel.frame.columns), strict=True))
        shown["rows"] = [list(zip(text, map(_cell, row), strict=True)) for row in panel.frame.itertuples(index=False)]
        return shown
    if panel.kind == "molecules" and panel.frame is not None:
        shown["molecules"] = [_captioned(row) for row in panel.frame.to_dict("records")]
        return shown
    try:
        name = f"panel-{panel.name}"
        drawn[name] = panel_svg(panel)
        shown["figure"] = Markup(drawn[name])  # our own drawing, not outside text
    except ValueError as error:
        shown["caption"] = str(error)
    return shown


def _cell(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _captioned(row: dict[Any, Any]) -> dict[str, Any]:
    """A drawing and what stands below it; what is missing is left out."""
    smiles = row.pop("smiles")
    known = [(str(name), value) for name, value in row.items() if pd.notna(value)]
    lines = [(name, f"{value:.3g}" if isinstance(value, float) else str(value)) for name, value in known]
    text = smiles if isinstance(smiles, str) else ""
    return {"svg": _drawing(DOMAINS["molecules"], text, 150, 120), "text": text, "lines": lines}


def _drawing(domain: Domain | None, text: str, width: int, height: int) -> Markup:
    """An SVG without any text of the user, which may therefore stand in the page as it is."""
    return Markup(domain.draw(text, width, height) if domain is not None and text else "")


def _design(run: Run, campaign: CampaignData, domain: Domain | None, drawn: dict[str, str]) -> dict[str, Any]:
    config = run.settings.get("campaign", {})
    main = str(config.get("strategy", "latent"))
    objective = str(config.get("objective") or config.get("oracle") or "score")
    evaluations = campaign.evaluations
    utility = run.sign * evaluations["score"].to_numpy(float)
    every = {main: campaign, **run.baselines}
    drawn["best_so_far"] = figures.best_so_far(main, every, run.sign)
    if evaluations["score"].notna().sum() > 1:
        drawn["scores"] = figures.score_distribution(evaluations)
    scored = _scored_candidates(campaign, run.sign)
    if run.latent is not None and len(run.latent[0]) > 2:
        drawn["latent"] = figures.latent_map(run.latent, scored, scored["utility"], objective)
    predicted = scored.dropna(subset=["predicted_mean", "predicted_std", "utility"])
    calibration = None
    if len(predicted) >= 10:
        arrays = [predicted[name].to_numpy(float) for name in ("predicted_mean", "predicted_std", "utility")]
        drawn["calibration"] = figures.calibration(*arrays)
        calibration = _calibration_numbers(*arrays)
    return {
        "items": "candidates" if domain is None else domain.name,
        "objective": objective,
        "direction": config.get("direction", "max"),
        "budget": config.get("budget"),
        "limits": _limits(run),
        "laboratory": config.get("oracle") == LABORATORY,
        "calls": len(evaluations),
        "seconds": campaign.seconds,
        "best": float(run.sign * np.nanmax(utility)) if np.isfinite(utility).any() else None,
        "best_start": _best_start(evaluations, run.sign),
        "best_items": _best_items(run, campaign, domain),
        "comparison": [
            {"name": name, **_numbers(data, run.sign, int(config.get("budget") or len(data.evaluations)))}
            for name, data in every.items()
            if len(data.evaluations)
        ],
        "counts": Counter(campaign.candidates["status"]).most_common(),
        "reasons": _reasons(campaign.candidates),
        "failed": int((evaluations["status"] == "failed").sum()),
        "calibration": calibration,
        "strip": _strip(run, campaign.column, domain),
    }


def _scored_candidates(campaign: CampaignData, sign: int) -> pd.DataFrame:
    """Candidates that were scored and have a latent point, with their utility."""
    table = campaign.candidates
    table = table[(table["status"] == "valid") & table["z"].notna()].copy()
    scores = dict(zip(campaign.evaluations[campaign.column], campaign.evaluations["score"], strict=True))
    table["utility"] = [sign * scores.get(text, np.nan) for text in table[campaign.column]]
    return table.reset_index(drop=True)


def _best_items(run: Run, campaign: CampaignData, domain: Domain | None) -> list[dict[str, Any]]:
    table = run.table if run.table is not None else campaign.evaluations
    table = table[table["score"].notna()].reset_index(drop=True)
    order = (run.sign * table["score"]).sort_values(ascending=False, kind="stable").index
    properties = () if domain is None else domain.reported
    made_for = [name for name in table.columns if re.fullmatch(r"\w+\(.*\)", str(name))]  # model('runs/fit')
    return [
        {
            "text": str(row[campaign.column]),
            "svg": _drawing(domain, str(row[campaign.column]), 220, 160),
            "score": row["score"],
            "properties": [(name, row[name]) for name in properties if pd.notna(row.get(name))]
            + [(name, row[name]) for name in made_for if pd.notna(row[name])],
            "novel": row.get("novel"),
            "alerts": row["alerts"] if isinstance(row.get("alerts"), str) else "",
            "call": int(row["call"]),
            "origin": str(row["origin"]),
        }
        for row in table.loc[_diverse(run, table, order, campaign.column, domain)].to_dict("records")
    ]


def _diverse(run: Run, table: pd.DataFrame, order: pd.Index, column: str, domain: Domain | None) -> list[int]:
    """The rows that are drawn: the best, no more of one scaffold or cluster than the run was asked for."""
    limits = _limits(run)
    if domain is None or limits is None:
        return list(order[:_SHOWN])
    pairs = [(int(row), domain.parse(str(table.at[row, column]))[0]) for row in order]
    known = [(row, item) for row, item in pairs if item is not None]
    chosen = diverse_rows([item for _, item in known], domain, limits, _SHOWN)
    return [known[index][0] for index in chosen]


def _limits(run: Run) -> DiversityConfig | None:
    try:
        limits = DiversityConfig.create(run.settings.get("campaign", {}).get("diversity"))
    except ConfigError:  # of another version
        return None
    return limits if limits.limited else None


def _numbers(campaign: CampaignData, sign: int, budget: int) -> dict[str, Any]:
    utility = sign * campaign.evaluations["score"].to_numpy(float)
    status = campaign.candidates["status"]
    return {
        "calls": len(utility),
        "best": sign * best_so_far(utility)[-1],
        "top10": sign * mean_of_best(utility)[-1],
        "auc": sign * area_under_curve(utility, budget),
        "valid": float((status != "invalid").mean()) if len(status) else float("nan"),
        "seconds": campaign.seconds,
    }


def _best_start(evaluations: pd.DataFrame, sign: int) -> float | None:
    start = evaluations[(evaluations["origin"] == "start") & evaluations["score"].notna()]["score"]
    return float(sign * (sign * start).max()) if len(start) else None


def _reasons(candidates: pd.DataFrame) -> list[tuple[str, str, int]]:
    refused = candidates[candidates["status"] != "valid"]
    short = refused["reason"].fillna("").str.replace(r"\d+", "n", regex=True).str.slice(0, 80)
    return [
        (status, reason, count)
        for (status, reason), count in Counter(zip(refused["status"], short, strict=True)).most_common(8)
    ]


def _calibration_numbers(mean: np.ndarray, std: np.ndarray, observed: np.ndarray) -> dict[str, float]:
    variance = np.maximum(std, 1e-6) ** 2
    log_likelihood = -0.5 * (np.log(2 * np.pi * variance) + (observed - mean) ** 2 / variance)
    return {
        "rmse": float(np.sqrt(np.mean((observed - mean) ** 2))),
        "log_likelihood": float(log_likelihood.mean()),
        "inside_50": coverage(mean, std, observed, 0.5),
        "inside_90": coverage(mean, std, observed, 0.9),
    }


def _strip(run: Run, column: str, domain: Domain | None) -> list[dict[str, Any]]:
    if run.path is None:
        return []
    rows = [(row, str(row[column])) for row in run.path.to_dict("records")]
    return [
        {
            "t": row["t"],
            "svg": _drawing(domain if row["valid"] else None, text, 150, 120),
            "score": row.get("score"),
            "text": text,
        }
        for row, text in rows
    ]
