"""The code of CONTRIBUTING.md: what it shows as files, and what it shows as lines of registries."""

import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from molvae.run.registry import Registry

_PAGE = Path(__file__).resolve().parents[1] / "CONTRIBUTING.md"
_BLOCKS = re.findall(r"```(?:python)?\n# (.*?)\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
FILES = {head: code for head, code in _BLOCKS if " in " not in head}
"""Path -> content, such as ``molvae/design/strategies/farthest.py``."""
LINES = {tuple(head.split(" in ")): code for head, code in _BLOCKS if " in " in head}
"""(registry, path) -> its line, after the imports that the line needs."""


def make_module(path: str) -> ModuleType:
    """What an import of one of the files would give."""
    module = ModuleType(_name(path))
    exec(compile(FILES[path], path, "exec", dont_inherit=True), vars(module))
    return module


def add(monkeypatch: pytest.MonkeyPatch, path: str, registry: str, file: str) -> None:
    """As if the file ``path`` lay there, and its line stood in the registry of ``file``; until the test ends."""
    monkeypatch.setitem(sys.modules, _name(path), make_module(path))
    home = import_module(_name(file))
    *imports, line = LINES[registry, file].splitlines()
    names = dict(vars(home))
    exec("\n".join(imports), names)
    entries = eval(f"{{{line}}}", names)
    things = getattr(home, registry)
    if isinstance(things, Registry):
        for attribute in ("_targets", "descriptions"):
            monkeypatch.setattr(things, attribute, dict(getattr(things, attribute)))
        for name, (target, description) in entries.items():
            things.add(name, target, description)
    else:
        entries = entries if isinstance(entries, dict) else {entry.name: entry for entry in entries}
        for name, thing in entries.items():
            monkeypatch.setitem(things, name, thing)


def _name(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")
