"""Curves of a campaign that runs, and of properties along a path."""

from collections.abc import Mapping

import altair
import numpy as np
import pandas as pd
import streamlit as st

from molvae.design.curves import best_so_far, mean_of_best

_MAX_POINTS = 2000  # drawn one by one; of more every n-th
_BLUE, _ORANGE, _GREY = "#0072B2", "#E69F00", "#9aa3ad"


def show_progress(evaluations: pd.DataFrame, sign: int, baselines: Mapping[str, pd.DataFrame]) -> None:
    """Every answer as a point; the best and the mean of the best ten so far as lines.

    Args:
        evaluations: answers of the oracle by call, as :class:`~molvae.design.store.CampaignStore` gives them.
        sign: +1 if more is better.
        baselines: answers of other strategies by their names.
    """
    utility = sign * evaluations["score"].to_numpy(float)
    calls = np.arange(1, len(utility) + 1)
    lines = [
        pd.DataFrame({"call": calls, "value": sign * best_so_far(utility), "line": "best so far"}),
        pd.DataFrame({"call": calls, "value": sign * mean_of_best(utility), "line": "mean of the top 10"}),
    ]
    for name, other in baselines.items():
        values = sign * best_so_far(sign * other["score"].to_numpy(float))
        lines.append(pd.DataFrame({"call": np.arange(1, len(values) + 1), "value": values, "line": f"best, {name}"}))
    curves = pd.concat(lines).dropna()
    points = pd.DataFrame(
        {
            "call": calls,
            "value": evaluations["score"].to_numpy(float),
            "from": np.where(evaluations["origin"] == "start", "start", "proposed"),
            "smiles": evaluations["smiles"].to_numpy(),
        }
    ).dropna()
    points = points.iloc[:: 1 + len(points) // _MAX_POINTS]
    if points.empty:
        return
    x = altair.X(
        "call:Q", title="oracle calls", axis=altair.Axis(tickMinStep=1, tickCount=12), scale=altair.Scale(nice=False)
    )
    y = altair.Y("value:Q", title="score", scale=altair.Scale(zero=False))
    names = list(dict.fromkeys(curves["line"]))
    colours = [_BLUE, _ORANGE, "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999999"]
    dots = (
        altair.Chart(points)
        .mark_circle(size=26, opacity=0.45)
        .encode(
            x=x,
            y=y,
            color=altair.condition("datum.from === 'start'", altair.value(_GREY), altair.value("#56B4E9")),
            tooltip=["call", altair.Tooltip("value", title="score", format=".4f"), "from", "smiles"],
        )
    )
    scale = altair.Scale(domain=names, range=(colours * len(names))[: len(names)])
    steps = (
        altair.Chart(curves)
        .mark_line(interpolate="step-after", strokeWidth=2.2)
        .encode(x=x, y=y, color=altair.Color("line:N", scale=scale, title=None, legend=altair.Legend(orient="top")))
    )
    st.altair_chart((dots + steps).properties(height=300), width="stretch")


def show_path(table: pd.DataFrame, name: str) -> None:
    """A property of the molecules along a path."""
    known = table[["t", name]].dropna()
    if len(known) > 1:
        line = altair.Chart(known).mark_line(point=True, color=_BLUE)
        y = altair.Y(f"{name}:Q", scale=altair.Scale(zero=False))
        st.altair_chart(
            line.encode(x=altair.X("t:Q", title="from first to last"), y=y).properties(height=220), width="stretch"
        )
