"""`molvae images` as users run it: train, resume, evaluate, draw, and studies from recipes."""

import json
from pathlib import Path

import pytest

from molvae.cli import app
from molvae.errors import MolvaeError

from .conftest import run_in

QUICK = """
kind = "images"
[train]
validation_images = 50
[train.model]
latent_size = 2
network = { hidden_size = 32, depth = 1 }
[train.fit]
epochs = 2
[evaluation]
nll_images = 20
nll_samples = 10
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a small trained run in it, and what the command printed."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "quick.toml").write_text(QUICK)
    done = run_in(folder)("images", "train", "quick.toml", "-o", "run", "-q")
    assert done.returncode == 0, done.stderr
    return folder, done


def test_train_leaves_model_pictures_numbers_and_report(trained):
    folder, done = trained
    assert "NLL, nats (10 importance samples, 20 images)" in done.stdout
    report = (folder / "run" / "report.html").read_text()
    assert "The learned manifold" in report and "Reconstructions of test images" in report
    assert json.loads((folder / "run" / "evaluation.json").read_text())["protocol"]["data"] == "digits"
    assert (folder / "run" / "model" / "model.safetensors").is_file()


def test_a_trained_model_is_measured_and_draws(trained, monkeypatch):
    monkeypatch.chdir(trained[0])
    for arguments, made in (
        (
            ("evaluate", "run", "--nll-images", "10", "--nll-samples", "5", "-o", "measured", "-q"),
            "measured/report.html",
        ),
        (("sample", "run", "-k", "20", "-o", "samples.png"), "samples.png"),
        (("sample", "run", "--noise", "-o", "samples.svg"), "samples.svg"),
        (("interpolate", "run", "0", "1", "2", "-o", "path.png"), "path.png"),
        (("manifold", "run", "--side", "4", "-o", "plane.png"), "plane.png"),
    ):
        app(["images", *arguments], standalone_mode=False)
        assert Path(made).stat().st_size > 1000


def test_a_finished_run_can_be_resumed(trained, monkeypatch):
    monkeypatch.chdir(trained[0])
    before = Path("run/evaluation.json").read_text()
    app(["images", "train", "--resume", "run", "-q"], standalone_mode=False)
    assert Path("run/evaluation.json").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sample", "nowhere"), "no model 'nowhere'"),
        (("sample", "run", "--label", "3"), "not conditional"),
        (("sample", "run", "-o", "picture.bmp"), "a picture is a .png or .svg file"),
        (("sample", "run", "-o", "missing/picture.png"), "is not a folder"),
        (("interpolate", "run", "0"), "at least two images"),
        (("interpolate", "run", "0", "9999"), "no image 9999"),
        (("evaluate", "run", "-d", "half_rings"), "is a model of images"),
        (("evaluate", "run", "--binarisation", "none", "--nll-images", "0"), "binarise"),
        (("train", "quick.toml", "-o", "run"), "already holds a run"),
        (("train", "-d", "cifar"), "no image data set"),
    ],
)
def test_what_cannot_be_done_is_one_message(trained, monkeypatch, arguments, message):
    monkeypatch.chdir(trained[0])
    with pytest.raises(MolvaeError, match=message):
        app(["images", *arguments], standalone_mode=False)


def test_an_error_is_printed_without_a_traceback(trained):
    done = run_in(trained[0])("images", "sample", "nowhere")
    assert done.returncode == 1 and done.stderr.startswith("error: ") and "Traceback" not in done.stderr


def test_a_study_runs_from_its_recipe(molvae, tmp_path):
    (tmp_path / "study.toml").write_text(
        'kind = "study"\nstudy = "manifold"\n[settings]\nside = 3\n[settings.train.fit]\nepochs = 1\n'
    )
    done = molvae("run", "study.toml", "-o", "study", "-q")
    assert done.returncode == 0, done.stderr
    assert "The learned manifold" in (tmp_path / "study" / "report.html").read_text()


def test_tensorboard_gets_the_log(trained, monkeypatch):
    pytest.importorskip("tensorboard")
    monkeypatch.chdir(trained[0])
    app(
        ["images", "train", "quick.toml", "-o", "watched", "--tensorboard", "--epochs", "1", "-q"],
        standalone_mode=False,
    )
    assert list(Path("watched/tensorboard").glob("events.out.tfevents.*"))
