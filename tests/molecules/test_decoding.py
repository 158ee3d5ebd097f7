"""Greedy, sampled, constrained and beam decoding agree with the distribution that they decode."""

import numpy as np
import pytest
import torch

from molvae.errors import ConfigError
from molvae.molecules.decoder import RecurrentDecoder
from molvae.molecules.decoding import beam_search, generate, generate_until_complete
from molvae.molecules.vocabulary import EOS_INDEX


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
    decoder = RecurrentDecoder(vocabulary_size=6, latent_size=2, hidden_size=8, max_length=4).eval()
    z = points(1, 2).repeat(20_000, 1)
    made = generate(decoder, z, temperature=1.0, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = decoder.logits(z[:1], torch.ones(1, 1, dtype=torch.long))[0, 0]
    logits[:2] = -torch.inf  # <pad> and <bos> are never drawn
    counts = torch.bincount(made.tokens[:, 0], minlength=6) / 20_000
    torch.testing.assert_close(counts, logits.softmax(0), atol=0.012, rtol=0)


def test_top_p_keeps_to_the_nucleus():
    torch.manual_seed(0)
    decoder = RecurrentDecoder(vocabulary_size=6, latent_size=2, hidden_size=8, max_length=4).eval()
    z = points(1, 2).repeat(500, 1)
    made = generate(decoder, z, temperature=1.0, top_p=1e-6, generator=torch.Generator().manual_seed(1))
    assert torch.equal(made.tokens, generate(decoder, z).tokens)


@pytest.mark.parametrize(("temperature", "top_p"), [(-1, 1), (1, 0), (1, 1.5)])
def test_senseless_settings_are_refused(model, temperature, top_p):
    with pytest.raises(ConfigError):
        generate(model.decoder, points(1), temperature, top_p)


@pytest.mark.parametrize("mask", ["syntax", "valence"])
def test_with_a_mask_even_an_untrained_model_writes_well_formed_smiles(model, mask):
    from rdkit import Chem, rdBase

    texts, _ = model.generate(points(40), temperature=1.0, mask=mask, generator=torch.Generator().manual_seed(0))
    with rdBase.BlockLogs():
        assert all(Chem.MolFromSmiles(text, sanitize=False) is not None for text in texts)
        if mask == "valence":
            assert np.mean([Chem.MolFromSmiles(text) is not None for text in texts]) > 0.8


def test_dead_ends_are_decoded_again(model):
    constraint = model.grammar("valence")
    once = generate(model.decoder, points(40), 1.0, 1.0, torch.Generator().manual_seed(0), constraint)
    again = generate_until_complete(model.decoder, points(40), constraint, 1.0, 1.0, torch.Generator().manual_seed(0))
    assert again.complete.sum() >= once.complete.sum()
    assert torch.equal(again.tokens[once.complete], once.tokens[once.complete])


def test_a_beam_finds_at_least_what_greedy_finds(model):
    z = points(6)
    greedy = generate(model.decoder, z)
    for row, found in enumerate(beam_search(model.decoder, z, width=5)):
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
        if found and EOS_INDEX in greedy.tokens[row]:
            assert found[0][1] >= float(greedy.log_prob[row]) - 1e-4


def test_a_beam_obeys_the_grammar(model):
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        for found in beam_search(model.decoder, points(3), width=3, constraint=model.grammar("syntax")):
            for tokens, _ in found:
                assert Chem.MolFromSmiles(model.vocabulary.decode(tokens), sanitize=False) is not None
