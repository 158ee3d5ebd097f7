"""Files in chunks: the same rows, columns and types as in one piece, wherever the file is cut."""

import gzip

import pandas as pd
import pytest

from molvae.chemistry import writing
from molvae.chemistry.io import read_molecules, read_table
from molvae.chemistry.source import open_molecules, open_table
from molvae.chemistry.writing import table_writer
from molvae.errors import InputError

FILES = {
    "names.smi": b"CCO\nCCN\x0bCCC\n# a comment\nCCBr\nC1CC last one has a name\n",
    "table.csv": b'id,smiles,note\n1,CCO,"two\nlines"\n\n2,CCN\n3,CCC,x,surplus\n4,C1CC,caf\xe9\n5,CCBr,y\n',
    "packed.csv.gz": gzip.compress(b"smiles\n" + b"CCO\nCCN\n" * 4),
}


def joined(source, size: int) -> pd.DataFrame:
    parts = list(source.chunks(size))
    assert all(len(part) == size for part in parts[:-1]) and sum(map(len, parts)) == source.rows
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("name", FILES)
def test_text(tmp_path, name, size):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    pd.testing.assert_frame_equal(joined(open_molecules(path), size), read_molecules(path).frame)
    part = pd.concat(open_molecules(path).chunks(size, 1, 4), ignore_index=True)
    pd.testing.assert_frame_equal(part, read_molecules(path).frame[1:4].reset_index(drop=True))


def test_the_columns_of_a_structure_file_are_those_of_all_its_records(tmp_path):
    """A name that stands in a later record only, and one of a record that RDKit refuses."""
    atom = "    0.0000    0.0000    0.0000 {} 0  0\n"
    molblock = "{name}\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n" + atom + "M  END\n"
    records = [
        molblock.format("C  ", name="a") + "> <x>\n1\n\n",
        "broken\nrecord\n> <lost>\n9\n\n",
        molblock.format("N  ", name="c") + "> <x>\n2\n\n>  <later>\n3\n\n",
    ]
    path = tmp_path / "in.sdf"
    path.write_text("".join(f"{record}$$$$\n" for record in records))
    whole = read_molecules(path).frame
    assert whole.columns.tolist() == ["smiles", "line", "id", "x", "later"]
    assert whole["smiles"].tolist() == ["C", "", "N"]
    pd.testing.assert_frame_equal(joined(open_molecules(path), 1).astype(object), whole.astype(object))


@pytest.mark.parametrize("size", [1, 3, 7])
def test_types_of_parquet_columns_are_those_of_the_whole_file(tmp_path, size):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {"smiles": ["CCO"] * 10, "n": range(10), "gaps": [*range(9), None], "name": [None] * 9 + ["x"]}
    )
    frame["gaps"] = frame["gaps"].astype("Int64").astype(object)
    path = tmp_path / "in.parquet"
    frame.to_parquet(path, row_group_size=4)
    for opened, read in ((open_molecules, lambda path: read_molecules(path).frame), (open_table, read_table)):
        pd.testing.assert_frame_equal(joined(opened(path), size), read(path))
        some = pd.concat(opened(path).chunks(size, 3, 9), ignore_index=True)
        pd.testing.assert_frame_equal(some, read(path)[3:9].reset_index(drop=True))
    assert read_table(path)["gaps"].dtype == float and read_table(path)["n"].dtype == int


def test_a_parquet_column_that_is_empty_at_first_gets_its_type_later(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(writing, "_ROW_GROUP", 2)
    parts = [
        pd.DataFrame({"smiles": ["C", "N"], "error": [None, None]}),
        pd.DataFrame({"smiles": ["O"], "error": ["x"]}),
    ]
    with table_writer(tmp_path / "out.parquet") as append:
        for part in parts:
            append(part)
    assert pd.read_parquet(tmp_path / "out.parquet")["error"].fillna("-").tolist() == ["-", "-", "x"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path):
    path = tmp_path / "in.smi"
    path.write_text("CCO\n" * 10)
    source = open_molecules(path)
    path.write_text("CCO\n" * 5)
    with pytest.raises(InputError, match="has changed while it was read"):
        list(source.chunks(3))


def test_a_table_without_rows_is_one_empty_part(tmp_path):
    (tmp_path / "in.csv").write_text("smiles,price\n")
    (part,) = open_molecules(tmp_path / "in.csv").chunks(10)
    assert part.columns.tolist() == ["line", "smiles", "price"] and part.empty
