"""No file of the package imports, over however many others, itself: also not late, and not for type checkers alone.

A circle that works only because one of its imports stands inside a function, or under ``TYPE_CHECKING``, is still a
circle: neither file can be read, tested or moved without the other. What must be reached upwards is named by a string
in a registry (:mod:`molvae.run.registry`).
"""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "molvae"


def module_name(path: Path, root: Path) -> str:
    """``root/core/vae.py`` -> ``molvae.core.vae``; a package stands for its ``__init__``."""
    parts = [root.name, *path.relative_to(root).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(root: Path) -> dict[str, set[str]]:
    """Module -> modules of the same package that any of its import statements names, wherever they stand."""
    files = {module_name(path, root): path for path in sorted(root.rglob("*.py"))}
    graph: dict[str, set[str]] = {}
    for module, path in files.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        named: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                source = ".".join([*above, *([node.module] if node.module else [])])
                # what is imported from a package may be one of its modules
                named |= {name if (name := f"{source}.{alias.name}") in files else source for alias in node.names}
        graph[module] = {name for name in named if name in files}
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle, first and last the same; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_circle_of_files():
    found = circle(imports(ROOT))
    assert not found, " <- ".join(found)


def test_late_relative_and_type_checking_imports_count(tmp_path):
    folder = tmp_path / "house"
    (folder / "room").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "room" / "__init__.py").write_text("")
    (folder / "room" / "a.py").write_text("from house.room import b\nimport os\n")
    (folder / "room" / "b.py").write_text("def late():\n    from .c import thing\n")
    (folder / "room" / "c.py").write_text("TYPE_CHECKING = False\nif TYPE_CHECKING:\n    import house.room.a\n")
    graph = imports(folder)
    assert graph["house.room.a"] == {"house.room.b"} and graph["house.room.b"] == {"house.room.c"}
    assert set(circle(graph)) == {"house.room.a", "house.room.b", "house.room.c"}
    (folder / "room" / "c.py").write_text("")
    assert circle(imports(folder)) == []
