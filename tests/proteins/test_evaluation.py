"""What an evaluation measures, on cases whose answer is known; the baselines."""

import numpy as np
import pytest
import torch

from molvae.errors import InputError
from molvae.proteins.baselines import BaselineConfig, aligned_tokens, aligned_vae, recurrent_vae
from molvae.proteins.batches import family_in_order, plain_batch, texts
from molvae.proteins.evaluation import (
    auroc,
    design_statistics,
    function_row,
    group_split,
    label_accuracy,
    nearest_identities,
    random_split,
    within,
)
from molvae.proteins.likelihood import generate
from molvae.proteins.training import residue_accuracy
from molvae.run.progress import silent

from .family import family


def test_auroc_of_ranks():
    positive = np.array([False, False, True, True])
    assert auroc(np.array([1.0, 2.0, 3.0, 4.0]), positive) == 1
    assert auroc(np.array([1.0, 3.0, 2.0, 4.0]), positive) == 0.75
    assert auroc(np.ones(4), positive) == 0.5
    assert np.isnan(auroc(np.ones(2), np.array([True, True])))


def test_a_group_is_never_on_both_sides():
    groups = ["a"] * 10 + ["b"] * 6 + ["c"] * 3 + [""] * 5 + ["d"] + ["e"]
    folds = group_split(groups).folds
    assert all(len(set(folds[[g == name for g in groups]])) == 1 for name in set(groups))
    assert len(set(folds)) == 5
    positive = np.arange(50) % 5 == 0
    random = random_split(positive)
    assert [int(positive[random.folds == fold].sum()) for fold in range(5)] == [2] * 5
    inside = within(random, np.arange(50) < 10, "inside")
    assert (inside.folds[10:] == -1).all() and inside.name == "inside"


def test_function_is_found_where_it_is_and_not_where_it_is_not():
    rng = np.random.default_rng(0)
    value = rng.random(200)
    positive = value > 0.8
    splits = [random_split(positive)]
    known = function_row(np.stack([value, rng.random(200)], 1), value, positive, splits)
    unknown = function_row(rng.random((200, 4)), value, positive, splits)
    assert min(known.values()) > 0.95 and max(unknown.values()) < 0.7
    labels = np.where(positive, "yes", "no").tolist()
    assert label_accuracy(value[:, None], labels, splits[0])["accuracy"] > 0.95


def test_designs_that_are_the_natural_sequences_look_natural(members):
    itself = design_statistics(members[30:], members[:30], members[30:])
    assert min(itself["pairs"], itself["composition"]) == pytest.approx(1) and itself["length distance"] == 0
    assert itself["novel"] == 1 and itself["unique"] == 1
    copies = design_statistics(members[:10] * 2, members[:30], members[30:])
    assert copies["novel"] == 0 and copies["unique"] == 0.5 and copies["nearest"] == 1
    noise = design_statistics(["ACDEFGHIKLMNPQRSTVWY" * 2], members[:30], members[30:])
    assert noise["pairs"] < 0.5 and noise["nearest"] < 0.5
    assert nearest_identities([members[0][:-1]], members)[0] == pytest.approx(1 - 1 / len(members[0]))
    with pytest.raises(InputError, match="no sequences to compare"):
        design_statistics([], members, members)


def test_the_recurrent_baseline_learns_and_writes_as_it_was_taught(tmp_path):
    sequences = family(12, seed=4)
    config = BaselineConfig.create(
        {
            "latent_size": 4,
            "hidden_size": 32,
            "batch_size": 12,
            "drop": 0.0,
            "fit": {"epochs": 90, "learning_rate": 0.02},
        }
    )
    model = recurrent_vae(config, sequences, sequences, 30, tmp_path, "cpu", silent)
    batches = family_in_order(sequences, None)
    assert residue_accuracy(model, batches) > 0.5
    z = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    tokens, log_prob = generate(model.decoder, z)
    for row, text in enumerate(texts(tokens)):
        if len(text) <= 30:
            forced = model.decoder(z[row][None, None]).log_prob(plain_batch([text]))
            assert forced.item() == pytest.approx(log_prob[row].item(), abs=1e-3)


def test_the_baseline_of_an_alignment(tmp_path):
    rows = [text.ljust(26, "-")[:26] for text in family(20, seed=5)]
    config = BaselineConfig.create({"latent_size": 3, "hidden_size": 32, "fit": {"epochs": 80, "learning_rate": 0.02}})
    model = aligned_vae(config, rows, rows, tmp_path, "cpu", silent)
    metrics = (tmp_path / "metrics.csv").read_text().splitlines()
    accuracy = float(metrics[-1].split(",")[metrics[0].split(",").index("valid_residue_accuracy")])
    assert accuracy > 0.5
    assert model.decoder(torch.zeros(1, 2, 3)).sample(torch.Generator().manual_seed(0)).shape == (1, 2, 26)
    with pytest.raises(InputError, match="not aligned"):
        aligned_tokens(["MK", "MKV"])
