"""A model that has grown does what it did before, and can learn what is new."""

import numpy as np
import pytest
import torch

from molvae.molecules.dataset import MoleculeDataset
from molvae.molecules.growing import with_shape, with_tokens
from molvae.molecules.vae import MoleculeVAE

from .conftest import MOLECULES, small_model

NEW = {"smiles": ("[Se]", "B"), "selfies": ("[=Se]", "[B]")}
WITH_NEW = ("C[Se]C", "CB(O)O")


def log_prob(model: MoleculeVAE, z: torch.Tensor) -> torch.Tensor:
    batch = MoleculeDataset.build(MOLECULES, model.vocabulary)[0].batch(np.arange(len(MOLECULES)))
    with torch.no_grad():
        return model.decoder(z.unsqueeze(0)).log_prob(batch)[0]


def check_old_molecules(model: MoleculeVAE, grown: MoleculeVAE) -> None:
    z = model.encode(MOLECULES)
    torch.testing.assert_close(grown.encode(MOLECULES), z, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(log_prob(grown, z), log_prob(model, z), atol=1e-3, rtol=0)


def test_new_tokens_leave_the_molecules_of_the_old_ones_as_they_are(model):
    tokens = NEW[model.config.tokenizer]
    grown = with_tokens(model, tokens)
    assert grown.vocabulary.tokens == (*model.vocabulary.tokens, *tokens)
    check_old_molecules(model, grown)


@pytest.mark.parametrize("name", ("zinc250k", "zinc250k-flow"))
def test_so_it_is_with_shipped_weights(name):
    model = MoleculeVAE.from_pretrained(name, "cpu")
    grown = with_tokens(model, NEW["smiles"])
    check_old_molecules(model, grown)
    z = model.encode(MOLECULES)
    assert grown.generate(z)[0] == model.generate(z)[0]


def test_a_grown_model_encodes_learns_and_comes_back_from_its_folder(tmp_path):
    model = small_model()
    assert model.vocabulary.unknown([*MOLECULES, *WITH_NEW, "C[Si]" * 99]) == ["B", "[Se]"]
    grown = with_tokens(model, model.vocabulary.unknown(WITH_NEW))
    grown.save_pretrained(tmp_path)
    again = MoleculeVAE.from_pretrained(tmp_path, "cpu")
    torch.testing.assert_close(again.encode(WITH_NEW), grown.encode(WITH_NEW))

    batch = MoleculeDataset.build(WITH_NEW, grown.vocabulary)[0].batch(np.arange(2))
    grown.terms(batch, 1, torch.Generator().manual_seed(0)).log_px.mean().backward()
    encoder, decoder, first = grown.encoder, grown.decoder, len(model.vocabulary)
    for gradient in (encoder.embedding.weight.grad, decoder.output.weight.grad, decoder.token_gates.weight.grad.T):
        assert gradient[first:].any(1).all()


def test_further_residual_blocks_add_nothing_yet():
    model = small_model()
    deeper = model.config.model_copy(update={"dilations": (*model.config.dilations, 8)})
    grown = with_shape(model, deeper)
    assert grown is not None and len(grown.encoder.blocks) == len(model.encoder.blocks) + 1
    check_old_molecules(model, grown)
    assert with_shape(model, model.config.model_copy(update={"hidden_size": 99})) is None
