"""``molvae list``: every registry, one line each, for people and for programs."""

import json

import pytest


@pytest.mark.parametrize(
    ("what", "name", "words"),
    [
        ("models", "zinc250k-flow", "learned map"),
        ("properties", "TPSA", "Å²"),
        ("properties", "similarity('...')", "drug or SMILES"),
        ("objectives", "perindopril_mpo", "Brown et al. 2019"),
        ("strategies", "lolbo", "Maus"),
        ("oracles", "dock", "AutoDock Vina"),
        ("data", "mnist", "28 x 28"),
        ("filters", "max_charge", "Default: 1"),
        ("kinds", "benchmark", "equal budgets"),
        ("studies", "collapse", "KL"),
    ],
)
def test_what_there_is(molvae, what, name, words):
    done = molvae("list", what)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"{name} ")]
    assert words in line
    rows = json.loads(molvae("list", what, "--json").stdout)
    assert len(rows) == len(done.stdout.splitlines())
    assert all(row["name"] and row["description"] for row in rows)
