"""Every part that is named is there, and one line adds another."""

import pytest
import torch
from torch import Tensor, nn

from molvae.core.distributions import DiagonalGaussian
from molvae.molecules.dataset import TokenBatch
from molvae.molecules.registries import DECODERS, ENCODERS, MASKS, TOKENIZERS
from molvae.molecules.vocabulary import PAD_INDEX

from .conftest import MOLECULES, small_model


@pytest.mark.parametrize("registry", [ENCODERS, DECODERS, TOKENIZERS, MASKS], ids=lambda registry: registry.what)
def test_every_name_leads_to_a_thing_with_a_description(registry):
    for name, thing in registry.items():
        assert callable(thing) and registry.descriptions[name]


class BagEncoder(nn.Module):
    """Counts tokens; the smallest encoder that there is."""

    def __init__(self, config, vocabulary_size: int, max_length: int) -> None:
        super().__init__()
        self.linear = nn.Linear(vocabulary_size, config.latent_size)

    def forward(self, batch: TokenBatch) -> DiagonalGaussian:
        one_hot: Tensor = nn.functional.one_hot(batch.tokens, self.linear.in_features).float()
        mu = self.linear((one_hot * (batch.tokens != PAD_INDEX).unsqueeze(-1)).sum(1))
        return DiagonalGaussian(mu, torch.full_like(mu, -2.0))


def test_an_encoder_of_ones_own_is_a_class_and_a_line():
    if "bag" not in ENCODERS:
        ENCODERS.add("bag", BagEncoder, "how often each token occurs")
    model = small_model(encoder="bag")
    assert torch.isfinite(model.encode(MOLECULES)).all()
