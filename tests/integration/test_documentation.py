"""Every block of code in the pages of documentation: it runs, or a comment above it says why it does not.

A block of Python runs, in the order of the page, in a folder of the page's own; one that begins with ``# name.py`` is
written there instead. Every command line is one that molvae understands, and those of the tutorials run, made small by
``tests/tiny.py``. A comment above a block excuses it: ``<!-- not run: needs a receptor -->``. Pages whose examples a
test of their own runs are named in ``OF_THEIR_OWN``.
"""

import os
import re
import shlex
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main

from molvae.cli import app

from ..tiny import tiny

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
OF_THEIR_OWN = {
    "README.md": "test_readme.py",
    "CONTRIBUTING.md": "test_contributing.py",
    "docs/oracles.md": "test_oracles.py",
    "docs/activity_models.md": "test_activity_docs.py",
}
"""Page -> the test beside this one that runs its Python."""
_BLOCK = re.compile(r"^(?:<!-- (?P<comment>[^>]*?) -->\n+)?```(?P<kind>\w*)[^\n]*\n(?P<code>.*?)^```$", re.M | re.S)
_PROSE = {"text", "json"}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its code, and why it is not run."""

    kind: str
    code: str
    excuse: str

    @property
    def commands(self) -> list[str]:
        """The command lines of molvae, also those after ``&&`` and those continued with a backslash."""
        lines = self.code.replace("\\\n", " ").splitlines()
        parts = [part.strip() for line in lines for part in line.split("  #")[0].split("&&")]
        return [part for part in parts if part.startswith("molvae ")]

    @property
    def file(self) -> str | None:
        """The name of the file that the block is."""
        match = re.match(r"# ([\w./]+\.(?:py|toml))\n", self.code)
        return match[1] if match else None


def blocks(page: Path) -> list[Block]:
    found = [
        Block(match["kind"], match["code"], (match["comment"] or "").removeprefix("not run:").strip())
        if (match["comment"] or "").startswith("not run:")
        else Block(match["kind"], match["code"], "")
        for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]
    fences = len(re.findall(r"^```", page.read_text(encoding="utf-8"), re.M))
    assert fences == 2 * len(found), f"{page.name}: a block is not closed, or not understood"
    return found


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


COMMANDS = [
    pytest.param(line, id=f"{name_of(page)}: {line[:60]}")
    for page in PAGES
    for block in blocks(page)
    if block.kind not in _PROSE | {"python", "toml"}
    for line in block.commands
]


def test_there_are_pages_and_commands():
    assert len(PAGES) >= 15 and len(COMMANDS) >= 60


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_line_is_understood(line):
    words = shlex.split(line)[1:]
    command = typer.main.get_command(app)
    if words[0] in ("--help", "--version", "--install-completion"):
        return
    while hasattr(command, "commands"):  # molvae images train
        name, *words = words
        command = command.commands[name]
    if "--help" not in words:
        command.make_context(name, words)  # raises on an unknown option or a missing argument


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_block_is_run_or_says_why_not(page):
    for block in blocks(page):
        if block.kind in _PROSE or block.excuse:
            continue
        assert block.kind in ("python", "toml", "console", "bash", ""), f"unknown kind of block: {block.kind}"
        if block.kind == "toml":
            tomllib.loads(block.code)
        elif block.kind == "python" and block.file is None:
            compile(block.code, name_of(page), "exec")
        elif block.kind in ("console", "bash") or (block.kind == "" and name_of(page) not in OF_THEIR_OWN):
            rest = [line for line in block.code.splitlines() if line.strip() and not line.startswith(("molvae ", "  "))]
            assert not rest, f"{name_of(page)}: no command of molvae and no reason why it is not run: {rest[0]}"


@pytest.mark.parametrize("page", [page for page in PAGES if name_of(page) not in OF_THEIR_OWN], ids=name_of)
def test_the_python_of_a_page_runs(page, molvae, monkeypatch, tmp_path):
    """In the folder of the page; the commands of a tutorial run between."""
    tutorial = page.parent.name == "tutorials"
    todo = [block for block in blocks(page) if not block.excuse and block.kind in ("python", "console", "toml")]
    if not tutorial and not any(block.kind == "python" for block in todo):
        return
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    names: dict = {"__name__": "__main__"}
    for block in todo:
        if block.kind != "console" and block.file is not None:
            (tmp_path / block.file).write_text(block.code)
        elif block.kind == "python":
            exec(compile(block.code, name_of(page), "exec"), names)  # our own text, not a user's; a warning is an error
        elif tutorial and block.kind == "console":
            for line in block.commands:
                done = molvae(*tiny(line))
                assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.parametrize(("page", "test"), OF_THEIR_OWN.items())
def test_a_test_of_its_own_reads_the_page(page, test):
    own = (Path(__file__).parent / test).read_text(encoding="utf-8")
    helper = (ROOT / "tests" / "contributing.py").read_text(encoding="utf-8")
    assert Path(page).name in own or Path(page).name in helper


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
    made = {"commands.md", "settings.md", "python.md", "contributing.md", "changelog.md"}  # when the site is built
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", prose):
        if Path(target).name not in made and "reference/modules/" not in target:
            assert (page.parent / target).exists(), f"{name_of(page)}: {target}"
