"""Training of a VAE of sketches, its numbers and its pictures."""

import json

import pytest
import torch

from molvae.errors import ConfigError
from molvae.experiments.sketches import SketchesRecipe
from molvae.images.sketch_pictures import beginnings, completion_panel, path_panel, sample_panel, strokes
from molvae.images.sketch_training import (
    SketchEvaluationConfig,
    SketchTrainConfig,
    evaluate_sketches,
    sketch_summary,
    train_sketches,
    training_panels,
)
from molvae.images.sketch_vae import SketchVAE
from molvae.images.sketches import SketchData, Sketches, load_sketches
from molvae.report.panel_figures import panel_svg
from molvae.run.folder import read_run
from molvae.run.panels import load_panels, save_panels
from molvae.run.progress import silent
from molvae.run.recipe import Context

SMALL = {
    "batch_size": 50,
    "model": {"latent_size": 4, "encoder_size": 12, "decoder_size": 24, "components": 4},
    "fit": {"epochs": 3, "learning_rate": 1e-2, "warmup_steps": 5, "precision": "float32"},
    "validation_sketches": 40,
}
MEASURE = {"sketches": 30, "nll_sketches": 10, "nll_samples": 4, "drawn": 20}


@pytest.fixture(scope="module")
def data() -> SketchData:
    whole = load_sketches("scribbles")
    return SketchData("scribbles", whole.train[:400], whole.valid[:40], whole.test[:40])


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> tuple[SketchVAE, list[dict[str, float]]]:
    log: list[dict[str, float]] = []
    config = SketchTrainConfig.create(SMALL)
    model = train_sketches(
        config, data, tmp_path_factory.mktemp("sketch"), "cpu", silent, lambda step, row: log.append(dict(row))
    )
    return model, log


def test_training_raises_the_bound_on_held_out_sketches(trained):
    _, log = trained
    assert len(log) == 3 and log[-1]["valid_elbo"] > log[0]["valid_elbo"] + 2


def test_numbers_are_for_a_sketch_for_a_point_and_as_in_the_paper(trained, data):
    model, _ = trained
    result = evaluate_sketches(model, data, SketchEvaluationConfig.create(MEASURE), silent)
    bounds, points = result["bounds"], float(data.test[:30].lengths.double().mean())
    assert result["per_point"]["elbo"] == pytest.approx(bounds["elbo"] / points)
    assert result["paper"]["reconstruction_loss"] == pytest.approx(-bounds["reconstruction"] / data.max_length)
    assert result["paper"]["kl_loss"] == pytest.approx(bounds["kl"] / 4)
    assert result["likelihood"]["nll"] < -bounds["elbo"] + 3  # ten of the sketches, but a tighter estimate
    assert 0 <= result["drawn"]["ended"] <= 1
    assert json.loads(json.dumps(result)) == result
    assert "decoded sketches that end by themselves" in dict(sketch_summary(result))


def test_every_picture_is_strokes_and_is_drawn(trained, data, tmp_path):
    model, _ = trained
    panels = training_panels(model, data)
    names = ["interpolations", "reconstructions", "samples", "completions"]
    assert [panel.name for panel in panels] == names
    save_panels(tmp_path, panels)
    for panel in load_panels(tmp_path):
        assert panel.kind == "sketches" and panel_svg(panel).startswith("<svg")


def test_a_frame_of_strokes_has_a_line_for_each_and_tells_what_was_given():
    sketch = Sketches(torch.tensor([[0.0, 0, 0], [1, 0, 1], [0, 1, 0], [1, 0, 0], [1, 0, 1]]), torch.tensor([5]))
    frame = strokes(sketch, 1)
    assert frame["stroke"].tolist() == [0, 0, 1, 1, 1] and frame["x"].tolist() == [0, 1, 1, 2, 3]
    given = strokes(sketch, 1, given=[4])  # the pen was down: the new line begins where the old one ends
    assert given["stroke"].tolist() == [0, 0, 1, 1, 2, 2] and given["x"].tolist() == [0, 1, 1, 2, 2, 3]
    assert given["given"].tolist() == [1, 1, 1, 1, 0, 0]
    assert beginnings(sketch, 0.4).lengths.tolist() == [2]
    assert beginnings(Sketches(torch.ones(1, 3), torch.tensor([1]))).lengths.tolist() == [1]


def test_pictures_of_commands(trained, data):
    model, _ = trained
    assert sample_panel(model, 3).frame["row"].max() == 4  # one row a temperature
    assert sample_panel(model, 12, 0.3).frame["row"].max() == 1
    assert path_panel(model, data.test, [0, 3], 5, "lerp").frame["column"].max() == 4
    assert completion_panel(model, data.test, 2, 3).frame["column"].max() == 4


def test_the_recipe_trains_the_decoder_alone_beside_it_and_goes_on(tmp_path, monkeypatch):
    recipe = SketchesRecipe.create({"train": {**SMALL, "fit": {"epochs": 1}, "batch_size": 500}, "evaluation": MEASURE})
    result = recipe.execute(Context(tmp_path / "run", "cpu", progress=silent))
    numbers = json.loads(result.files["numbers"].read_text())
    assert numbers["decoder_only"]["bounds"]["kl"] == 0
    assert "L_R of the decoder alone" in result.text
    assert [panel.name for panel in load_panels(result.folder)][-1] == "completions-decoder-only"
    assert read_run(result.folder).kind == "sketches"
    before = result.files["numbers"].read_text()
    recipe.execute(Context(tmp_path / "run", "cpu", progress=silent))
    assert result.files["numbers"].read_text() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": {"temperature": 0.5}}, "Gaussian code"),
        ({"objective": {"weights": {"guess": 1.0}}}, "Gaussian code"),
        ({"model": {"latent_size": 0}, "objective": {"name": "free_bits"}}, "no code to give free bits"),
    ],
)
def test_settings_that_sketches_do_not_have_are_refused(data, tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        train_sketches(SketchTrainConfig.create(changes), data, tmp_path, "cpu", silent)


def test_sketches_without_size_are_refused(tmp_path):
    dots = Sketches(torch.tensor([[0.0, 0, 1]]).repeat(3, 1), torch.tensor([1, 1, 1]))
    with pytest.raises(ConfigError, match="have no size"):
        train_sketches(SketchTrainConfig(), SketchData("dots", dots, dots, dots), tmp_path, "cpu", silent)
