"""The sleep phase: where its points lie, what its pairs are, what its terms reach, and that it can be resumed."""

import numpy as np
import pytest
import torch

from molvae.chemistry.molecule import canonical
from molvae.core.checkpoint import load_tensors
from molvae.core.schedules import Schedule
from molvae.errors import ConfigError
from molvae.molecules.dataset import MoleculeDataset
from molvae.molecules.distillation import Distillation, DistillationConfig, draw_points, make_pool
from molvae.molecules.training import MoleculeData, TrainConfig, train
from molvae.run.progress import silent

from .conftest import MOLECULES, SHAPES, small_model

SETTINGS = {"decoder_weight": 1, "rebuild_weight": 0.5, "encoder_weight": 0.1, "batch_size": 4}
CONFIG = DistillationConfig.create({**SETTINGS, "pool": 40, "refresh": 5})


def data_of(model) -> MoleculeDataset:
    return MoleculeDataset.build(MOLECULES, model.vocabulary)[0]


def sleep_of(model, config=CONFIG) -> Distillation:
    return Distillation(config, Schedule(value=0.1), data_of(model), seed=0)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_points_of_the_prior_are_standard_normal(model):
    config = DistillationConfig(pool=4000, near=0, path=0)
    points = draw_points(model, data_of(model), config, np.random.default_rng(0))
    assert points.shape == (4000, 6)
    assert points.std().item() == pytest.approx(1, abs=0.03)


def test_points_near_and_between_encodings_are_drawn_again_alike(model):
    config = DistillationConfig(pool=30, near=0.4, path=0.6)
    first, again = (draw_points(model, data_of(model), config, np.random.default_rng(3)) for _ in range(2))
    assert first.shape == (30, 6) and torch.isfinite(first).all()
    torch.testing.assert_close(first, again, rtol=0, atol=0)


def test_a_pair_is_a_code_and_a_canonical_molecule(model):
    pool = make_pool(model, data_of(model), CONFIG, seed=0, step=0)
    assert len(pool.molecules) == len(pool.codes) >= 1
    rows = (pool.molecules.batch(np.array([row])).tokens[0].tolist() for row in range(len(pool.molecules)))
    texts = [model.vocabulary.decode(row) for row in rows]
    assert [canonical(text) for text in texts] == texts
    assert (np.diff(pool.molecules.lengths()) >= 0).all()


def test_no_gradient_reaches_a_learned_prior_from_the_pairs(model):
    sleep = sleep_of(model, DistillationConfig.create({"decoder_weight": 1, "encoder_weight": 1, "pool": 20}))
    total, logged = sleep(model, None, None, 0, generator())
    total.backward()
    assert set(logged) == {"distilled", "returned"}
    assert model.decoder.recurrence.weight.grad.abs().sum() > 0
    assert model.encoder.head.weight.grad.abs().sum() > 0
    if model.decoder.flow is not None:
        assert all(weight.grad is None for weight in model.decoder.flow.parameters())


def test_weights_follow_their_schedules():
    model = small_model()
    sleep = sleep_of(model, DistillationConfig.create({"decoder_weight": [[5, 0], [10, 1]], "pool": 20}))
    assert sleep(model, None, None, 5, generator())[1] == {} and sleep.pool is None
    half, logged = sleep(model, None, None, 7, generator())
    torch.testing.assert_close(half, 0.4 * logged["distilled"])


def test_every_pair_is_taken_once_before_any_is_taken_again(model):
    config = DistillationConfig(batch_size=4, pool=40, refresh=100)
    sleep = sleep_of(model, config)
    first, _ = sleep._pairs(model, 0, 0)
    parts = max(1, len(sleep.pool.codes) // config.batch_size)
    taken = torch.cat([first, *(sleep._pairs(model, step, 0)[0] for step in range(1, parts))])
    assert sorted(taken.tolist()) == sorted(sleep.pool.codes.tolist())


def test_the_pool_is_made_anew_and_survives_a_checkpoint(model):
    sleep = sleep_of(model)
    assert sleep.tensors() == {}
    steps = []
    for step in range(3, 10):
        sleep(model, None, None, step, generator())
        steps.append(sleep.pool.step)
    assert steps == [3] * 5 + [8] * 2
    other = sleep_of(model)
    other.restore(sleep.tensors())
    for step in (9, 10):
        ours, theirs = (phase(model, None, None, step, generator())[0] for phase in (sleep, other))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("shape", ("plain", "both"))
def test_a_run_that_is_resumed_between_two_pools_ends_with_the_very_weights(shape, tmp_path):
    model = small_model(**SHAPES[shape])
    model.save_pretrained(tmp_path / "initial")
    settings = {
        "initial": str(tmp_path / "initial"),
        "model": model.config.model_dump(),
        "batch_size": 5,
        "objective": {"density_weight": 0.5 if model.config.flow_layers else 0},
        "distillation": CONFIG.model_dump(),
        "fit": {"epochs": 4, "checkpoint_every": 3, "hold": 1.0, "average": 0.9, "seed": 2},
        "validation": {"prior_samples": 2},
    }
    data = MoleculeData(MOLECULES, np.random.default_rng(0).normal(size=(len(MOLECULES), 3)))
    config = TrainConfig.create(settings)
    whole = train(config, data, data, tmp_path / "whole", "cpu", silent)

    class Killed(Exception):
        pass

    def kill(step, _row):
        if step == 6:
            raise Killed

    with pytest.raises(Killed):
        train(config, data, data, tmp_path / "part", "cpu", silent, on_log=kill)
    assert load_tensors(tmp_path / "part" / "last.safetensors")[1]["step"] == 4
    resumed = train(config, data, data, tmp_path / "part", "cpu", silent)
    tensors, header = load_tensors(tmp_path / "part" / "last.safetensors")
    assert header["step"] == 8 and "memory.codes" in tensors
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0)


def test_shares_of_the_points_are_no_more_than_all():
    with pytest.raises(ConfigError, match=r"0.7 \+ 0.6 is more than 1"):
        DistillationConfig.create({"near": 0.7, "path": 0.6})
