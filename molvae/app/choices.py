"""What may be chosen in the browser, and the checks that nothing else gets through.

Every name comes from the registry that ``molvae list`` prints. The checks are made twice: by the page, so that the
error stands beside the widget, and by the worker, which trusts nobody.
"""

import os
from pathlib import Path

import pandas as pd

from molvae.app.uploads import holds_upload
from molvae.app.workspace import Workspace
from molvae.chemistry.domain import MoleculeDomain
from molvae.chemistry.properties import PROPERTIES
from molvae.chemistry.targets import TARGETS
from molvae.chemistry.tasks import TASKS
from molvae.design.objective import FUNCTIONS, Objective
from molvae.design.strategies.registry import STRATEGIES
from molvae.errors import ConfigError, abbreviate
from molvae.experiments.design import DesignRecipe
from molvae.run.recipe import Recipe
from molvae.weights import DESCRIPTIONS, PROTEINS, SEARCH_MODEL, shipped_models

MAX_BUDGET = 20_000
"""Oracle calls of a campaign that is begun here; more is for the command line."""
MAX_FORMULAS = 8
"""Objectives of a Pareto front."""
DOMAIN = MoleculeDomain(files=False)
"""Molecules, without properties that read a folder."""


def targets() -> dict[str, str]:
    """Properties that are made for an argument, without those that read files: name -> what the argument is."""
    return {name: TARGETS[name].argument for name in DOMAIN.targets if not TARGETS[name].reads_files}


def check_formula(text: str, direction: str = "max") -> Objective:
    """An objective that names nothing but properties of the package.

    Raises:
        ConfigError: no formula, an unknown name, or one that would read a file.
    """
    source = TASKS[text].formula if text in TASKS else text
    # without a domain nothing is looked up, so nothing is opened before the names have been seen
    for name in Objective.parse(source, direction).properties:
        kind, bracket, _ = name.partition("(")
        if bracket and kind not in targets():
            raise ConfigError(f"{abbreviate(kind)} is not allowed here; there are {', '.join(targets())}")
    return Objective.parse(source, direction, DOMAIN)


def properties() -> pd.DataFrame:
    """What a formula may be made of, for a table to look things up in."""
    plain = [(name, each.description, each.unit) for name, each in PROPERTIES.items()]
    made = [(f"{name}('...')", f"of a {what}: {TARGETS[name].description}", "") for name, what in targets().items()]
    functions = [(f"{name}(...)", "function", "") for name in FUNCTIONS]
    return pd.DataFrame([*plain, *made, *functions], columns=["name", "what it is", "unit"])


def models(workspace: Workspace) -> dict[str, str]:
    """Models of molecules by name, the shipped ones and those that runs of the workspace have trained -> one line."""
    shipped = {name: DESCRIPTIONS[name] for name in shipped_models() if name not in PROTEINS}
    trained = {f"run: {name}": "trained in this workspace" for name in workspace.trained_models()}
    return shipped | trained


def model_of(workspace: Workspace, name: str) -> str:
    """What the engines call the model that :func:`models` names.

    Raises:
        ConfigError: no such model.
    """
    if name in shipped_models():
        return name
    if name.startswith("run: ") and name.removeprefix("run: ") in workspace.trained_models():
        return str(workspace.folder(name.removeprefix("run: ")))
    raise ConfigError(f"no model {abbreviate(name)!r}: choose one of {', '.join(models(workspace))}")


def check_model(name: str, workspace: Workspace) -> None:
    """Refuse a model that neither ships nor lies in the workspace.

    Raises:
        ConfigError: it does not.
    """
    if name not in shipped_models() and not workspace.holds(Path(name)):
        raise ConfigError(f"the model {abbreviate(name)} lies outside the workspace: choose another")


def strategies(pareto: bool = False) -> dict[str, str]:
    """Strategies by name -> one line; ``pareto`` is for several objectives, and the others are not."""
    return {name: text for name, text in STRATEGIES.descriptions.items() if (name == "pareto") == pareto}


def default_model() -> str:
    """The one with which campaigns have been measured."""
    return SEARCH_MODEL


def check_recipe(recipe: Recipe, workspace: Workspace, begun: bool) -> DesignRecipe:
    """A campaign that may run for somebody in the browser.

    Args:
        recipe: what is to be executed.
        workspace: where it must lie, with all that it reads.
        begun: it goes on from its run folder, so that its input is not read any more.

    Raises:
        ConfigError: another kind of run, an oracle of its own, or a file or model from elsewhere.
    """
    if not isinstance(recipe, DesignRecipe):
        raise ConfigError(f"a run of kind {recipe.kind!r} goes on with 'molvae resume', not here")
    campaign = recipe.campaign
    if campaign.oracle is not None:
        raise ConfigError("this campaign has an oracle of its own: go on with 'molvae resume' or 'molvae suggest'")
    for formula in (campaign.objective, *campaign.pareto):
        if formula is not None:
            check_formula(formula, campaign.direction)
    if not begun and campaign.budget > MAX_BUDGET:
        raise ConfigError(f"a campaign has at most {MAX_BUDGET:,} calls here; 'molvae design' takes more")
    if campaign.num_workers > (os.cpu_count() or 1):
        raise ConfigError(f"this machine has {os.cpu_count()} cores: ask for no more processes than that")
    check_model(recipe.model, workspace)
    if not begun and recipe.input is not None and not holds_upload(workspace, Path(recipe.input)):
        raise ConfigError("a campaign begins with an upload or the molecules that come with the package")
    return recipe
