"""A data set is prepared once, completely, and mapped from disk."""

import gzip

import numpy as np
import pandas as pd
import pytest

from molvae.chemistry.prepare import prepare
from molvae.errors import InputError
from molvae.run.progress import silent

TEXT = "smiles,x\nOCC,1\nCCO,2\nC1CC,3\n,4\nc1ccccc1,5\nCC(=O)Nc1ccc(O)cc1,6\n"


@pytest.fixture
def source(tmp_path):
    (tmp_path / "in.csv").write_text(TEXT)
    return tmp_path / "in.csv"


def test_canonical_unique_with_properties_and_rejects(source, tmp_path):
    made = prepare(source, cache_dir=tmp_path / "cache", progress=silent)
    assert list(made) == ["CCO", "c1ccccc1", "CC(=O)Nc1ccc(O)cc1"] == made[0:3]
    assert made[-1] == "CC(=O)Nc1ccc(O)cc1"
    assert made.counts == {"read": 6, "rejected": 2, "duplicates": 1, "kept": 3}
    assert made.property_names == ("QED", "SAS", "logP") and made.properties.shape == (3, 3)
    assert made.properties[1, 2] == pytest.approx(1.6866)
    assert isinstance(made.properties, np.memmap)
    rejects = pd.read_csv(made.rejects_path, keep_default_na=False)
    assert rejects["line"].tolist() == [4, 5] and rejects["input"].tolist() == ["C1CC", ""]


def test_the_second_time_it_is_read_from_the_cache(source, tmp_path):
    first = prepare(source, cache_dir=tmp_path / "cache", progress=silent)
    mark = first.folder.stat().st_mtime_ns
    assert prepare(source, cache_dir=tmp_path / "cache", progress=silent).folder.stat().st_mtime_ns == mark
    source.write_text(TEXT + "CCN,7\n")
    assert prepare(source, cache_dir=tmp_path / "cache", progress=silent).folder != first.folder
    assert prepare(source, ("MW",), cache_dir=tmp_path / "cache", progress=silent).property_names == ("MW",)


@pytest.mark.parametrize("name", ["meta.json", "smiles.bin", "properties.npy", "offsets.npy"])
def test_a_damaged_cache_is_made_anew(source, tmp_path, name):
    first = prepare(source, cache_dir=tmp_path / "cache", progress=silent)
    expected = list(first)
    path = first.folder / name
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert list(prepare(source, cache_dir=tmp_path / "cache", progress=silent)) == expected


def test_nothing_usable_is_an_error_that_shows_the_first_reason(tmp_path):
    (tmp_path / "bad.smi").write_text("C1CC\nxyz\n")
    with pytest.raises(InputError, match="none of its 2 rows is a molecule; the first: line 1, 'C1CC'"):
        prepare(tmp_path / "bad.smi", cache_dir=tmp_path / "cache", progress=silent)
    assert not any((tmp_path / "cache" / "prepared").iterdir())


def test_a_file_that_is_only_a_byte_order_mark(tmp_path):
    (tmp_path / "mark.csv").write_bytes(b"\xef\xbb\xbf")
    with pytest.raises(InputError, match="is empty: it holds no molecule"):
        prepare(tmp_path / "mark.csv", cache_dir=tmp_path / "cache", progress=silent)


def test_processes_give_the_same_as_one(tmp_path):
    lines = [f"{'C' * (1 + n % 40)}{'O' * (n % 3)}" for n in range(1500)]
    (tmp_path / "many.smi").write_text("\n".join(lines))
    one = prepare(tmp_path / "many.smi", ("MW",), cache_dir=tmp_path / "a", num_workers=1, progress=silent)
    two = prepare(tmp_path / "many.smi", ("MW",), cache_dir=tmp_path / "b", num_workers=2, progress=silent)
    assert list(one) == list(two) and np.array_equal(one.properties, two.properties)


def test_zinc250k_test_split(zinc250k, tmp_path):
    short = tmp_path / "some.csv.gz"
    with gzip.open(zinc250k / "test.csv.gz", "rt") as file:
        short.write_bytes(gzip.compress("".join(next(file) for _ in range(400)).encode()))
    made = prepare(short, cache_dir=tmp_path / "cache", num_workers=1, progress=silent)
    assert made.counts["kept"] == 400
    assert (5 * made.properties[:, 0] - made.properties[:, 1]).mean() == pytest.approx(0.6, abs=0.25)
