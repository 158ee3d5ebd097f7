"""Oracles that come with the package and are called by a name and an argument, ``dock:receptor.pdbqt``.

To add one, write a class with the methods of :class:`NamedOracle` and give it a line in :data:`ORACLES`.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from molvae.errors import ConfigError
from molvae.run.registry import Registry

if TYPE_CHECKING:  # a worker process that scores should not wait for pandas
    import pandas as pd

    from molvae.run.panels import Panel


class NamedOracle(Protocol):
    """What such an oracle does; worker processes make it again from its name and its settings.

    Attributes:
        names: of the numbers that it answers with beside ``score``; an objective may use them.
    """

    names: tuple[str, ...]

    @classmethod
    def create(cls, argument: str, settings: dict[str, Any]) -> Self:
        """From what stands behind the colon, and the setting ``oracle_settings`` of the campaign.

        Raises:
            MolvaeError: whatever is missing or wrong; nothing has been made or paid for yet.
        """

    @property
    def facts(self) -> dict[str, Any]:
        """What a resumed campaign must find unchanged, as JSON."""

    def prepare(self) -> None:
        """What each worker does first; if it raises, the campaign stops."""

    def __call__(self, text: str) -> Mapping[str, float]:
        """The numbers of one candidate, ``score`` (more is better) among them.

        Raises:
            Exception: there are none; the message is recorded on the candidate.
        """

    def full(self) -> "NamedOracle":
        """The same at its full fidelity, by which the best are confirmed.

        Raises:
            ConfigError: there is no fuller one.
        """

    def write(self, table: "pd.DataFrame", folder: Path, score: Callable[[Sequence[str]], object]) -> "list[Panel]":
        """Files and pictures of what was scored.

        Args:
            table: what has a score, best first.
            folder: of the run.
            score: scores candidates again.
        """


ORACLES: Registry[type[NamedOracle]] = Registry(
    "oracle",
    {"dock": ("molvae.chemistry.docking.oracle:DockingOracle", "AutoDock Vina on dock:RECEPTOR.pdbqt (extra docking)")},
)


def named_oracle(text: str, settings: Mapping[str, Any] | None) -> NamedOracle | None:
    """The oracle that a text such as ``dock:receptor.pdbqt`` names; None if it is of another kind.

    Raises:
        ConfigError: settings for an oracle that has none.
        MolvaeError: see :meth:`NamedOracle.create`.
    """
    name, colon, argument = text.partition(":")
    if not colon or name not in ORACLES:
        if settings:
            raise ConfigError(
                f"oracle_settings are for {', '.join(f'{name}:...' for name in ORACLES)}, not for {text!r}"
            )
        return None
    return ORACLES[name].create(argument.strip(), dict(settings or {}))


def check_names(oracle: NamedOracle, objective: Any) -> None:
    """Refuse an objective over names that neither the oracle nor its domain knows.

    Raises:
        ConfigError: gives the nearest name.
    """
    if objective is None or objective.domain is None:
        return
    known = ("score", *oracle.names)
    for name in objective.properties:
        if name not in known and not objective.domain.is_property(name):
            near = difflib.get_close_matches(name, [*known, *objective.domain.properties], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{name!r} is neither a property nor given by the oracle ({', '.join(known)}){hint}")
