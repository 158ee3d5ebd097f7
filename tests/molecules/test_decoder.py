"""The decoder is a proper distribution over sequences, the same teacher-forced and step by step."""

import itertools

import numpy as np
import torch

from molvae.core.objectives import elbo
from molvae.molecules.config import MoleculeVAEConfig
from molvae.molecules.dataset import MoleculeDataset, TokenBatch
from molvae.molecules.decoder import PositionFeatures, RecurrentDecoder
from molvae.molecules.decoding import generate
from molvae.molecules.vocabulary import BOS_INDEX, EOS_INDEX, PAD_INDEX

from .conftest import MOLECULES


def points(number: int, size: int = 6) -> torch.Tensor:
    return torch.randn(number, size, generator=torch.Generator().manual_seed(0))


def test_probabilities_of_all_sequences_sum_to_one():
    """With one real token and at most three steps, all sequences can be listed."""
    torch.manual_seed(0)
    config = MoleculeVAEConfig(latent_size=2, hidden_size=8, position_channels=0)
    decoder = RecurrentDecoder(config, vocabulary_size=4, max_length=3)
    with torch.no_grad():
        decoder.output.bias[[PAD_INDEX, BOS_INDEX]] = -30.0  # never emitted
    total = 0.0
    for length in range(4):
        ending = [EOS_INDEX] if length < 3 else []
        tokens = torch.tensor([[3] * length + ending])
        total += decoder(points(1, 2).unsqueeze(0)).log_prob(TokenBatch(tokens)).exp().item()
    assert abs(total - 1) < 1e-4


def test_the_reported_log_prob_is_that_of_the_sequence(model):
    z = points(8)
    generated = generate(model.decoder, z, temperature=1.0, generator=torch.Generator().manual_seed(1))
    ended = (generated.tokens == EOS_INDEX).any(1)
    again = model.decoder(z.unsqueeze(0)).log_prob(TokenBatch(generated.tokens))[0]
    # generation never emits <pad> or <bos>, but reports the probability without renormalising
    torch.testing.assert_close(generated.log_prob[ended], again[ended], atol=1e-3, rtol=1e-4)


def test_gradients_reach_every_weight(model):
    dataset, _ = MoleculeDataset.build(MOLECULES, model.vocabulary, np.ones((len(MOLECULES), 3), dtype=np.float32))
    terms = model.terms(dataset.batch(np.arange(len(MOLECULES))), 1, torch.Generator().manual_seed(0))
    (elbo(terms).mean() + terms.aux["properties"].mean()).backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert missing == []


def test_every_step_sees_z(model):
    """The same prefix is continued differently at different z, however long the prefix is."""
    inputs = torch.full((2, 9), int(model.vocabulary.encode("C")[0]))
    logits = model.decoder.logits(points(2), inputs)
    differences = (logits[:, 0] - logits[:, 1]).abs().amax(-1)
    assert all(a > 1e-3 for a in itertools.islice(differences, 9))


def test_features_of_a_position_do_not_depend_on_how_many_are_made():
    torch.manual_seed(0)
    features = PositionFeatures(latent_size=6, positions=30, channels=8)
    z = points(3)
    torch.testing.assert_close(features(z, 12), features(z, 30)[:12], atol=1e-6, rtol=1e-6)
