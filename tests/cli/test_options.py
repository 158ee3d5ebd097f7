"""What the commands share: how a recipe is executed, and how tables are read, written and judged."""

from typing import ClassVar, Literal

import pandas as pd
import pytest
import typer

from molvae.cli import options
from molvae.errors import ConfigError
from molvae.run.progress import on_stderr, silent
from molvae.run.recipe import Context, Recipe, Result


class NoteRecipe(Recipe):
    """Writes a file; or is interrupted."""

    uses: ClassVar = frozenset({"workers"})
    kind: Literal["note"] = "note"
    interrupted: bool = False
    seed: int = 0

    def execute(self, context: Context) -> Result:
        folder = self.open_folder(context)
        if self.interrupted:
            raise KeyboardInterrupt
        (folder / "note.txt").write_text("done")
        return Result(folder, "one note", {"note": folder / "note.txt"})


def test_the_result_of_a_recipe_is_printed_and_reported(tmp_path, capsys):
    options.execute(NoteRecipe(), tmp_path / "run")
    run = tmp_path / "run"
    assert capsys.readouterr().out == f"one note\n\nnote: {run}/note.txt\nreport: {run}/report.html\n"
    assert (run / "report.html").stat().st_size > 1000


def test_without_a_folder_it_makes_one_for_the_kind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options.execute(NoteRecipe(), None)
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("note-")


def test_an_option_without_use_is_refused_before_there_is_a_folder(tmp_path):
    with pytest.raises(ConfigError, match="'note' has no use for --device"):
        options.execute(NoteRecipe(), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_an_interrupt_says_how_to_go_on(tmp_path, capsys):
    with pytest.raises(typer.Exit) as end:
        options.execute(NoteRecipe(interrupted=True), tmp_path / "run")
    assert end.value.exit_code == 130
    assert capsys.readouterr().err == f"interrupted; go on with: molvae resume {tmp_path}/run\n"


def test_only_what_was_given_is_a_setting():
    assert options.given(seed=0, budget=None, tensorboard=False, forbid=[]) == {"seed": 0}
    assert options.filters_given(require=None, forbid=[], lead=None) == {}
    assert options.filters_given(require=["c"], forbid=["Br"]) == {"filters": {"require": ["c"], "forbid": ["Br"]}}
    assert options.progress_of(True) is silent and options.progress_of(False) is on_stderr


def test_an_input_must_be_named(tmp_path):
    with pytest.raises(ConfigError, match="give the input file with -i"):
        options.read(None, None)
    (tmp_path / "in.csv").write_text("price,structure\n3,CCO\n")
    table = options.read(tmp_path / "in.csv", "structure")
    assert table[["smiles", "price"]].astype(str).to_numpy().tolist() == [["CCO", "3"]]


def test_a_table_goes_to_its_file_or_to_stdout(tmp_path, capsys):
    table = pd.DataFrame({"smiles": ["CCO", "C1CC"], "valid": [True, False]})
    options.write(table, None, refused=1)
    printed = capsys.readouterr()
    assert printed.out == "smiles,valid\nCCO,True\nC1CC,False\n"
    assert printed.err == "1 of 2 rows were refused; the reason stands in each\n"
    options.write(table, tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv").equals(table)
    assert capsys.readouterr() == ("", f"2 rows: {tmp_path}/out.csv\n")
    with pytest.raises(typer.Exit) as end:  # written all the same, but a failure
        options.write(table, None, refused=2)
    assert end.value.exit_code == 1
