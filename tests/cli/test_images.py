"""`molvae images`: train, go on, evaluate, draw."""

import json
from pathlib import Path

import pytest

from molvae.cli import app
from molvae.errors import MolvaeError

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
    """A folder with a small trained run in it."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "quick.toml").write_text(QUICK)
    images("train", str(folder / "quick.toml"), "-o", str(folder / "run"), "-q")
    return folder


def images(*arguments: str) -> None:
    app(["images", *arguments], standalone_mode=False)


def test_train_leaves_model_pictures_numbers_and_report(trained):
    report = (trained / "run" / "report.html").read_text()
    assert "The learned manifold" in report and "Reconstructions of test images" in report
    assert json.loads((trained / "run" / "evaluation.json").read_text())["protocol"]["data"] == "digits"
    assert (trained / "run" / "model" / "model.safetensors").is_file()


def test_a_trained_model_is_measured_and_draws(trained, monkeypatch):
    monkeypatch.chdir(trained)
    for arguments, file in (
        ("evaluate run --nll-images 10 --nll-samples 5 -o measured -q", "measured/report.html"),
        ("sample run -k 20 -o samples.png", "samples.png"),
        ("sample run --noise -o samples.svg", "samples.svg"),
        ("interpolate run 0 1 2 -o path.png", "path.png"),
        ("manifold run --side 4 -o plane.png", "plane.png"),
        ("traverse run 3 --steps 4 -o moved.png", "moved.png"),
    ):
        images(*arguments.split())
        assert Path(file).stat().st_size > 1000


def test_the_same_command_goes_on_and_another_is_refused(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained)
    before = Path("run/evaluation.json").read_text()
    weights = Path("run/last.safetensors").stat().st_mtime_ns
    images("train", "quick.toml", "-o", "run", "-q")
    assert "NLL, nats (10 importance samples, 20 images)" in capsys.readouterr().out
    assert Path("run/evaluation.json").read_text() == before
    assert Path("run/last.safetensors").stat().st_mtime_ns == weights  # nothing was trained again
    with pytest.raises(MolvaeError, match=r"train.fit.epochs: 2 then, 3 now.*molvae resume run"):
        images("train", "quick.toml", "--epochs", "3", "-o", "run", "-q")


COMPLETION = """
kind = "images"
[train]
validation_images = 50
[train.model]
latent_size = 4
quadrants = 2
network = { hidden_size = 32, depth = 1 }
[train.fit]
epochs = 2
[evaluation]
nll_images = 20
nll_samples = 10
"""
SKETCHES = """
kind = "sketches"
[train]
batch_size = 500
validation_sketches = 20
[train.model]
latent_size = 4
encoder_size = 8
decoder_size = 8
components = 2
[train.fit]
epochs = 1
[evaluation]
sketches = 20
nll_sketches = 5
nll_samples = 2
drawn = 10
"""
CODES = """
kind = "images"
[train]
binarisation = "none"
validation_images = 50
[train.model]
latent_size = 32
likelihood = "discretised_logistic"
network = { kind = "grid", levels = 1, channels = 8, depth = 1 }
codebook = { size = 8 }
[train.fit]
epochs = 2
[code_prior]
network = { channels = 8, layers = 2 }
[code_prior.fit]
epochs = 1
[evaluation]
images = 30
"""
SLOTS = """
kind = "images"
data = "tetrominoes"
[train]
batch_size = 100
binarisation = "none"
validation_images = 20
[train.model]
latent_size = 16
likelihood = "gaussian_fixed_sigma"
network = { kind = "slots", slots = 4, hidden_size = 8, channels = 8, depth = 1 }
[train.fit]
epochs = 1
[evaluation]
images = 20
nll_images = 0
"""


def test_a_model_that_completes_images_is_trained_measured_and_draws(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("half.toml").write_text(COMPLETION)
    images("train", "half.toml", "-o", "half", "-q")
    assert "the same by a plain network" in capsys.readouterr().out
    images(*["evaluate", "half", "--nll-images", "10", "--nll-samples", "5", "-o", "measured", "-q"])
    assert "samples of p(z given x)" in capsys.readouterr().out
    images(*["sample", "half", "-d", "digits", "-k", "30", "-o", "completed.png"])
    images(*["interpolate", "half", "0", "1", "-o", "path.png"])
    assert all(Path(name).stat().st_size > 1000 for name in ("completed.png", "path.png"))
    with pytest.raises(MolvaeError, match="name a data set"):
        images("sample", "half")
    with pytest.raises(MolvaeError, match="given quadrants"):
        images("manifold", "half")


@pytest.mark.parametrize("kind", ["slots", "monet"])
def test_scenes_are_drawn_and_taken_apart(kind, few_scenes, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("slots.toml").write_text(SLOTS.replace('kind = "slots"', f'kind = "{kind}"'))
    images("train", "slots.toml", "-o", "slots", "-q")
    assert "foreground ARI of the slots" in capsys.readouterr().out
    images(
        *["evaluate", "slots", "-d", "tetrominoes", "--nll-images", "2", "--nll-samples", "5", "-o", "measured", "-q"]
    )
    assert "foreground ARI of the slots" in capsys.readouterr().out
    images(*["scenes", "-k", "4", "-o", "scenes.png"])
    images(*["scenes", "slots", "-k", "2", "--slots", "5", "-o", "apart.png"])
    images(*["sample", "slots", "-k", "4", "-o", "drawn.png"])
    assert all(Path(name).stat().st_size > 1000 for name in ("scenes.png", "apart.png", "drawn.png"))


@pytest.fixture(scope="module")
def strokes(tmp_path_factory):
    """A folder with a small trained run of sketches in it."""
    folder = tmp_path_factory.mktemp("strokes")
    (folder / "strokes.toml").write_text(SKETCHES)
    images("train", str(folder / "strokes.toml"), "-o", str(folder / "strokes"), "-q")
    return folder


def test_sketches_are_trained_measured_and_drawn(strokes, monkeypatch, capsys):
    monkeypatch.chdir(strokes)
    assert "From sketch to sketch" in Path("strokes/report.html").read_text()
    for arguments, file in (
        ("evaluate strokes -d scribbles --nll-images 5 --nll-samples 2 -o measured -q", "measured/report.html"),
        ("sample strokes -k 5 -o rows.png", "rows.png"),
        ("sample strokes -k 4 --temperature 0.3 -o drawn.svg", "drawn.svg"),
        ("sample strokes -k 10 -d scribbles -o completed.png", "completed.png"),
        ("interpolate strokes 0 1 2 -d scribbles --steps 4 -o path.png", "path.png"),
    ):
        images(*arguments.split())
        assert Path(file).stat().st_size > 1000
    assert "L_R of Ha &amp; Eck" in Path("measured/report.html").read_text()
    assert "ELBO, nats a point" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("sample strokes --label 3", "no classes"),
        ("interpolate strokes 0 1", "name a set of sketches"),
        ("interpolate strokes 0 999 -d scribbles", "there is no sketch 999"),
        ("evaluate strokes -d digits", "digits are images"),
        ("evaluate strokes -d scribbles -o strokes -q", "holds a run of kind"),
        ("train -d nowhere.ndjson -o nothing", "no such file"),
    ],
)
def test_what_cannot_be_done_with_sketches_is_one_message(strokes, monkeypatch, arguments, message):
    monkeypatch.chdir(strokes)
    with pytest.raises(MolvaeError, match=message):
        images(*arguments.split())


def test_codes_and_their_prior_are_trained_in_one_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("codes.toml").write_text(CODES)
    images("train", "codes.toml", "-o", "codes", "-q")
    printed = capsys.readouterr().out
    assert "bits per dimension" in printed and "perplexity of the 8 codes" in printed and "saved" in printed
    assert "Samples of the uniform prior over codes" in Path("codes/report.html").read_text()
    for command in ("sample codes -k 10 -o codes.png", "interpolate codes 0 1 -o between.png"):
        images(*command.split())
    images(*["evaluate", "codes", "-o", "again", "--binarisation", "none", "-q"])
    assert "saved" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("sample nowhere", "no model .nowhere."),
        ("sample run --label 3", "not conditional"),
        ("sample run --temperature 0.5", "for models of sketches"),
        ("sample run -o picture.bmp", "a picture is a .png or .svg file"),
        ("sample run -o missing/picture.png", "is not a folder"),
        ("interpolate run 0", "at least two images"),
        ("interpolate run 0 9999", "no image 9999"),
        ("evaluate run -d half_rings", "is a model of images"),
        ("traverse run 9999", "no image 9999"),
        ("scenes run", "no slots|draws images"),
        ("scenes --slots 3", "of a model: name one"),
        ("evaluate run --binarisation none --nll-images 0", "binarise"),
        ("train -d cifar", "no image data set"),
    ],
)
def test_what_cannot_be_done_is_one_message(trained, monkeypatch, arguments, message):
    monkeypatch.chdir(trained)
    with pytest.raises(MolvaeError, match=message):
        images(*arguments.split())


def test_tensorboard_gets_the_log(trained, monkeypatch):
    pytest.importorskip("tensorboard")
    monkeypatch.chdir(trained)
    images("train", "quick.toml", "-o", "watched", "--tensorboard", "--epochs", "1", "-q")
    assert list(Path("watched/tensorboard").glob("events.out.tfevents.*"))
