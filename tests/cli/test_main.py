"""The entry point: quick, and one message where something is wrong."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "rdkit", "pandas", "numpy", "botorch", "matplotlib", "pydantic"}


@pytest.mark.parametrize(
    ("program", "heavy"),
    [
        ("sys.argv = ['molvae', '--help']; from molvae.cli import main; main()", HEAVY),
        ("sys.argv = ['molvae', 'list', 'models']; from molvae.cli import main; main()", HEAVY - {"pydantic"}),
        ("sys.argv = ['molvae', 'list', 'data']; from molvae.cli import main; main()", HEAVY - {"pydantic"}),
        ("sys.argv = ['molvae', 'list', 'studies']; from molvae.cli import main; main()", HEAVY - {"pydantic"}),
        ("import molvae; dir(molvae); molvae.__version__", HEAVY | {"typer"}),
    ],
)
def test_nothing_heavy_is_imported(program, heavy):
    """What makes ``molvae --help`` fast."""
    text = f"import sys\ntry:\n    exec({program!r})\nexcept SystemExit:\n    pass\n"
    text += f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")


def test_help_names_every_command(molvae):
    done = molvae("--help")
    assert done.returncode == 0
    names = (
        "design train evaluate benchmark run resume report suggest tell sample encode decode interpolate score"
        " validate list data images"
    )
    for command in names.split():
        assert f"  {command} " in done.stdout
    assert "compare" not in done.stdout
    assert "..." not in done.stdout.split("Design:")[1]  # every description is a short whole sentence
    assert molvae("--version").stdout.startswith("molvae ")


@pytest.mark.parametrize(
    "arguments",
    [
        "design --objective 5*QDE",
        "design --strategy magic",
        "design -i missing.csv",
        "design --oracle lab:measure --timeout 0",
        "design --timeout 60",
        "resume run",
        "sample -m no-such-model",
        "sample --mask carnival",
        "sample --device warp",
        "score",
        "interpolate C1CC CCO",
        "interpolate CCO CCC --method straight",
        "decode -i missing.csv",
        "run missing.toml",
        "run /dev/null",
        "report nowhere",
        "data fetch nothing",
        "list everything",
        "evaluate --samples made.smi --prior-samples 10",
        "evaluate --samples made.smi --max-molecules 10",
        "evaluate --samples made.smi --device cpu",
        "evaluate --samples made.smi -n 2",
    ],
)
def test_a_mistake_is_one_message(molvae, arguments):
    done = molvae(*arguments.split())
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "(got {" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "sample -k -1",
        "sample --seed -1",
        "sample --seed 9223372036854775808",
        "interpolate CCO CCC --steps -5",
        "design --budget 1000000000000000000000000000000",
        "decode --n-decodings 1000000000",
        "suggest lab -k 0",
        "train --epochs 0",
        "images sample run -k 1000000000",
        "images manifold run --side 100000",
        "score -n -2",
    ],
)
def test_a_number_out_of_bounds_is_refused(molvae, arguments):
    done = molvae(*arguments.split())
    assert done.returncode == 2 and "Invalid value for" in done.stderr


def test_an_argument_that_is_not_utf_8_is_named(molvae):
    done = molvae("score", "-i", "in.smi", "-o", b"out\xff.csv".decode(errors="surrogateescape"))
    assert done.returncode == 1
    assert "out\\udcff.csv is not valid UTF-8" in done.stderr
    assert "not valid UTF-8" in molvae("score", "--objective", "substructure('\udc80')").stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ("design --objective 5*QDE", "molvae list properties"),
        ("design --strategy magic", "molvae list strategies"),
        ("sample -m no-such-model", "molvae list models"),
        ("data fetch nothing", "molvae list data"),
        ("design --oracle deck:receptor.pdbqt", "molvae list oracles"),
        ("resume nowhere", "molvae design -o FOLDER"),
        ("decode", "molvae COMMAND --help"),
    ],
)
def test_an_error_names_the_command_that_helps(molvae, arguments, hint):
    assert f"next: {hint}" in molvae(*arguments.split()).stderr


def test_a_misspelt_command_is_recognised(molvae):
    done = molvae("desing")
    assert done.returncode == 2 and "Did you mean 'design'?" in done.stderr
