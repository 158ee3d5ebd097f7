"""``--help``: every command has its heading, and ends with an example that works; the shell completes names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from molvae.chemistry.domain import nci_molecules
from molvae.cli import app
from molvae.cli.help import EXAMPLES, GROUPS, commands

from ..tiny import tiny

HEAVY = {"torch", "rdkit", "pandas", "numpy", "botorch", "matplotlib"}
NOT_RUN = {
    "app": "serves until it is stopped",
    "data fetch": "needs the files of the data set",
    "merge": "needs shards: tests/cli/test_tables.py makes and merges some",
    "screen": "needs a fitted model: tests/cli/test_tables.py screens with one",
    "evaluate": "decodes 10,000 points of the prior",
}
"""Examples that are read but not run, and why."""
IN_TUTORIALS = {
    "design",
    "resume",
    "report",
    "fit",
    "predict",
    "train",
    "suggest",
    "tell",
    "score",
    "validate",
}
"""Examples that are lines of a tutorial, where ``tests/integration/test_documentation.py`` runs them."""
TUTORIALS = "".join(
    path.read_text(encoding="utf-8") for path in (Path(__file__).parents[2] / "docs" / "tutorials").glob("*.md")
)


def test_every_command_has_a_heading_and_an_example():
    assert {path for path, _ in commands(app)} == set(EXAMPLES), "say it in molvae/cli/help.py"
    assert all(command.epilog for _, command in commands(app))
    inside = [name for names in GROUPS.values() for name in names.split()]
    assert sorted(inside) == sorted({path.split()[0] for path in EXAMPLES})


def test_headings_come_in_order(molvae):
    text = molvae("--help").stdout
    places = [text.index(f"\n{heading}:\n") for heading in GROUPS]
    assert places == sorted(places)
    assert "  molvae decode -i z.csv -o decoded.csv\n" in molvae("decode", "--help").stdout


def test_every_example_is_run_somewhere():
    here = {path for order in (MOLECULES, IMAGES) for path in order}
    assert {*here, *IN_TUTORIALS, *NOT_RUN} == set(EXAMPLES)
    for path in IN_TUTORIALS:
        assert f"\n{EXAMPLES[path]}\n" in TUTORIALS


MOLECULES = ("list", "data prepare", "encode", "decode", "sample", "interpolate", "run", "benchmark")
IMAGES = tuple(path for path in EXAMPLES if path.startswith("images "))


def run(molvae, line):
    done = molvae(*tiny(line))
    assert done.returncode == 0, f"{line}\n{done.stderr}"


def test_examples_of_molecules_run(molvae, tmp_path):
    """In an order in which each finds what it needs."""
    smiles = nci_molecules()["smiles"].head(30).tolist()
    (tmp_path / "mine.csv").write_text("smiles\n" + "\n".join(smiles) + "\n")
    campaign = "budget = 12\nstart_size = 10\n"
    shared = 'input = "mine.csv"\nmodel = "zinc250k-small"\n'
    (tmp_path / "recipe.toml").write_text(f'{shared}[campaign]\nstrategy = "screening"\n{campaign}')
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "qed_sas.toml").write_text(
        f'kind = "benchmark"\n{shared}[benchmark]\nstrategies = ["screening"]\nseeds = [0]\n'
        f"[benchmark.campaign]\n{campaign}"
    )
    for path in MOLECULES:
        run(molvae, EXAMPLES[path])


def test_examples_of_images_run(molvae, tmp_path):
    (tmp_path / "plane.toml").write_text('kind = "images"\n[train.model]\nlatent_size = 2\n')
    run(molvae, "molvae images train plane.toml -o runs/plane")
    for path in IMAGES:
        run(molvae, EXAMPLES[path])


@pytest.mark.parametrize(
    ("typed", "offered", "not_offered"),
    [
        ("design --strategy lo", "lolbo", "latent"),
        ("design --objective osim", "osimertinib_mpo", "perindopril_mpo"),
        ("sample -m zinc250k-", "zinc250k-flow", "plate.csv"),
        ("sample -m runs/f", "runs/first", "runs/other"),
        ("evaluate zinc250k-f", "zinc250k-flow", "zinc250k-graph"),
        ("train -i mi", "mine.csv", "zinc250k"),
        ("data fetch m", "mnist", "zinc250k"),
        ("list stra", "strategies", "models"),
        ("ben", "benchmark", "design"),
    ],
)
def test_the_shell_completes(typed, offered, not_offered, tmp_path):
    """As bash asks, and without waiting for torch."""
    (tmp_path / "mine.csv").touch()
    (tmp_path / "runs" / "first").mkdir(parents=True)
    (tmp_path / "runs" / "other").mkdir()
    program = (
        "import sys\ntry:\n    from molvae.cli import main\n    main()\nexcept SystemExit:\n    pass\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    words = f"molvae {typed}"
    asked = {"_MOLVAE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**_environment(), **asked}, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stderr.strip() == "[]"
    assert offered in done.stdout.split() and not_offered not in done.stdout.split()


def test_completion_can_be_installed(molvae, monkeypatch, tmp_path):
    assert "--install-completion" in molvae("--help").stdout
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = molvae("--show-completion", "bash")
    assert done.returncode == 0 and "_MOLVAE_COMPLETE=complete_bash" in done.stdout
    monkeypatch.setenv("HOME", str(tmp_path))
    assert molvae("--install-completion", "bash").returncode == 0
    assert "_MOLVAE_COMPLETE=complete_bash" in (tmp_path / ".bash_completions" / "molvae.sh").read_text()


def _environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("COMP_")}
