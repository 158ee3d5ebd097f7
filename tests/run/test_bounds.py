"""Every number that a recipe may set has a lower and an upper bound; seeds are what generators take."""

import types
import typing
from collections.abc import Iterator
from typing import Any

import annotated_types
import pytest
from pydantic import BaseModel

from molvae.errors import ConfigError
from molvae.experiments.registry import KINDS, make_recipe
from molvae.experiments.studies.registry import STUDIES


def numbers(annotation: Any, metadata: tuple[Any, ...], where: str) -> Iterator[tuple[str, list[Any]]]:
    """(where, constraints) of every int and float in a type."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        inner, *more = typing.get_args(annotation)
        yield from numbers(inner, (*metadata, *more), where)
    elif origin in (typing.Union, types.UnionType, tuple):
        for part in typing.get_args(annotation):
            yield from numbers(part, () if origin is tuple else metadata, where)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from fields(annotation, where)
    elif annotation in (int, float):
        flat = [part for each in metadata for part in getattr(each, "metadata", [each])]
        yield where, flat


def fields(model: type[BaseModel], where: str) -> Iterator[tuple[str, list[Any]]]:
    for name, field in model.model_fields.items():
        yield from numbers(field.annotation, tuple(field.metadata), f"{where}.{name}")


EVERY = {
    **{name: recipe for name, recipe in KINDS.items()},
    **{name: study.settings for name, study in STUDIES.items()},
}


@pytest.mark.parametrize("name", EVERY)
def test_every_number_is_bounded_on_both_sides(name):
    lower, upper = (annotated_types.Ge, annotated_types.Gt), (annotated_types.Le, annotated_types.Lt)
    unbounded = [
        where
        for where, constraints in fields(EVERY[name], name)
        if not all(any(isinstance(each, kind) for each in constraints) for kind in (lower, upper))
    ]
    assert unbounded == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"campaign": {"budget": 10**30}}, "campaign.budget"),
        ({"campaign": {"n_decodings": 10**9}}, "campaign.n_decodings"),
        ({"campaign": {"search": {"candidates": 10**9}}}, "campaign.search.candidates"),
        ({"campaign": {"batch": 10_000, "n_decodings": 10_000}}, "batch x oversample x n_decodings"),
        ({"campaign": {"seed": -1}}, "campaign.seed"),
        ({"campaign": {"seed": 2**63}}, "campaign.seed"),
        ({"campaign": {"timeout": float("nan")}}, "campaign.timeout"),
        ({"kind": "train", "train": {"model": {"hidden_size": 10**8}}}, "train.model.hidden_size"),
        ({"kind": "images", "train": {"fit": {"learning_rate": float("inf")}}}, "train.fit.learning_rate"),
        ({"kind": "study", "study": "collapse", "seed": -3}, "seed"),
    ],
)
def test_a_number_out_of_bounds_is_named(values, message):
    with pytest.raises(ConfigError, match=message):
        make_recipe(values)
