"""``molvae list``: what there is, by name, one line each."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from molvae.cli import complete, options
from molvae.errors import ConfigError

app = options.new_app()

Row = dict[str, str]


def _lists(incomplete: str) -> list[tuple[str, str]]:
    return complete.among({name: rows.__doc__ or "" for name, rows in LISTS.items()}, incomplete)


@app.command("list")
def list_(
    what: Annotated[
        str,
        typer.Argument(
            help="models, properties, objectives, strategies, oracles, data, filters, kinds or studies.",
            autocompletion=_lists,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a list of objects.")] = False,
) -> None:
    """List what there is to choose from, one line each."""
    if what not in LISTS:
        raise ConfigError(f"molvae list {', '.join(LISTS)}; not {what!r}")
    rows = LISTS[what]()
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        extra = "; ".join(row[name] for name in ("unit", "source") if row.get(name))
        print(f"{row['name']:{width}}  {row['description']}" + (f"  [{extra}]" if extra else ""))


def models() -> list[Row]:
    """Shipped models."""
    from molvae.weights import DESCRIPTIONS, shipped_models

    return _described({name: DESCRIPTIONS[name] for name in shipped_models()})


def properties() -> list[Row]:
    """What an objective may be made of."""
    from molvae.chemistry.properties import PROPERTIES
    from molvae.chemistry.targets import TARGETS

    plain = [
        {"name": name, "description": each.description, "unit": each.unit, "source": each.source}
        for name, each in PROPERTIES.items()
    ]
    return plain + [
        {
            "name": f"{name}('...')",
            "description": f"of a {each.argument}: {each.description}",
            "unit": "",
            "source": each.source,
        }
        for name, each in TARGETS.items()
    ]


def objectives() -> list[Row]:
    """Named objectives."""
    from molvae.chemistry.tasks import TASKS

    return [
        {"name": name, "description": f"{task.description}: {task.formula}", "source": task.source}
        for name, task in TASKS.items()
    ]


def strategies() -> list[Row]:
    """How a campaign chooses what to score."""
    from molvae.design.strategies.registry import STRATEGIES

    return _described(STRATEGIES.descriptions)


def oracles() -> list[Row]:
    """Oracles by name, as in --oracle dock:RECEPTOR."""
    from molvae.design.oracle.named import ORACLES

    return _described(ORACLES.descriptions)


def data() -> list[Row]:
    """Data sets by name."""
    from molvae.experiments.datasets import DATASETS

    embedded = {
        "digits": "1,797 handwritten digits, 8 x 8; embedded (scikit-learn)",
        "half_rings": "points of two half-rings in the plane; made on the spot",
        "scribbles": "sketches of a few strokes; made on the spot",
        "shifted_circle": "points of a circle and of the same circle shifted; made on the spot",
    }
    return _described({**DATASETS.descriptions, **embedded})


def filters() -> list[Row]:
    """Settings that say which molecules are acceptable."""
    from molvae.chemistry.filters import FilterConfig

    default = FilterConfig().model_dump(mode="json")
    return [
        {"name": name, "description": f"{field.description} Default: {json.dumps(default[name])}"}
        for name, field in FilterConfig.model_fields.items()
    ]


def kinds() -> list[Row]:
    """Kinds of run that a recipe may be."""
    from molvae.experiments.registry import KINDS

    return _described(KINDS.descriptions)


def studies() -> list[Row]:
    """Studies of the lecture."""
    from molvae.experiments.studies.registry import STUDIES

    return _described(STUDIES.descriptions)


def _described(descriptions: Mapping[Any, str]) -> list[Row]:
    return [{"name": name, "description": description} for name, description in descriptions.items()]


LISTS: dict[str, Callable[[], list[Row]]] = {
    rows.__name__: rows for rows in (models, properties, objectives, strategies, oracles, data, filters, kinds, studies)
}
