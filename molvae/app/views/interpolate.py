"""The molecules along a path between two others."""

import pandas as pd
import streamlit as st

from molvae.app import choices, session
from molvae.app.cards import Card, show_grid
from molvae.app.curves import show_path
from molvae.app.smiles_input import ask_smiles
from molvae.app.text import explained
from molvae.chemistry.properties import compute_many
from molvae.run.progress import silent
from molvae.weights import DEFAULT_MODEL

_START, _END = "CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O"  # aspirin, caffeine
_PROPERTIES = ("QED", "SAS", "logP", "MW")


def page() -> None:
    """Draw the page."""
    st.header("Interpolate two molecules", anchor=False)
    st.caption("A walk through latent space from one molecule to another, decoded at every step.")
    with explained():
        left, right = st.columns(2, gap="large")
        with left, st.container(border=True):
            start = ask_smiles("The first molecule", _START, "path-first")
        with right, st.container(border=True):
            end = ask_smiles("The last molecule", _END, "path-last")
        models = choices.models(session.workspace())
        one, two, three = st.columns(3)
        model = one.selectbox("Model", models, index=list(models).index(DEFAULT_MODEL), key="path-model")
        steps = two.slider("Steps", 3, 24, 12, key="path-steps")
        method = three.segmented_control(
            "Path", ["slerp", "lerp"], default="slerp", key="path-method", required=True, help="Great circle, or line."
        )
        if st.button("Interpolate", type="primary", icon=":material/route:", disabled=not (start and end)):
            assert start is not None and end is not None
            chosen = choices.model_of(session.workspace(), str(model))
            with st.spinner("Walking ..."), session.MODEL_LOCK:
                path = session.model(chosen).interpolate(
                    start, end, int(steps), "lerp" if method == "lerp" else "slerp"
                )
            st.session_state["path"] = _with_properties(path)
    if (table := st.session_state.get("path")) is not None:
        _show(table)


def _with_properties(path: pd.DataFrame) -> pd.DataFrame:
    """The computed properties of what was decoded, in place of the predicted ones."""
    texts = path["smiles"].fillna("").astype(str).tolist()
    values = compute_many(texts, _PROPERTIES, num_workers=1, progress=silent)
    return pd.concat([path[["t", "smiles", "valid", "votes"]], values[list(_PROPERTIES)]], axis=1)


def _show(table: pd.DataFrame) -> None:
    show_grid(
        [
            Card(
                str(row["smiles"] or ""),
                f"t = {row['t']:.2f}",
                f"{row['votes']} votes",
                " · ".join(f"{name}\u00a0{row[name]:.2f}" for name in _PROPERTIES if pd.notna(row[name])),
            )
            for row in table.to_dict("records")
        ]
    )
    name = st.selectbox("Property along the path", _PROPERTIES, key="path-property")
    show_path(table, str(name))
    st.download_button("path.csv", table.to_csv(index=False), "path.csv", "text/csv", icon=":material/download:")


page()
