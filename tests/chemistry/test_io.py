"""Files of molecules in and out; what cannot be used is refused by name."""

import gzip
import os

import pandas as pd
import pytest

from molvae.chemistry.io import read_molecules, read_table, stream_smiles, write_molecules
from molvae.errors import InputError

ROWS = ["CCO", "CC(=O)Nc1ccc(O)cc1", "c1ccccc1"]


def write(tmp_path, name: str, content: str | bytes):
    data = content.encode() if isinstance(content, str) else content
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return tmp_path / name


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.smi", "CCO\nCC(=O)Nc1ccc(O)cc1\nc1ccccc1\n"),
        ("names.smi", "CCO ethanol\nCC(=O)Nc1ccc(O)cc1\tpara cetamol\nc1ccccc1 benzene\n"),
        ("header.smi", "smiles name\nCCO a\nCC(=O)Nc1ccc(O)cc1 b\nc1ccccc1 c\n"),
        ("comments.smi", "# made by hand\n\nCCO\nCC(=O)Nc1ccc(O)cc1\n\nc1ccccc1"),
        ("crlf.csv", "smiles,id\r\nCCO,1\r\nCC(=O)Nc1ccc(O)cc1,2\r\nc1ccccc1,3\r\n"),
        ("bom.csv", "\ufeffSMILES,x\nCCO,1\nCC(=O)Nc1ccc(O)cc1,2\nc1ccccc1,3\n"),
        ("other.csv", "x,canonical_smiles\n1,CCO\n2,CC(=O)Nc1ccc(O)cc1\n3,c1ccccc1\n"),
        ("drug.tsv", "Drug\tY\nCCO\t1\nCC(=O)Nc1ccc(O)cc1\t2\nc1ccccc1\t3\n"),
        ("headerless.csv", "CCO\nCC(=O)Nc1ccc(O)cc1\nc1ccccc1\n"),
        ("headerless.csv.gz", "CCO\nCC(=O)Nc1ccc(O)cc1\nc1ccccc1\n"),
        ("latin.csv", "smiles,name\nCCO,caf\xe9\nCC(=O)Nc1ccc(O)cc1,b\nc1ccccc1,c\n".encode("latin-1")),
    ],
)
def test_every_form_gives_the_same_molecules(tmp_path, name, content):
    path = write(tmp_path, name, content)
    assert read_molecules(path).frame["smiles"].tolist() == ROWS
    assert [smiles for _, smiles in stream_smiles(path)] == ROWS


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "tsv", "smi", "sdf", "parquet"])
def test_round_trip(tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    names = ["plain", 'quote " and, comma', "</script><b>&"]
    path = tmp_path / f"out.{suffix}"
    write_molecules(pd.DataFrame({"smiles": ROWS, "id": names, "score": [1.5, 2.0, float("nan")]}), path)
    made = read_molecules(path).frame
    assert made["id"].tolist() == names
    assert [len(text) for text in made["smiles"]] == [len(text) for text in ROWS]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="is a pipe or a device"):
        read_molecules(tmp_path / "pipe.csv")


def test_line_numbers_are_those_of_the_file(tmp_path):
    path = write(tmp_path, "x.csv", 'smiles,note\nCCO,"two\nlines"\n\nCCN,x\n')
    frame = read_molecules(path).frame
    assert frame["line"].tolist() == [2, 5]
    assert list(stream_smiles(path)) == [(2, "CCO"), (5, "CCN")]


def test_a_column_called_line_shifts_nothing(tmp_path):
    path = write(tmp_path, "x.csv", "line,smiles\n7,CCO\n")
    assert list(stream_smiles(path)) == [(2, "CCO")]
    assert read_molecules(path).frame[["line", "smiles"]].values.tolist() == [[2, "CCO"]]


def test_repeated_columns_get_names_of_their_own(tmp_path):
    frame = read_molecules(write(tmp_path, "x.csv", "smiles,x,x,smiles\nCCO,1,2,C\n")).frame
    assert list(frame.columns) == ["line", "smiles", "x", "x.2", "smiles.3"]


def test_ragged_rows_are_kept(tmp_path):
    frame = read_molecules(write(tmp_path, "x.csv", "id,smiles\n1,CCO\n2\n3,CCN,9,9\n")).frame
    assert frame["smiles"].tolist() == ["CCO", "", "CCN"]


def test_a_column_can_be_named(tmp_path):
    path = write(tmp_path, "x.csv", "ligand,price\nCCO,3\n")
    assert read_molecules(path, "ligand").frame["smiles"].tolist() == ["CCO"]
    with pytest.raises(InputError, match="no column 'lgand'; its columns: ligand, price"):
        read_molecules(path, "lgand")
    with pytest.raises(InputError, match="--smiles-column"):
        read_molecules(path)


def test_a_bad_sdf_record_stays_in_its_place(tmp_path):
    good = tmp_path / "good.sdf"
    write_molecules(pd.DataFrame({"smiles": ["CCO", "CCN"], "id": ["a", "b"]}), good)
    first, second = good.read_text().split("$$$$\n")[:2]
    path = write(tmp_path, "x.sdf", f"{first}$$$$\nbroken\nrecord\n$$$$\n{second}$$$$\n")
    frame = read_molecules(path).frame
    assert frame["smiles"].tolist() == ["CCO", "", "CCN"] and frame["id"].tolist() == ["a", "broken", "b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.smi", b"", "is empty"),
        ("blank.csv", b"\n \n", "is empty"),
        *[(f"mark.{kind}", b"\xef\xbb\xbf", "is empty") for kind in ("csv", "tsv", "smi", "sdf")],
        ("mark.tsv", b"\xef\xbb\xbf\n\n", "is empty"),
        ("long.csv", b"smiles," + b"x" * 10_000_000 + b"\nCCO,1\n", "first line is longer than 1,000,000 characters"),
        ("wide.csv", b"smiles" + b",x" * 20_000 + b"\nCCO\n", "has 20,001 columns"),
        ("unclosed.csv", b'smiles,"' + b"x\n" * 1_000_000, "line 1: field larger than field limit"),
        ("quote.csv", b'smiles,x\nCCO,1\nCC,"' + b"x\n" * 1_000_000, "field larger than field limit"),
        ("binary.csv", b"smiles\nCCO\n\x00\x01", "line 3: binary data"),
        ("only-header.csv", b"price\n", "no SMILES column"),
        ("plain.csv.gz", None, "not gzipped"),
        ("what.docx", b"x", "molecules come as"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(b"smiles\nCCO\n" if content is None else content)
    for read in (read_molecules, lambda path: list(stream_smiles(path))):
        with pytest.raises(InputError, match=message) as caught:
            read(path)
        assert name in str(caught.value) and len(str(caught.value)) < 1000


def test_missing_files_folders_and_cut_archives(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_molecules(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_molecules(tmp_path / "folder.csv")
    whole = gzip.compress(b"smiles\n" + b"CCO\n" * 1000)
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    for read in (read_molecules, lambda path: list(stream_smiles(path))):
        with pytest.raises(InputError, match="cut gzip"):
            read(tmp_path / "cut.csv.gz")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = write(tmp_path, "x.csv", "old")
    with pytest.raises(KeyError):
        write_molecules(pd.DataFrame({"no": [1]}), tmp_path / "x.sdf")
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_a_table_need_not_hold_molecules(tmp_path):
    with pytest.raises(InputError, match="is empty"):
        read_table(write(tmp_path, "mark.csv", b"\xef\xbb\xbf"))
    assert read_table(write(tmp_path, "z.csv", "z0,z1\n1,2\n")).to_dict("list") == {"z0": ["1"], "z1": ["2"]}
