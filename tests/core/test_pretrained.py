"""Model folders of every kind, by name and by folder."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from molvae.core.distributions import Gaussian
from molvae.core.heads import POSTERIORS
from molvae.core.pretrained import MODELS, Pretrained, load_model
from molvae.core.priors import StandardNormal
from molvae.errors import CheckpointError, ConfigError
from molvae.run.config import Config
from molvae.weights import PROTEINS, shipped_models


class LineConfig(Config):
    """Shape of the smallest model there is."""

    width: int = 3


class Line(Pretrained):
    """x (B, width) -> one number -> x."""

    kind = "line"
    config: LineConfig

    def __init__(self, config: LineConfig) -> None:
        head = POSTERIORS["diagonal_gaussian"](1)
        super().__init__(
            nn.Sequential(nn.Linear(config.width, head.outputs), head), StandardNormal(1), nn.Linear(1, config.width)
        )
        self.config = config
        self.register_buffer("seen", torch.tensor(7))

    def likelihood(self, z, x):
        return Gaussian(self.decoder(z), torch.zeros(()))

    def texts(self):
        return {"notes.txt": "straight"}

    @classmethod
    def build(cls, settings, folder):
        assert (folder / "notes.txt").read_text() == "straight"
        return cls(LineConfig.create(settings["model"]))


MODELS.add("line", Line, "for these tests")


@pytest.fixture
def line() -> Line:
    torch.manual_seed(0)
    return Line(LineConfig(width=4))


def test_what_is_saved_comes_back(line, tmp_path):
    assert line.name == ""
    line.card = "# A line"
    line.save_pretrained(tmp_path / "a")
    again = load_model(tmp_path / "a", device="cpu")
    assert isinstance(again, Line) and again.config == line.config and again.card == "# A line"
    assert again.fingerprint() == line.fingerprint() and not again.training
    assert again.name == str(tmp_path / "a") and again.latent_size == 1
    other = Line(LineConfig(width=4))
    assert other.fingerprint() != line.fingerprint()


def test_half_precision_halves_the_weights_and_leaves_whole_numbers_alone(line, tmp_path):
    line.save_pretrained(tmp_path, half=True)
    again = Line.from_pretrained(tmp_path, "cpu")
    assert again.seen == 7 and again.decoder.weight.dtype == torch.float32
    torch.testing.assert_close(again.decoder.weight, line.decoder.weight, atol=1e-3, rtol=0)
    assert again.fingerprint() != line.fingerprint()


def test_a_run_folder_is_the_model_in_it(line, tmp_path):
    line.save_pretrained(tmp_path / "model")
    assert load_model(tmp_path, "cpu").fingerprint() == line.fingerprint()


def test_files_that_belong_to_a_model_are_sealed_with_it(line, tmp_path):
    (tmp_path / "known.npy").write_bytes(b"12345678")
    line.save_pretrained(tmp_path, extra_files=("known.npy",))
    (tmp_path / "known.npy").write_bytes(b"12345679")
    with pytest.raises(CheckpointError, match=r"known\.npy is truncated or altered"):
        load_model(tmp_path, "cpu")


def edit(folder: Path, **changes: object) -> None:
    settings = json.loads((folder / "config.json").read_text())
    settings.update(changes)
    (folder / "config.json").write_text(json.dumps({k: v for k, v in settings.items() if v is not None}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"kind": "circle"},
            "of kind 'circle'; this molvae knows molecule-vae, graph-vae, .*, line",
        ),
        ({"kind": None}, "of kind 'None'"),
        ({"kind": "image-vae"}, "no 'shape'"),
        ({"model": None}, "no 'model'"),
        ({"model": {"wdith": 4}}, "did you mean 'width'"),
        ({"model": 4}, "cannot be used"),
        ({"model": {"width": 9}}, "do not fit"),
        ({"settings": {}}, "run folder without a trained model"),
    ],
)
def test_a_folder_that_cannot_be_loaded_is_explained(line, tmp_path, changes, message):
    line.save_pretrained(tmp_path)
    edit(tmp_path, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_model(tmp_path, "cpu")


def test_the_wrong_kind_and_the_wrong_device_are_refused(line, tmp_path):
    line.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="holds a model of kind 'line', not 'image-vae'"):
        MODELS["image-vae"].from_pretrained(tmp_path, "cpu")
    with pytest.raises(ConfigError, match="device 'meta' cannot be used"):
        load_model(tmp_path, "meta")
    with pytest.raises(CheckpointError, match="one of the shipped models"):
        load_model("chembl")


def test_shipped_models_are_loaded_by_name():
    name = min({*shipped_models()} - PROTEINS, key=len)
    model = load_model(name, "cpu")
    assert type(model) is MODELS["molecule-vae"] and model.name == name
