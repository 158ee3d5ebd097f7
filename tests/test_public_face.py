"""``from molvae import ...``: looked up when first used; see also tests/cli/test_main.py for what is not imported."""

import ast
from pathlib import Path

import pytest

import molvae


def test_every_public_name_is_there():
    assert set(molvae.__all__) <= set(dir(molvae))
    for name in molvae.__all__:
        assert getattr(molvae, name) is not None
    assert molvae.MoleculeVAE.__module__ == "molvae.molecules.vae"


def test_editors_know_the_same_names():
    tree = ast.parse(Path(molvae.__file__).with_suffix(".pyi").read_text())
    stubbed = {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert stubbed == set(molvae.__all__)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'CrystalVAE'"):
        molvae.CrystalVAE  # noqa: B018


def test_a_model_is_loaded_by_its_kind():
    model = molvae.load_model("zinc250k-small", device="cpu")
    assert isinstance(model, molvae.MoleculeVAE)
