"""Tables of molecules to tables of points and back."""

import numpy as np
import pandas as pd
import pytest
import torch

from molvae.errors import ConfigError, InputError
from molvae.molecules import base, vae
from molvae.molecules.tables import check_decodings, decode_table, decode_tables, encode_table, models_named, only_model
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import silent

from .conftest import small_model

TABLE = pd.DataFrame({"smiles": ["CCO", "C1CC", "C#CCN1CCOCC1"], "name": ["a", "b", "c"]}, index=[5, 6, 7])


def test_there_and_back():
    model = small_model()
    points = encode_table(model, TABLE, progress=silent)
    names = ["smiles", "name", "z_model", "exact", "error"]
    assert points.columns.tolist() == [*names, *[f"z{index}" for index in range(6)]]
    assert points["error"].ne("").tolist() == [False, True, False]
    assert points["z0"].isna().tolist() == [False, True, False]
    decoded = decode_table(model, points, n_decodings=2)
    assert decoded["name"].tolist() == ["a", "b", "c"] and "z0" not in decoded
    assert not decoded["valid"][1] and decoded["error"][1] == "no latent point: z0 is empty"
    assert (
        encode_table(model, points, refine=False).columns.tolist() == points.columns.tolist()
    )  # old coordinates are replaced


def test_a_table_says_which_points_decode_to_their_molecules():
    model = MoleculeVAE.from_pretrained("zinc250k-flow", device="cpu")
    ibuprofen = pd.DataFrame({"smiles": ["OC(=O)C(C)c1ccc(CC(C)C)cc1", "C1CC"]})
    refined = encode_table(model, ibuprofen, progress=silent)
    assert refined["exact"].tolist() == [True, False]
    assert encode_table(model, ibuprofen, refine=False)["exact"].tolist() == [False, False]
    assert decode_table(model, refined, n_decodings=1, mask="none")["smiles"][0] == "CC(C)Cc1ccc(C(C)C(=O)O)cc1"


def test_a_missing_coordinate_is_named():
    with pytest.raises(InputError, match="no column 'z5'"):
        decode_table(small_model(), pd.DataFrame({f"z{index}": [0.0] for index in range(5)}))


@pytest.mark.parametrize(
    ("named", "message"),
    [(["zinc250k", "zinc250k-small"], "of several models"), (["runs/elsewhere"], "say -m runs/elsewhere")],
)
def test_a_table_opens_no_folder(named, message):
    with pytest.raises(InputError, match=message):
        only_model(models_named(pd.DataFrame({"z_model": named})))


def test_the_model_that_a_table_names():
    assert only_model(models_named(pd.DataFrame({"z_model": ["zinc250k", None]}))) == "zinc250k"
    assert only_model(models_named(pd.DataFrame({"z0": [1.0]}))) == "zinc250k-flow"


def test_more_decodings_than_memory_holds():
    check_decodings(1000, 10_000)
    with pytest.raises(ConfigError, match="take fewer at a time"):
        check_decodings(1_000_000, 1000)


@pytest.fixture
def small_batches(monkeypatch):
    """Eight points a batch, and two batches a part."""
    for module in (base, vae):
        monkeypatch.setattr(module, "BATCH", 8)
    monkeypatch.setattr(base, "_BATCHES", 2)


def test_points_that_come_in_parts_are_decoded_as_if_they_came_together(small_batches):
    model = small_model()
    points = pd.DataFrame(torch.randn(70, 6, generator=torch.Generator().manual_seed(0)).numpy())
    points.columns = [f"z{index}" for index in range(6)]
    points.loc[[3, 4, 40], "z0"] = np.nan  # these are in no batch
    points["name"] = [f"point {row}" for row in range(70)]
    whole = decode_table(model, points, n_decodings=3, seed=7)
    parts = list(decode_tables(model, [points[:25], points[25:26], points[26:]], n_decodings=3, seed=7))
    assert [len(part) for part in parts] == [18, 16, 17, 16, 3]  # 16 that can be decoded in each but the last
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole, rtol=1e-4)


@pytest.mark.parametrize("like", [None, ["CCO", "C#CCN1CCOCC1", "CS(=O)(=O)c1ccncc1"]])
def test_a_sample_in_parts_is_the_sample(small_batches, monkeypatch, like):
    model = small_model()
    parts = list(model.sample_in_parts(40, n_decodings=2, seed=3, like=like))
    assert [len(part) for part in parts] == [16, 16, 8]
    monkeypatch.setattr(base, "_BATCHES", 100)
    (whole,) = model.sample_in_parts(40, n_decodings=2, seed=3, like=like)
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole, rtol=1e-4)
    pd.testing.assert_frame_equal(model.sample(40, n_decodings=2, seed=3, like=like), whole)
