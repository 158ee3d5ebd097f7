"""A campaign: what should be better, from where, within which limits; then it runs in a process of its own."""

from typing import Any

import streamlit as st

from molvae.app import choices, jobs, session
from molvae.app.constraints import ask_constraints
from molvae.app.molecules_input import Molecules, ask_molecules
from molvae.app.text import explained, plain, show_error
from molvae.chemistry.tasks import TASKS
from molvae.design.settings import CampaignConfig
from molvae.errors import ConfigError, MolvaeError
from molvae.experiments.design import DesignRecipe

_OWN = "my own formula"
_DEFAULT = CampaignConfig()


def page() -> None:
    """Draw the page."""
    st.header("Design molecules", anchor=False)
    st.caption(
        "Say what should be better and press Start: a Gaussian process walks the latent space of a variational "
        "autoencoder, and every molecule that it proposes is checked and scored."
    )
    left, right = st.columns([5, 3], gap="large")
    problems: list[str] = []
    with left:
        campaign = _part("1 · What should be better?", _ask_objective, problems) or {}
        molecules = _part("2 · Where does it start?", lambda: ask_molecules("design"), problems)
        constraints = _part("3 · Which molecules are acceptable?", _ask_constraints, problems)
    with right, st.container(border=True):
        campaign |= _ask_search(several="pareto" in campaign) | {"filters": constraints or {}}
        model = _ask_model()
        name = st.text_input("Name of the run", placeholder="design-<date>-<time>", max_chars=64, key="design-name")
        if problems or molecules is None:
            st.warning("There is something to correct on the left." if problems else "Molecules are missing.")
        if st.button(
            "Start",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            disabled=bool(problems) or not molecules,
        ):
            assert molecules is not None
            with explained():
                _start(name.strip(), campaign, molecules, model)


def _part(title: str, ask: Any, problems: list[str]) -> Any:
    """A box with widgets; what is wrong with their values stands in it."""
    with st.container(border=True):
        st.markdown(f"**{title}**")
        try:
            return ask()
        except MolvaeError as error:
            problems.append(str(error))
            show_error(error)
            return None


def _ask_objective() -> dict[str, Any]:
    several = st.toggle("Several objectives at once (Pareto front)", key="design-several")
    if several:
        text = st.text_area(
            "Formulas, one a line, each to be maximised", "QED\n-SAS", key="design-pareto", max_chars=4000
        )
        formulas = [line.strip() for line in text.splitlines() if line.strip()]
        if not 2 <= len(formulas) <= choices.MAX_FORMULAS:
            raise ConfigError(f"give two to {choices.MAX_FORMULAS} formulas, one a line; these are {len(formulas)}")
        _show_properties()
        return {"pareto": [str(choices.check_formula(formula)) for formula in formulas]}
    chosen, way = st.columns([3, 2])
    options = [*TASKS, _OWN]
    name = chosen.selectbox(
        "Objective",
        options,
        format_func=lambda name: name if name == _OWN else f"{name.replace('_', ' ')}: {TASKS[name].description}",
        key="design-task",
    )
    ways = {"maximise": "max", "minimise": "min"}
    chosen_way = way.segmented_control("Direction", ways, default="maximise", key="design-direction", required=True)
    direction = ways[str(chosen_way)]
    formula = TASKS[name].formula if name in TASKS else None
    if formula is None:
        formula = st.text_input("Formula", "QED - abs(logP - 2)/3", key="design-formula", max_chars=1000)
        _show_properties()
        objective = choices.check_formula(formula, direction)
        st.caption(f"Uses {plain(', '.join(objective.properties))}.")
    else:
        objective = choices.check_formula(formula, direction)
        st.code(formula, language=None, wrap_lines=True)
    return {"objective": str(objective), "direction": direction}


def _show_properties() -> None:
    with st.expander("What a formula may be made of"):
        st.caption("Numbers, + - * / ** ( ), and these names. A formula is parsed, never executed.")
        st.dataframe(choices.properties(), hide_index=True, height=260)


def _ask_constraints() -> dict[str, Any]:
    with st.expander("No more than the usual limits; change them here"):
        return ask_constraints("design")


def _ask_search(several: bool) -> dict[str, Any]:
    st.markdown("**4 · How long, and how?**")
    values: dict[str, Any] = {
        "budget": int(
            st.number_input(
                "Budget: molecules scored in all",
                2,
                choices.MAX_BUDGET,
                _DEFAULT.budget,
                step=50,
                key="design-budget",
                help="Those of the start included; a repeat costs nothing.",
            )
        )
    }
    values["start_size"] = int(
        st.number_input(
            "Start: molecules scored first",
            1,
            10_000,
            _DEFAULT.start_size,
            step=10,
            key="design-start",
            help="Drawn from those on the left; the search learns from them.",
        )
    )
    with st.expander("Search"):
        descriptions = choices.strategies(several)
        values["strategy"] = st.selectbox(
            "Strategy",
            descriptions,
            format_func=lambda name: f"{name}: {descriptions[name]}",
            key=f"design-strategy-{several}",
        )
        if not several:
            others = [name for name in descriptions if name != values["strategy"]]
            values["baselines"] = st.multiselect(
                "Compare with, each with the same budget", others, key="design-baselines", max_selections=3
            )
        values["batch"] = int(st.number_input("Molecules in a step", 1, 1000, _DEFAULT.batch, key="design-batch"))
        values["require_novel"] = st.toggle("Only molecules that the model was not trained on", key="design-novel")
        values["seed"] = int(st.number_input("Seed", 0, 2**31 - 1, _DEFAULT.seed, key="design-seed"))
    return values


def _ask_model() -> str:
    models = choices.models(session.workspace())
    return str(
        st.selectbox(
            "Model",
            models,
            index=list(models).index(choices.default_model()),
            format_func=lambda name: f"{name}: {models[name]}",
            key="design-model",
        )
    )


def _start(name: str, campaign: dict[str, Any], molecules: Molecules, model: str) -> None:
    workspace = session.workspace()
    recipe = DesignRecipe.create(
        {
            "campaign": campaign,
            "input": None if molecules.path is None else str(molecules.path),
            "smiles_column": molecules.smiles_column,
            "model": choices.model_of(workspace, model),
        }
    )
    choices.check_recipe(recipe, workspace, begun=False)
    name = name or workspace.new_name("design")
    jobs.start(workspace, name, recipe.model_dump(mode="json"))
    st.session_state["run"] = name
    st.switch_page(session.page_file("runs"))


page()
