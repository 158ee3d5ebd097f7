"""Greedy, sampled and constrained decoding agree with the distribution that they decode."""

import numpy as np
import pytest
import torch

from molvae.errors import ConfigError
from molvae.molecules.config import MoleculeVAEConfig
from molvae.molecules.decoder import RecurrentDecoder
from molvae.molecules.decoding import generate, generate_until_complete
from molvae.molecules.masks import constraint

from .conftest import small_model


def points(number: int, size: int = 6) -> torch.Tensor:
    return torch.randn(number, size, generator=torch.Generator().manual_seed(0))


def test_a_sequence_does_not_depend_on_its_batch(model):
    z = points(16)
    together = generate(model.decoder, z).tokens
    for row in range(16):
        assert torch.equal(generate(model.decoder, z[row : row + 1]).tokens[0], together[row])


def test_sampling_follows_the_distribution():
    """First tokens of many samples, against the softmax of the first logits."""
    torch.manual_seed(0)
    config = MoleculeVAEConfig(latent_size=2, hidden_size=8, position_channels=0)
    decoder = RecurrentDecoder(config, vocabulary_size=6, max_length=4).eval()
    z = points(1, 2).repeat(20_000, 1)
    generated = generate(decoder, z, temperature=1.0, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = decoder.logits(z[:1], torch.ones(1, 1, dtype=torch.long))[0, 0]
    logits[:2] = -torch.inf  # <pad> and <bos> are never drawn
    counts = torch.bincount(generated.tokens[:, 0], minlength=6) / 20_000
    torch.testing.assert_close(counts, logits.softmax(0), atol=0.012, rtol=0)


def test_a_negative_temperature_is_refused(model):
    with pytest.raises(ConfigError, match="at least 0, not -1"):
        generate(model.decoder, points(1), temperature=-1)


@pytest.mark.parametrize("mask", ["syntax", "valence"])
def test_with_a_mask_even_an_untrained_model_writes_well_formed_smiles(model, mask):
    from rdkit import Chem, rdBase

    texts, _ = model.generate(points(40), temperature=1.0, mask=mask, generator=torch.Generator().manual_seed(0))
    with rdBase.BlockLogs():
        assert all(Chem.MolFromSmiles(text, sanitize=False) is not None for text in texts)
        if mask == "valence":
            assert np.mean([Chem.MolFromSmiles(text) is not None for text in texts]) > 0.8


def test_dead_ends_are_decoded_again():
    model = small_model()
    mask = constraint("valence", model.vocabulary)
    once = generate(model.decoder, points(40), 1.0, torch.Generator().manual_seed(0), mask)
    again = generate_until_complete(model.decoder, points(40), mask, 1.0, torch.Generator().manual_seed(0))
    assert again.complete.sum() > once.complete.sum()
    assert torch.equal(again.tokens[once.complete], once.tokens[once.complete])
