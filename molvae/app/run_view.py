"""What a run folder shows: numbers, curve and best molecules while it runs; tables and the report when it rests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from molvae.app.cards import Card, show_grid, show_tiles
from molvae.app.curves import show_progress
from molvae.app.text import explained, plain
from molvae.design.campaign import STORE
from molvae.design.store import CampaignStore
from molvae.report import build
from molvae.run.folder import read_run

_BEST = 12
_MAX_DOWNLOAD = 200 * 2**20  # bytes of a file that goes through the browser
_FILES = {"molecules.csv": "text/csv", "molecules.sdf": "chemical/x-mdl-sdfile"}


@dataclass(frozen=True)
class RunView:
    """A run folder on a page.

    Attributes:
        folder: checked by the workspace.
        kind: of the run; empty if it has not begun.
    """

    folder: Path
    kind: str

    @property
    def has_answers(self) -> bool:
        """Whether it is a campaign that has come to its oracle."""
        return self.kind == "design" and (self.folder / STORE).is_file()

    @property
    def config(self) -> dict[str, Any]:
        """Settings of the campaign."""
        return campaign_settings(self.folder)

    @property
    def has_own_oracle(self) -> bool:
        """Whether it is a campaign that asks a laboratory or code of somebody's own."""
        return self.kind == "design" and self.config.get("oracle") is not None

    def progress(self) -> tuple[float, str]:
        """The share of the calls that are spent, and how many that is; those of baselines count too."""
        if not self.has_answers:
            return 0.0, ""
        config = self.config
        budget = config.get("budget")
        stores = [self.folder / STORE, *(self.folder / "baselines").glob(f"*/{STORE}")]
        done = sum(len(_answers(path.parent)) for path in stores)
        if not isinstance(budget, int) or budget < 1:
            return 0.0, f"{done} calls"
        total = budget * (1 + len(config.get("baselines") or ()))
        return min(1.0, done / total), f"{done} of {total} calls"

    def show_live(self) -> None:
        """Numbers, curve and the best molecules of a campaign, as far as it has come."""
        if not self.has_answers:
            return
        config = self.config
        sign = -1 if config.get("direction") == "min" else 1
        answers = _answers(self.folder)
        if answers.empty:
            return
        st.caption(_objective(config))
        _tiles(answers, sign, config.get("budget"))
        others = sorted((self.folder / "baselines").glob(f"*/{STORE}"))
        show_progress(answers, sign, {path.parent.name: _answers(path.parent) for path in others})
        st.markdown("**Best molecules**")
        best = answers[answers["score"].notna()]
        order = (sign * best["score"]).sort_values(ascending=False, kind="stable").index[:_BEST]
        show_grid([_card(row) for row in best.loc[order].to_dict("records")])

    def show_results(self) -> None:
        """Files to take home, and the report, built from what is there."""
        if not self.kind:
            return
        places = st.columns(4)
        for place, (name, mime) in zip(places, _FILES.items(), strict=False):
            path = self.folder / name
            if path.is_file() and path.stat().st_size <= _MAX_DOWNLOAD:
                place.download_button(
                    name,
                    path.read_bytes(),
                    f"{self.folder.name}-{name}",
                    mime,
                    icon=":material/download:",
                    width="stretch",
                )
        shown = f"report-{self.folder.name}"
        if places[2].button("Report", icon=":material/description:", width="stretch", key="runs-report"):
            st.session_state[shown] = not st.session_state.get(shown, False)
        if st.session_state.get(shown):
            with explained(), st.spinner("Building the report ..."):
                page = build(self.folder).read_text(encoding="utf-8")
                places[3].download_button(
                    "report.html",
                    page,
                    f"{self.folder.name}-report.html",
                    "text/html",
                    icon=":material/download:",
                    width="stretch",
                )
                st.iframe(page, height=900)


def campaign_settings(folder: Path) -> dict[str, Any]:
    """Settings of the campaign in a run folder; empty if it has none that can be read.

    Raises:
        RunFolderError: another kind of run, or a damaged one.
    """
    settings = read_run(folder, "design").settings.get("campaign")
    return settings if isinstance(settings, dict) else {}


def _objective(config: dict[str, Any]) -> str:
    """What is optimised, as Markdown."""
    if pareto := config.get("pareto"):
        return f"Objectives, each maximised: {plain(', '.join(map(str, pareto)), 300)}"
    return f"Objective: {plain(config.get('objective') or config.get('oracle') or 'score', 300)}"


def _answers(folder: Path) -> pd.DataFrame:
    with CampaignStore(folder / STORE, read_only=True) as store:
        table = store.evaluations(expand=True).rename(columns={store.column: "smiles"})
        return table.sort_values("call").reset_index(drop=True)


def _tiles(answers: pd.DataFrame, sign: int, budget: int | None) -> None:
    utility = sign * answers["score"].to_numpy(float)
    start = utility[(answers["origin"] == "start").to_numpy()]

    def best(values: np.ndarray) -> str:
        return f"{sign * np.nanmax(values):.4f}" if np.isfinite(values).any() else "–"

    failed = int((answers["status"] == "failed").sum())
    show_tiles(
        [
            (best(utility), "best score"),
            (best(start), "best of the start"),
            (f"{len(answers)} / {budget}" if budget else str(len(answers)), "oracle calls"),
            (str(failed), "failed answers"),
        ]
    )


def _card(row: dict[str, object]) -> Card:
    numbers = [f"{name}\u00a0{row[name]:.2f}" for name in ("QED", "SAS", "logP", "MW") if pd.notna(row.get(name))]
    return Card(
        str(row["smiles"]),
        f"{row['score']:.4f}",
        "start" if row["origin"] == "start" else f"call {row['call']}",
        " · ".join(numbers),
    )
