"""Uploads: hostile names, sizes, and whose they are."""

import os
import time

import pytest

from molvae.app import uploads
from molvae.errors import InputError


@pytest.mark.parametrize(
    "name", ["../../evil.csv", "/etc/cron.d/evil.csv", "..\\evil.csv", "a\x00\n<script>.csv", ".csv.csv"]
)
def test_nothing_of_a_name_is_kept_but_its_suffix(workspace, name):
    session = uploads.new_session()
    path = uploads.store(workspace, session, name, b"smiles\nCCO\n")
    assert path.parent == workspace.root / ".uploads" / session
    assert path.suffix == ".csv" and path.stem.isalnum()
    assert uploads.read_upload(path)["smiles"].tolist() == ["CCO"]


@pytest.mark.parametrize("name", ["a.pkl", "a.csv.gz", "a.parquet", "a", "a.py", "a.csv/../b.toml"])
def test_other_kinds_are_refused(workspace, name):
    with pytest.raises(InputError, match=r"end in \.smi"):
        uploads.store(workspace, uploads.new_session(), name, b"CCO")


def test_sizes_are_limited(workspace, monkeypatch):
    session = uploads.new_session()
    with pytest.raises(InputError, match="larger than 20 MB"):
        uploads.store(workspace, session, "a.smi", b"C" * (20 * 2**20 + 1))
    with pytest.raises(InputError, match="upload a file instead"):
        uploads.store_text(workspace, session, "C" * 200_001)
    monkeypatch.setattr(uploads, "MAX_ROWS", 2)
    with pytest.raises(InputError, match="3 rows; 2 are taken"):
        uploads.read_upload(uploads.store_text(workspace, session, "C\nCC\nCCC"))


def test_an_error_does_not_tell_where_the_file_lies(workspace):
    path = uploads.store(workspace, uploads.new_session(), "a.csv", b"\x00\x01")
    with pytest.raises(InputError) as error:
        uploads.read_upload(path)
    assert str(workspace.root) not in str(error.value) and "the file" in str(error.value)


def test_every_session_has_a_secret_folder_that_others_cannot_enter(workspace):
    one, other = uploads.new_session(), uploads.new_session()
    path = uploads.store_text(workspace, one, "CCO")
    assert one != other and len(one) == 32
    assert path.parent.stat().st_mode & 0o077 == 0
    assert uploads.store_text(workspace, other, "CCO").parent != path.parent
    assert workspace.runs() == []  # no page lists them
    assert uploads.holds_upload(workspace, path)
    assert not uploads.holds_upload(workspace, workspace.root / ".uploads" / ".." / "x.smi")


def test_old_uploads_are_removed(workspace):
    old, new = (uploads.store_text(workspace, uploads.new_session(), "CCO") for _ in range(2))
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old.parent, (long_ago, long_ago))
    uploads.remove_old(workspace)
    assert new.exists() and not old.parent.exists()
