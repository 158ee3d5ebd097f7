"""Things that are found by name, each in a file of its own that is imported when the thing is first asked for.

To add one: write the file, and one line in the registry. Listing names and descriptions imports nothing, so that
``molvae list`` and ``--help`` answer at once.
"""

import difflib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from molvae.errors import ConfigError, abbreviate

Thing = TypeVar("Thing")


class Registry(Mapping[str, Thing], Generic[Thing]):
    """A mapping from names to things.

    Args:
        what: what a thing is called in messages, for example ``"strategy"``.
        entries: name -> (``"module:attribute"``, one line that describes it).
    """

    def __init__(self, what: str, entries: Mapping[str, tuple[str, str]]) -> None:
        self.what = what
        self._targets: dict[str, Any] = {name: target for name, (target, _) in entries.items()}
        self.descriptions = {name: description for name, (_, description) in entries.items()}

    def add(self, name: str, thing: Thing, description: str = "") -> None:
        """Give a name to a thing at hand, as an extension or a notebook does.

        Raises:
            ConfigError: the name is taken.
        """
        if name in self._targets:
            raise ConfigError(f"there is a {self.what} {name!r} already: choose another name")
        self._targets[name], self.descriptions[name] = thing, description

    def check(self, name: str) -> str:
        """The name itself.

        Raises:
            ConfigError: there is no such thing; gives the nearest name.
        """
        if name not in self._targets:
            near = difflib.get_close_matches(str(name), self._targets, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self._targets)}"
            raise ConfigError(f"no {self.what} {abbreviate(name)!r}: {hint}")
        return name

    def __getitem__(self, name: str) -> Thing:
        target = self._targets[self.check(name)]
        if isinstance(target, str):
            module, _, attribute = target.partition(":")
            target = self._targets[name] = getattr(importlib.import_module(module), attribute)
        return cast(Thing, target)

    def __contains__(self, name: object) -> bool:
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)
