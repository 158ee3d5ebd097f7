"""Variants of a training run: named changes, each trained once on the same molecules."""

import numpy as np
import pytest

from molvae.errors import ConfigError
from molvae.experiments.ablations import AblationConfig, changed, panels, run_variants
from molvae.molecules.training import MoleculeData, TrainConfig
from molvae.run.progress import silent

from .conftest import MOLECULES, TINY_TRAINING


def test_a_change_names_a_setting():
    base = TrainConfig.create(TINY_TRAINING)
    other = changed(base, {"model.latent_size": 3, "batch_size": 2})
    assert (other.model.latent_size, other.batch_size) == (3, 2)
    assert other.model.channels == base.model.channels


@pytest.mark.parametrize("name", ("model.latnet_size", "modle.latent_size", "batch"))
def test_a_change_of_nothing_is_an_error(name):
    with pytest.raises(ConfigError, match="unknown setting"):
        changed(TrainConfig(), {name: 3})
    with pytest.raises(ConfigError, match="variant 'odd'"):
        AblationConfig.create({"variants": [{"name": "odd", "change": {name: 3}}]})


def test_two_variants_cannot_share_a_folder():
    with pytest.raises(ConfigError, match="same name"):
        AblationConfig.create({"variants": [{"name": "a"}, {"name": "a"}]})


def test_every_variant_has_its_row_and_a_second_run_reads_it(tmp_path):
    variants = [{"name": "base"}, {"name": "no flow", "change": {"model.flow_layers": 0}}]
    config = AblationConfig.create({"base": TINY_TRAINING, "variants": variants})
    data = MoleculeData(MOLECULES, np.ones((len(MOLECULES), 3), dtype=np.float32))
    table = run_variants(config, data, data, tmp_path, "cpu", progress=silent)
    assert table["variant"].tolist() == ["base", "no flow"]
    assert table["parameters"][1] < table["parameters"][0]
    assert np.isfinite(table[["log p(x|z)", "KL", "bound", "prior validity"]].to_numpy(float)).all()
    checkpoint = tmp_path / "no-flow" / "last.safetensors"
    written = checkpoint.stat().st_mtime_ns
    again = run_variants(config, data, data, tmp_path, "cpu", progress=silent)
    assert again.equals(table) and checkpoint.stat().st_mtime_ns == written
    assert panels(table)[0].frame is not None
