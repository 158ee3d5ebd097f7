"""Molecules of the user: drawn, checked and scored."""

import io

import pandas as pd
import streamlit as st

from molvae.app import choices
from molvae.app.cards import Card, show_grid
from molvae.app.molecules_input import ask_molecules
from molvae.app.text import explained
from molvae.chemistry.tables import score_table
from molvae.run.progress import silent

_SHOWN = 24


def page() -> None:
    """Draw the page."""
    st.header("Score molecules", anchor=False)
    st.caption("Every row comes back, a refused one with its reason.")
    with explained():
        molecules = ask_molecules("score", embedded=False)
        formula = st.text_input("Formula", "5*QED - SAS", key="score-formula", max_chars=1000)
        objective = choices.check_formula(formula)
        if molecules is not None and st.button("Score", type="primary", icon=":material/checklist:"):
            with st.spinner(f"Scoring {len(molecules.frame)} molecules ..."):
                st.session_state["scored"] = score_table(molecules.frame, objective, progress=silent)
    table = st.session_state.get("scored")
    if table is not None:
        _show(table)


def _show(table: pd.DataFrame) -> None:
    best = table[table["valid"]].sort_values("score", ascending=False, kind="stable").head(_SHOWN)
    numbers = [name for name in best.columns[4:8] if pd.api.types.is_numeric_dtype(best[name]) and name != "line"]
    show_grid(
        [
            Card(
                str(row["smiles"]),
                f"{row['score']:.4f}",
                str(row.get("id", ""))[:24],
                " · ".join(f"{name[:24]}\u00a0{row[name]:.2f}" for name in numbers),
            )
            for row in best.to_dict("records")
        ]
    )
    st.dataframe(table, hide_index=True)
    stream = io.StringIO()
    table.to_csv(stream, index=False)
    st.download_button("scores.csv", stream.getvalue(), "scores.csv", "text/csv", icon=":material/download:")


page()
