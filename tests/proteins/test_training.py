"""The three stages: what is frozen stays so, and what learns, learns."""

import numpy as np
import pytest
import torch

from molvae.errors import CheckpointError, ConfigError, InputError
from molvae.proteins.batches import MASK, FamilyBatches, WindowBatches, dropped, masked_spans, plain_batch, tokenise
from molvae.proteins.config import CompressionConfig, ProteinVAEConfig, TransformerConfig
from molvae.proteins.pretraining import Backbone, CompressConfig, compress, denoising
from molvae.proteins.training import FamilyTrainConfig, train_family
from molvae.run.progress import silent

from .conftest import COMPRESSION, TRANSFORMER


def train(backbone, members, folder, **settings):
    config = FamilyTrainConfig.create(
        {"latent_size": 4, "hidden_size": 16, "batch_size": 10, "fit": {"epochs": 1, "learning_rate": 3e-3}, **settings}
    )
    return train_family(config, backbone, members[:50], members[50:], folder, None, "cpu", silent)


def same(part, other) -> bool:
    return all(torch.equal(value, other.state_dict()[name]) for name, value in part.state_dict().items())


def test_spans_have_the_share_and_the_length_that_are_asked_for():
    tokens = tokenise(["A" * 120] * 200)
    masked = masked_spans(tokens, 0.15, 3.0, np.random.default_rng(0)) == MASK
    assert masked.float().mean() == pytest.approx(0.15, abs=0.01)
    begins = masked[:, 1:] & ~masked[:, :-1]
    assert masked[:, 1:].sum() / begins.sum() == pytest.approx(3, abs=0.3)
    assert not masked[:, -1].any()  # the end is always shown
    inputs = dropped(plain_batch(["ACDEF" * 20]).inputs, 0.4, np.random.default_rng(0))
    assert (inputs == MASK).float().mean() == pytest.approx(0.4, abs=0.12)


def test_batches_are_functions_of_their_number(members):
    batches = WindowBatches(members, 12, 40, 8, seed=1)
    skipped, whole = list(batches.epoch(2, skip=2)), list(batches.epoch(2))
    assert len(whole) == len(batches) and torch.equal(skipped[0].source, whole[2].source)
    family = FamilyBatches(members, None, 16, seed=1, drop=0.2)
    assert sum(map(len, family.epoch(0))) == len(members)
    assert torch.equal(next(iter(family.epoch(1, skip=1))).inputs, list(family.epoch(1))[1].inputs)
    with pytest.raises(InputError, match="no sequence"):
        WindowBatches([], 12, 40, 8, seed=0)


def test_a_transformer_learns_to_copy_what_it_is_shown():
    """The mechanism on which the later stages build: a position looks at its own place first."""
    sequences = ["MKVAYDLEPRNWGGSTKLVEQHIFPD"[n:] + "ACDEFGHIKLMNPQRSTVWY"[:n] for n in range(16)]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = Backbone(TransformerConfig.create({**TRANSFORMER, "width": 32}))
    batch = plain_batch(sequences)
    optimizer = torch.optim.Adam(backbone.parameters(), 5e-3)
    for step in range(60):
        values, _ = denoising(backbone, batch, step, torch.Generator())
        optimizer.zero_grad()
        (-values.mean()).backward()
        optimizer.step()
    assert denoising(backbone, batch, 0, torch.Generator())[1]["accuracy"] > 0.9


def test_stage_two_leaves_the_transformer_as_it_is(backbone, members, tmp_path):
    first = Backbone(backbone.transformer.config)
    first.transformer.load_state_dict(backbone.transformer.state_dict())
    config = CompressConfig.create({"window": 20, "compression": COMPRESSION, "fit": {"epochs": 1}})
    both = compress(config, first, members[:50], members[50:], tmp_path, "cpu", silent)
    assert same(both.transformer, backbone.transformer)
    both.save(tmp_path / "model")
    assert same(Backbone.load(tmp_path), both)


@pytest.mark.parametrize("tuned", ["decoder", "nothing"])
def test_stage_three_trains_what_it_says(backbone, members, tmp_path, tuned):
    model = train(backbone, members, tmp_path, tuned=tuned)
    assert same(model.encoder.transformer, backbone.transformer.encoder)
    assert same(model.encoder.compression, backbone.compression)
    assert same(model.decoder.writer, backbone.transformer.decoder) == (tuned == "nothing")
    assert same(model.decoder.decompression, backbone.decompression) == (tuned == "nothing")


def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(backbone, members, tmp_path):
    whole = train(backbone, members, tmp_path / "whole", fit={"epochs": 2, "learning_rate": 3e-3})

    class Stop(Exception):
        pass

    def stop(event):
        if event.milestone and event.done >= 5:
            raise Stop

    config = FamilyTrainConfig.create(
        {"latent_size": 4, "hidden_size": 16, "batch_size": 10, "fit": {"epochs": 2, "learning_rate": 3e-3}}
    )
    with pytest.raises(Stop):
        train_family(config, backbone, members[:50], members[50:], tmp_path / "stopped", None, "cpu", stop)
    resumed = train(backbone, members, tmp_path / "stopped", fit={"epochs": 2, "learning_rate": 3e-3})
    assert resumed.fingerprint() == whole.fingerprint()


def test_what_the_decoder_writes_depends_on_z(model, members):
    """So small a model makes no use of it yet; that it can is what a code far away shows."""
    (batch,) = model.in_order(members)
    z = model.posterior(batch).mean.unsqueeze(0)
    with torch.no_grad():
        own, far = (model.likelihood(each, batch).log_prob(batch) for each in (z, z + 10))
    assert (own - far).abs().mean() > 1e-3


def test_what_does_not_go_together_is_refused(backbone, members, tmp_path):
    with pytest.raises(CheckpointError, match="no compression"):
        train(Backbone(backbone.transformer.config), members, tmp_path)
    with pytest.raises(ConfigError, match="a sequence of 60 residues is longer than the transformer's 40"):
        train(backbone, ["A" * 60, *members], tmp_path)
    with pytest.raises(ConfigError, match="leave it out"):
        train(backbone, members, tmp_path, initial="somewhere")
    with pytest.raises(CheckpointError, match="no folder"):
        Backbone.load(tmp_path / "none")
    with pytest.raises(ConfigError, match="even multiple"):
        TransformerConfig.create({"width": 20, "heads": 3})
    with pytest.raises(ConfigError, match="do not fit"):
        ProteinVAEConfig.create({"max_length": 300, "transformer": TRANSFORMER})
    assert CompressionConfig().size == 256
