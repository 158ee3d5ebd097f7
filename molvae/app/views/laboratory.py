"""A laboratory is the oracle: a plate to measure comes down, the results go up."""

import io
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from molvae.app import choices, session, uploads
from molvae.app.cards import Card, show_grid
from molvae.app.constraints import ask_constraints
from molvae.app.molecules_input import ask_molecules
from molvae.app.run_view import campaign_settings
from molvae.app.text import explained, plain
from molvae.app.workspace import Workspace
from molvae.design.oracle.scorers import LABORATORY
from molvae.errors import ConfigError, InputError, MolvaeError
from molvae.experiments.laboratory import suggest_molecules, tell_results
from molvae.report import build
from molvae.run.folder import CONFIG, read_run

_NEW = "a new laboratory"
_MAX_PLATE = 384  # wells


def page() -> None:
    """Draw the page."""
    st.header("Laboratory", anchor=False)
    st.caption("Ask what to measure next, measure it, and tell the results: the search learns from each of them.")
    workspace = session.workspace()
    with explained():
        wanted = st.session_state.pop("lab", None)
        names = [_NEW, *_laboratories(workspace)]
        if wanted in names:
            st.session_state["lab-name"] = wanted
        name = str(st.selectbox("Laboratory", names, key="lab-name"))
        if name == _NEW:
            _begin(workspace)
        else:
            plate, results = st.tabs(["What to measure", "Results"])
            with plate, explained():
                _plate(workspace, name)
            with results, explained():
                _results(workspace, name)


def _laboratories(workspace: Workspace) -> list[str]:
    """Campaigns that ask a laboratory."""
    found = []
    for name in workspace.runs():
        folder = workspace.folder(name)
        try:
            if (folder / CONFIG).is_file() and campaign_settings(folder).get("oracle") == LABORATORY:
                found.append(name)
        except MolvaeError:
            continue  # another kind of run, or a damaged one
    return found


def _begin(workspace: Workspace) -> None:
    with st.container(border=True):
        st.markdown("**Molecules to begin with**")
        st.caption("Rows with a number in a column score count as measured, and the search learns from them at once.")
        molecules = ask_molecules("lab")
    with st.container(border=True), st.expander("Constraints"):
        constraints = ask_constraints("lab")
    one, two, three, four = st.columns(4)
    name = one.text_input("Name", placeholder="laboratory-<date>-<time>", max_chars=64, key="lab-new").strip()
    number = int(two.number_input("Molecules on a plate", 1, _MAX_PLATE, 10, key="lab-number"))
    direction = three.selectbox("Better is", ["more", "less"], key="lab-direction")
    models = choices.models(workspace)
    model = four.selectbox("Model", models, index=list(models).index(choices.default_model()), key="lab-model")
    if st.button("Suggest", type="primary", icon=":material/science:", disabled=molecules is None):
        assert molecules is not None
        name = name or workspace.new_name("laboratory")
        folder = workspace.folder(name)
        if folder.exists():
            raise ConfigError(f"there is a run {name} already: choose another name")
        settings: dict[str, Any] = {"direction": "max" if direction == "more" else "min", "filters": constraints}
        _suggest(
            folder, number, molecules.path, molecules.smiles_column, settings, choices.model_of(workspace, str(model))
        )
        st.session_state["lab"] = name
        st.rerun()


def _suggest(folder: Path, number: int, start: Path | None, column: str | None, settings: Any, model: Any) -> None:
    with st.spinner("Thinking about what to measure ..."), session.MODEL_LOCK:
        plate = suggest_molecules(folder, number, start, column, settings, model, "auto")
    st.session_state[f"plate-{folder.name}"] = plate


def _checked(workspace: Workspace, name: str) -> Path:
    """The folder of a laboratory, if its model may be opened from here."""
    folder = workspace.folder(name)
    choices.check_model(str(read_run(folder, "design").settings.get("model", "")), workspace)
    return folder


def _plate(workspace: Workspace, name: str) -> None:
    folder = _checked(workspace, name)
    number = int(st.number_input("Molecules on a plate", 1, _MAX_PLATE, 10, key="lab-more"))
    st.caption("While molecules of the last plate have no result, they come again.")
    if st.button("Suggest", type="primary", icon=":material/science:", key="lab-suggest"):
        _suggest(folder, number, None, None, {}, None)
    plate = st.session_state.get(f"plate-{name}")
    if plate is None:
        return
    show_grid([_card(row) for row in plate.to_dict("records")])
    st.download_button("plate.csv", _csv(plate), f"{name}-plate.csv", "text/csv", icon=":material/download:")


def _card(row: dict[Any, Any]) -> Card:
    known = pd.notna(row["predicted_mean"])
    title = f"{row['predicted_mean']:.3f} ± {row['predicted_std']:.3f}" if known else "start"
    return Card(
        str(row["smiles"]),
        title,
        "novel" if row["novel"] is True else "",
        warning=str(row["alerts"]),
    )


def _results(workspace: Workspace, name: str) -> None:
    folder = _checked(workspace, name)
    plate = st.session_state.get(f"plate-{name}")
    if plate is not None:
        st.markdown("**Type the scores of the plate**")
        st.caption("An empty score is left out.")
        typed = st.data_editor(
            plate[["smiles", "score"]], disabled=["smiles"], hide_index=True, key=f"lab-typed-{name}", num_rows="fixed"
        )
        if st.button("Tell these", icon=":material/upload:", disabled=bool(typed["score"].isna().all())):
            _tell(folder, _csv(typed[typed["score"].notna()]).encode(), "typed.csv", "score")
    st.markdown("**Or upload a table**")
    file = st.file_uploader(
        "Columns smiles and score; an empty score says that a measurement failed",
        type=["csv", "tsv"],
        key="lab-results",
        max_upload_size=uploads.MAX_MEGABYTES,
    )
    column = st.text_input("Column of the scores", "score", max_chars=100, key="lab-score")
    if file is not None and st.button("Tell", type="primary", icon=":material/upload:"):
        _tell(folder, file.getvalue(), file.name, column)
    told = st.session_state.get(f"told-{name}")
    if told is not None:
        table, awaited = told
        counts = ", ".join(f"{number} {status}" for status, number in table["status"].value_counts().items())
        st.success(f"{plain(counts)}. {awaited} molecules are still awaited.", icon=":material/check_circle:")
        st.dataframe(table, hide_index=True)
        st.download_button("verdicts.csv", _csv(table), f"{name}-verdicts.csv", "text/csv", icon=":material/download:")


def _tell(folder: Path, data: bytes, name: str, column: str) -> None:
    path = uploads.store(session.workspace(), session.upload_session(), name, data)
    uploads.read_upload(path)  # says what is wrong, and how much is too much
    try:
        with st.spinner("Learning ..."), session.MODEL_LOCK:
            st.session_state[f"told-{folder.name}"] = tell_results(folder, path, None, column, "auto")
            build(folder)
    except InputError as error:
        raise InputError(str(error).replace(str(path), "the file")) from None
    st.session_state.pop(f"plate-{folder.name}", None)
    st.rerun()


def _csv(table: pd.DataFrame) -> str:
    stream = io.StringIO()
    table.to_csv(stream, index=False)
    return stream.getvalue()


page()
