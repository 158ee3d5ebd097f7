"""``--help``: every command has its heading, and ends with an example that works; the shell completes names."""

import shlex
import subprocess
import sys

import pytest

from molvae.chemistry.domain import nci_molecules
from molvae.cli import app
from molvae.cli.help import EXAMPLES, GROUPS, commands

HEAVY = {"torch", "rdkit", "pandas", "numpy", "botorch", "matplotlib"}
FROM_A_SERVER = {"app": "serves until it is stopped", "data fetch": "needs the files of the data set"}
"""Examples that are read but not run, and why."""
TINY = {
    "design": "-m zinc250k-small --budget 14 --start-size 10 --batch 4 -q",
    "resume": "-q",
    "run": "-q",
    "benchmark": "-n 1 -q",
    "suggest": "-k 4 -m zinc250k-small",
    "fit": "--kernel fingerprint --folds 0 -q",
    "encode": "-m zinc250k-small -q",
    "sample": "-m zinc250k-small -k 5",
    "interpolate": "-m zinc250k-small --steps 3 --n-decodings 4",
    "decode": "--n-decodings 4",
    "train": "--from zinc250k-small --max-molecules 24 --epochs 1 -q",
    "evaluate": "--max-molecules 8 --prior-samples 20 -q",
    "images train": "--epochs 1 -q",
    "images evaluate": "--nll-images 4 --nll-samples 3 -q",
}
"""What makes an example take seconds."""
ORDER = [
    *("list", "score", "validate", "encode", "decode", "sample", "interpolate", "design", "resume", "report", "run"),
    *("benchmark", "suggest", "tell", "fit", "predict"),
]


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


@pytest.fixture
def files(tmp_path):
    """What the examples expect to lie in the folder."""
    smiles = nci_molecules()["smiles"].head(30).tolist()
    (tmp_path / "mine.csv").write_text("smiles\n" + "\n".join(smiles) + "\n")
    (tmp_path / "assay.csv").write_text("smiles,pIC50\n" + "".join(f"{s},{len(s) / 10}\n" for s in smiles))
    (tmp_path / "recipe.toml").write_text(
        'input = "mine.csv"\nmodel = "zinc250k-small"\n[campaign]\nbudget = 12\nstart_size = 10\nstrategy = "screening"\n'
    )
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "qed_sas.toml").write_text(
        'kind = "benchmark"\nmodel = "zinc250k-small"\n[benchmark]\nstrategies = ["screening"]\nseeds = [0]\n'
        "[benchmark.campaign]\nbudget = 12\nstart_size = 10\n"
    )
    return smiles


def run_example(molvae, path):
    import time

    _t = time.process_time()
    done = molvae(*shlex.split(EXAMPLES[path])[1:], *shlex.split(TINY.get(path, "")))
    print(path, round(time.process_time() - _t, 1), file=open("/work/lab/docs-tmp/times", "a"))
    assert done.returncode == 0, f"{EXAMPLES[path]}\n{done.stderr}"


def test_examples_of_molecules_run(molvae, files, tmp_path):
    """In an order in which each finds what it needs."""
    for path in ORDER:
        if path == "tell":
            plate = (tmp_path / "plate.csv").read_text().split("\n")
            place = plate[0].split(",").index("smiles")
            rows = [line.split(",")[place] for line in plate[1:] if line]
            (tmp_path / "results.csv").write_text("smiles,score\n" + "".join(f"{s},{len(s)}\n" for s in rows))
        run_example(molvae, path)


def test_examples_of_models_run(molvae, files):
    for path in ("data prepare", "train", "evaluate"):
        run_example(molvae, path)


def test_examples_of_images_run(molvae, tmp_path):
    (tmp_path / "plane.toml").write_text('kind = "images"\n[train.model]\nlatent_size = 2\n')
    assert molvae("images", "train", "plane.toml", "--epochs", "1", "-q", "-o", "runs/plane").returncode == 0
    images = [path for path in EXAMPLES if path.startswith("images ")]
    for path in images:
        run_example(molvae, path)
    done = {*ORDER, "data prepare", "train", "evaluate", *images, *FROM_A_SERVER}
    assert done == set(EXAMPLES)


@pytest.mark.parametrize(
    ("typed", "offered", "not_offered"),
    [
        ("design --strategy lo", "lolbo", "latent"),
        ("design --objective osim", "osimertinib_mpo", "perindopril_mpo"),
        ("sample -m zinc250k-", "zinc250k-flow", "plate.csv"),
        ("sample -m runs/f", "runs/first", "runs/other"),
        ("evaluate zinc250k-l", "zinc250k-long", "zinc250k-flow"),
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


def test_completion_can_be_installed(molvae, monkeypatch):
    assert "--install-completion" in molvae("--help").stdout
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = molvae("--show-completion", "bash")
    assert done.returncode == 0 and "_MOLVAE_COMPLETE=complete_bash" in done.stdout


def _environment():
    import os

    return {name: value for name, value in os.environ.items() if not name.startswith("COMP_")}
