"""What the shell offers when Tab is pressed: names of models, strategies, objectives and data sets, and files.

Each function takes what is typed so far. It imports the registries, which import nothing heavy.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path


def models(incomplete: str) -> list[tuple[str, str]]:
    """Shipped models, and folders that hold one."""
    from molvae.weights import DESCRIPTIONS

    return among(DESCRIPTIONS, incomplete) + [(name, "folder") for name in _paths(incomplete) if Path(name).is_dir()]


def strategies(incomplete: str) -> list[tuple[str, str]]:
    """How a campaign searches."""
    from molvae.design.strategies.registry import STRATEGIES

    return among(STRATEGIES.descriptions, incomplete)


def objectives(incomplete: str) -> list[tuple[str, str]]:
    """Objectives that have a name; a formula is typed."""
    from molvae.chemistry.tasks import TASKS

    return among({name: task.description for name, task in TASKS.items()}, incomplete)


def datasets(incomplete: str) -> list[tuple[str, str]]:
    """What can be downloaded."""
    from molvae.experiments.datasets import DATASETS

    return among(DATASETS.descriptions, incomplete)


def data_or_files(incomplete: str) -> list[tuple[str, str]]:
    """Data sets by name, and files and folders on the way to one."""
    return datasets(incomplete) + [(name, "") for name in _paths(incomplete)]


def among(descriptions: Mapping[str, str], incomplete: str) -> list[tuple[str, str]]:
    """The names that begin so, with their descriptions."""
    return [(name, text) for name, text in descriptions.items() if name.startswith(incomplete)]


def _paths(incomplete: str) -> Iterable[str]:
    folder, _, name = incomplete.rpartition("/")
    start = Path(f"{folder}/" if folder or incomplete.startswith("/") else ".")
    try:
        found = sorted(path.name for path in start.iterdir() if path.name.startswith(name))
    except OSError:
        return []
    lead = incomplete[: len(incomplete) - len(name)]
    return [lead + each for each in found if name.startswith(".") or not each.startswith(".")]
