"""What a release needs: one version everywhere, extras that exist, and archives that the package index would take."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from molvae import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_one_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    released = re.search(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2})$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert released is not None
    assert re.search(r"^version: (.*)$", citation, re.M).group(1) == __version__ == released[1]
    assert re.search(r"^date-released: (.*)$", citation, re.M).group(1) == released[2]


def test_every_extra_that_a_message_or_a_page_names_exists():
    texts = [
        path.read_text(encoding="utf-8") for pattern in ("molvae/**/*.py", "docs/*.md") for path in ROOT.glob(pattern)
    ]
    named = {name for text in texts for name in re.findall(r"molvae\[([\w-]+)\]", text)}
    assert named and named <= set(PROJECT["optional-dependencies"])


def test_what_is_allowed_was_tested(tmp_path):
    """Every requirement, of the extras too, has a pinned version in constraints.txt, and it is one that is allowed."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    pinned = {canonicalize_name(name): version for name, version in pinned.items()}
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for requirement in map(Requirement, [text for group in groups for text in group]):
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{name} is not in constraints.txt"
        assert requirement.specifier.contains(pinned[name]), f"{requirement}: {pinned[name]} was tested"


def test_the_archives_are_whole(tmp_path):
    pytest.importorskip("build")
    pytest.importorskip("twine", reason="the check needs twine (extra dev)")
    command = [sys.executable, "-m", "build", "--no-isolation", "-o", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    archives = sorted(path.name for path in tmp_path.iterdir())
    assert archives == [f"molvae-{__version__}-py3-none-any.whl", f"molvae-{__version__}.tar.gz"]
    check = [sys.executable, "-m", "twine", "check", "--strict", *map(str, tmp_path.iterdir())]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
