"""Files of proteins in and out."""

import gzip

import pandas as pd
import pytest

from molvae.errors import InputError
from molvae.proteins.io import read_proteins, write_proteins


def test_fasta_keeps_names_and_lines(tmp_path):
    path = tmp_path / "a.fasta"
    path.write_text("; a comment\n>sp|P1 first of two\nMKVA\nYDL\n\n>P2\nmk-va\n")
    table = read_proteins(path)
    assert table["sequence"].tolist() == ["MKVAYDL", "mk-va"]
    assert table["id"].tolist() == ["sp|P1", "P2"] and table["description"].tolist() == ["first of two", ""]
    assert table["line"].tolist() == [2, 6]


def test_the_column_of_sequences_is_found_or_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("name,Unaligned_Sequence,mine,line\na,MKVA,MKKK,x\nb,MKVC\n")
    assert read_proteins(path)["sequence"].tolist() == ["MKVA", "MKVC"]
    table = read_proteins(path, "mine")
    assert table["sequence"].tolist() == ["MKKK", ""] and table["line"].tolist() == [2, 3]
    with pytest.raises(InputError, match="no column 'other'"):
        read_proteins(path, "other")


def test_what_was_written_is_read_again(tmp_path):
    table = pd.DataFrame({"id": ["a b", "c"], "sequence": ["M" * 100, "MKVA"], "score": [0.5, float("nan")]})
    for name in ("t.fasta", "t.fa.gz", "t.csv", "t.tsv.gz", "t.txt"):
        write_proteins(table, tmp_path / name)
        assert read_proteins(tmp_path / name)["sequence"].tolist() == table["sequence"].tolist()
    assert (tmp_path / "t.fasta").read_text().startswith(f">a_b score=0.5\n{'M' * 80}\n{'M' * 20}\n>c\n")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.fasta", b"", "is empty"),
        ("a.csv", b"sequence\n", "no sequence below its header"),
        ("a.csv", b"name,other\na,b\n", "no column of sequences"),
        ("a.csv", b"MKVAYDLEPRNWGGSTKLVEQHIFPD\n", "has no header"),
        ("a.fasta.gz", b"not gzip", "is not gzipped"),
        ("a.fasta.gz", gzip.compress(b">a\nMKVA\n", mtime=0)[:-9], "damaged or cut"),
        ("a.fasta", b">a\x00\nMK", "binary data"),
        ("a.pdb", b"ATOM", "proteins come as"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_proteins(tmp_path / name)
    assert name in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path):
    for path, message in ((tmp_path / "none.fasta", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(InputError, match=message):
            read_proteins(path)
