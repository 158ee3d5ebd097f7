"""What reads from both ends sees both ends, and nothing behind them."""

import numpy as np
import torch

from molvae.molecules.dataset import MoleculeDataset, TokenBatch
from molvae.molecules.vocabulary import PAD_INDEX

from .conftest import small_model


def test_a_code_is_the_very_same_however_long_the_padding():
    model = small_model(encoder="gru")
    dataset, _ = MoleculeDataset.build(["CC(=O)O"], model.vocabulary)
    batch = dataset.batch(np.array([0]))
    padded = TokenBatch(torch.nn.functional.pad(batch.tokens, (0, 40), value=PAD_INDEX))
    assert torch.equal(model.encoder(batch).mu, model.encoder(padded).mu)


def test_reading_from_the_right_is_reading_the_mirror_image_from_the_left():
    """With the same weights in both directions, the codes of CCN and NCC differ only by which direction is which."""
    model = small_model(encoder="gru")
    encoder = model.encoder
    encoder.leftwards.load_state_dict(encoder.rightwards.state_dict())
    width = encoder.rightwards.hidden_size
    with torch.no_grad():
        encoder.dense.weight[:, width:] = encoder.dense.weight[:, :width]
    tokens = torch.tensor([[3, 4, 5, 0], [5, 4, 3, 0]])  # no end token, which would stand at the other end
    one, other = encoder(TokenBatch(tokens)).mu
    torch.testing.assert_close(one, other)
    assert not torch.allclose(one, encoder(TokenBatch(torch.tensor([[4, 3, 5]]))).mu[0], atol=1e-4)


def test_it_has_no_more_weights_for_longer_molecules():
    sizes = {
        longest: sum(p.numel() for p in type(model.encoder)(model.config, 20, longest).parameters())
        for model in [small_model(encoder="gru")]
        for longest in (10, 1000)
    }
    assert sizes[10] == sizes[1000]
