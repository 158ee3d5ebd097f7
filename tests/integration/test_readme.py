"""What the README promises: its Python block runs, and each of its command lines is one that molvae understands."""

import os
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from molvae.cli import app

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    part.strip()
    for line in TEXT.splitlines()
    if line.startswith("molvae ")
    for part in line.split("  #")[0].split("&&")
    if part.strip().startswith("molvae ")
]


def test_there_are_commands():
    assert len(COMMANDS) >= 12


@pytest.mark.parametrize("line", COMMANDS)
def test_command_line_is_understood(line):
    words = shlex.split(line)[1:]
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):  # molvae images train
        name, *words = words
        command = command.commands[name]
    command.make_context(name, words)  # raises on an unknown option or a missing argument


def test_python_block_runs(tmp_path):
    block = re.search(r"```python\n(.*?)```", TEXT, re.S).group(1)
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        names: dict = {}
        exec(block, names)  # our own text, not a user's
    finally:
        os.chdir(before)
        if "campaign" in names:
            names["campaign"].close()
    assert names["z"].shape == (2, 64)
    assert len(names["path"]) == 12
    assert len(names["best"]) == 60


def test_links_lead_somewhere():
    root = Path(__file__).parents[2]
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.S)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", prose):
        assert (root / target).exists(), target
