"""What the README promises: it is short, and its Python block runs. Its command lines: ``test_documentation.py``."""

import os
import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_it_is_short():
    assert len(TEXT.splitlines()) <= 130


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
