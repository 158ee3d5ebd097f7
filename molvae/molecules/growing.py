"""A trained model made larger without a change of what it does: training goes on (Chen et al. 2016, "Net2Net").

Whatever is new begins at zero: a residual block that adds nothing, a token that tells the networks nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from molvae.molecules.vae import MoleculeVAE, MoleculeVAEConfig
from molvae.molecules.vocabulary import Vocabulary

_NEW_LOGIT = -10.0  # of a trained model, exp(-17) and less of the probability; of an untrained one, exp(-13)


def with_tokens(model: MoleculeVAE, tokens: Sequence[str]) -> MoleculeVAE:
    """The model with further tokens at the end of its vocabulary.

    Molecules of the old tokens keep their q(z|x), and their log p(x|z) to less than 1e-3 nats.
    """
    vocabulary = replace(model.vocabulary, tokens=(*model.vocabulary.tokens, *tokens))
    grown = _grown(model, model.config, vocabulary)
    with torch.no_grad():
        grown.decoder.output.bias[len(model.vocabulary) :] = _NEW_LOGIT
    return grown


def with_shape(model: MoleculeVAE, shape: MoleculeVAEConfig) -> MoleculeVAE | None:
    """The model with further residual blocks in its encoder; None if ``shape`` differs in more than ``dilations``."""
    further = shape.dilations[len(model.config.dilations) :]
    if shape != model.config.model_copy(update={"dilations": model.config.dilations + further}):
        return None
    return _grown(model, shape, model.vocabulary)


def _grown(model: MoleculeVAE, shape: MoleculeVAEConfig, vocabulary: Vocabulary) -> MoleculeVAE:
    with torch.random.fork_rng(devices=[]):
        grown = MoleculeVAE(shape, vocabulary)
    old, weights = model.state_dict(), {}
    for name, new in grown.state_dict().items():
        weights[name] = torch.zeros_like(new)
        if name in old:
            weights[name][tuple(slice(size) for size in old[name].shape)] = old[name]
    grown.load_state_dict(weights)
    return grown.eval()
