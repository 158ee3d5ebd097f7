"""A run folder says what the run is, and takes in no other."""

import json

import pytest

from molvae.errors import RunFolderError
from molvae.run.folder import CONFIG, PROVENANCE, is_begun, open_run_folder, read_run

SETTINGS = {"objective": "QED", "sizes": (1, 2), "nested": {"seed": 3}}


def test_what_is_recorded(tmp_path):
    folder = open_run_folder(tmp_path / "new" / "run", "design", SETTINGS, seed=3, facts={"weights": "abc"})
    run = read_run(folder, "design")
    assert run.settings == {"objective": "QED", "sizes": [1, 2], "nested": {"seed": 3}}
    assert run.facts == {"weights": "abc"}
    provenance = json.loads((folder / PROVENANCE).read_text())
    assert provenance["seed"] == 3 and "torch" in provenance["versions"]


def test_the_same_run_enters_again(tmp_path):
    assert not is_begun(tmp_path, "design", SETTINGS)
    open_run_folder(tmp_path, "design", SETTINGS, 0)
    before = (tmp_path / CONFIG).stat().st_mtime_ns
    assert is_begun(tmp_path, "design", SETTINGS)
    open_run_folder(tmp_path, "design", SETTINGS, 0)
    assert (tmp_path / CONFIG).stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("train", SETTINGS, "holds a run of kind 'design', not 'train'"),
        ("design", {**SETTINGS, "nested": {"seed": 4}}, "nested.seed: 3 then, 4 now"),
        ("design", {**SETTINGS, "more": 1}, "more: None then, 1 now"),
    ],
)
def test_another_run_is_refused(tmp_path, kind, settings, message):
    open_run_folder(tmp_path, "design", SETTINGS, 0)
    with pytest.raises(RunFolderError, match=message):
        open_run_folder(tmp_path, kind, settings, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"kind": "des', "damaged"),
        ("[]", "damaged"),
        ('{"format": 2, "kind": "design"}', "damaged"),
        ('{"format": 1}', "another version of molvae"),
        (None, "not a run folder"),
    ],
)
def test_a_folder_that_cannot_be_read(tmp_path, content, message):
    if content is not None:
        (tmp_path / CONFIG).write_text(content)
    with pytest.raises(RunFolderError, match=message):
        read_run(tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot write to"):
        open_run_folder(tmp_path / "file" / "run", "design", SETTINGS, 0)
