"""Numbers that change with the training step: the weight of the KL term, a temperature, the learning rate.

A schedule belongs to the step, never to the model: a model that is evaluated does not know how it was annealed.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, model_serializer, model_validator

from molvae.errors import ConfigError
from molvae.run.config import Config, Step, Weight

Share = Annotated[float, Field(ge=0, le=1)]
"""A part of all steps of a run."""
Settings = TypeVar("Settings", bound=Config)


def piecewise_linear(step: int, knots: Sequence[tuple[int, float]]) -> float:
    """Straight lines between knots (step, value), constant before the first and after the last.

    ``[(0, 0), (8000, 0.05)]`` is the KL annealing of Bowman et al. 2016; a single knot is a constant.
    """
    for (left, low), (right, high) in itertools.pairwise(knots):
        if step < right:
            return low + (high - low) * max(0, step - left) / (right - left)
    return knots[-1][1]


def cyclical(step: int, value: float, period: int, rising: float = 0.5) -> float:
    """Saw teeth: rise from zero to ``value`` in the first part ``rising`` of a period, then hold (Fu et al. 2019)."""
    return value * min(1.0, (step % period) / (rising * period))


def warmup_cosine(step: int, value: float, warmup: int, total: int, floor: float = 0.01, hold: float = 0.0) -> float:
    """Linear rise over ``warmup`` steps, then half a cosine down to ``floor * value`` at ``total`` steps.

    ``hold`` is the share of all steps before which the fall does not begin.
    """
    if step < warmup:
        return value * (step + 1) / warmup
    start = max(warmup, int(hold * total))
    progress = min(1.0, max(0, step - start) / max(1, total - start))
    return value * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))


_SETTINGS = {
    "constant": ("value",),
    "linear": ("value", "steps"),
    "cyclical": ("value", "steps"),
    "exponential": ("value", "rate", "floor"),
    "knots": ("knots",),
    "shares": ("shares",),
}
"""What each kind of schedule is made of."""


class Schedule(Config):
    """A number as a function of the training step; never negative.

    In a recipe a number is a constant, a list holds the knots of a piecewise linear schedule, and a table names its
    kind. Knots in shares of the run, from 0 to 1, serve data of any size; :func:`in_steps` turns them into knots in
    steps when training begins::

        beta = 0.1
        beta = [[0, 0.0], [8000, 0.05]]
        beta = { shares = [[0, 0.0], [0.4, 0.05]] }
        beta = { kind = "linear", value = 1.0, steps = 5000 }
        beta = { kind = "cyclical", value = 1.0, steps = 5000 }
        temperature = { kind = "exponential", value = 1.0, rate = 3e-5, floor = 0.5 }
    """

    kind: Literal["constant", "linear", "cyclical", "exponential", "knots", "shares"] = "constant"
    """``linear`` rises once from zero (Bowman et al. 2016), ``cyclical`` again and again (Fu et al. 2019),
    ``exponential`` falls as max(floor, value exp(-rate step)) (Jang et al. 2016), ``knots`` and ``shares`` are joined
    by lines.
    """
    value: float = Field(1.0, ge=0, le=1e6)
    """At all steps (constant), in the end (linear), at the top (cyclical), or to begin with (exponential)."""
    steps: int = Field(1000, ge=1, le=10**9)
    """Length of the rise, or of one cycle."""
    rate: float = Field(1e-4, gt=0, le=1)
    """Of the exponential decay, per step."""
    floor: float = Field(0.0, ge=0, le=1e6)
    """Where the exponential decay ends."""
    knots: tuple[tuple[Step, Weight], ...] = ()
    """(step, value), steps rising; constant before the first and after the last."""
    shares: tuple[tuple[Share, Weight], ...] = ()
    """As ``knots``, with the share of the run's steps in the place of the step."""

    whole: ClassVar[bool] = True

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, given: Any) -> Any:
        if isinstance(given, (int, float)) and not isinstance(given, bool):
            return {"value": given}
        if isinstance(given, (list, tuple)):
            return {"kind": "knots", "knots": given}
        if isinstance(given, dict) and "shares" in given:
            return {"kind": "shares", **given}
        if not isinstance(given, (dict, Schedule)):
            raise ValueError("a schedule is a number, a list of knots [[step, value], ...], or a table with its kind")
        return given

    @model_validator(mode="after")
    def _sound(self) -> "Schedule":
        if other := self.model_fields_set - {"kind", *_SETTINGS[self.kind]}:
            raise ValueError(
                f"a schedule of kind {self.kind!r} is made of {' and '.join(_SETTINGS[self.kind])}, "
                f"not of {' and '.join(sorted(other))}"
            )
        if self.kind in ("knots", "shares"):
            places = [place for place, _ in self._corners]
            if not places or places != sorted(set(places)):
                place = "step" if self.kind == "knots" else "share"
                raise ValueError(f"at least one knot [{place}, value] is needed, {place}s rising")
        if self.kind == "exponential" and self.floor > self.value:
            raise ValueError(f"an exponential decay begins above its floor {self.floor:g}, not at {self.value:g}")
        return self

    @model_serializer
    def _shortest_form(self) -> Any:
        if self.kind == "constant":
            return self.value
        if self.kind == "knots":
            return [list(knot) for knot in self.knots]
        if self.kind == "shares":
            return {"shares": [list(knot) for knot in self.shares]}
        return {"kind": self.kind, **{name: getattr(self, name) for name in _SETTINGS[self.kind]}}

    def at(self, step: int) -> float:
        """The number at a step.

        Raises:
            ConfigError: it is in shares of a run whose steps are not known here.
        """
        if self.kind == "linear":
            return piecewise_linear(step, ((0, 0.0), (self.steps, self.value)))
        if self.kind == "cyclical":
            return cyclical(step, self.value, self.steps)
        if self.kind == "exponential":
            return max(self.floor, self.value * math.exp(-self.rate * step))
        if self.kind == "knots":
            return piecewise_linear(step, self.knots)
        if self.kind == "shares":
            raise ConfigError("a schedule in shares needs the number of steps of the run: see in_steps")
        return self.value

    @property
    def _corners(self) -> Sequence[tuple[float, float]]:
        return self.shares if self.kind == "shares" else self.knots

    @property
    def used(self) -> bool:
        """Whether it is ever above zero."""
        return any(value > 0 for _, value in self._corners) if self._corners else self.value > 0

    @property
    def final(self) -> float:
        """What it comes to in the end, by which trained weights are judged."""
        if self._corners:
            return self._corners[-1][1]
        return self.floor if self.kind == "exponential" else self.value


def in_steps(settings: Settings, total: int) -> Settings:
    """The same settings, with every schedule in shares turned into knots of a run of ``total`` steps.

    Where two knots fall on one step, the later one counts.
    """
    return _in_steps(settings, total)


def _in_steps(value: Any, total: int) -> Any:
    if isinstance(value, Schedule):
        if value.kind != "shares":
            return value
        return Schedule(
            kind="knots", knots=tuple({round(share * total): number for share, number in value.shares}.items())
        )
    if isinstance(value, Config):
        return value.model_copy(update={name: _in_steps(part, total) for name, part in value})
    if isinstance(value, dict):
        return {name: _in_steps(part, total) for name, part in value.items()}
    return value
