"""Images as sets of slots."""

import pytest
import torch

from molvae.core.pretrained import load_model
from molvae.errors import ConfigError
from molvae.images.batches import in_order
from molvae.images.datasets import ImageData, tetrominoes
from molvae.images.pictures import scene_panel, slot_panel, traversal_panel
from molvae.images.training import (
    ImageEvaluationConfig,
    ImageTrainConfig,
    evaluate_images,
    image_summary,
    train_images,
    training_panels,
)
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.progress import silent

SLOTS = {
    "latent_size": 3 * 8,
    "likelihood": "gaussian_fixed_sigma",
    "network": {"kind": "slots", "slots": 3, "hidden_size": 16, "channels": 8, "depth": 2},
}


def settings(posterior: str, objective: str, epochs: int = 3) -> ImageTrainConfig:
    return ImageTrainConfig.create(
        {
            "batch_size": 20,
            "binarisation": "none",
            "model": {**SLOTS, "posterior": posterior},
            "objective": {"name": objective},
            "fit": {"epochs": epochs, "learning_rate": 3e-3, "warmup_steps": 5, "precision": "float32"},
        }
    )


@pytest.fixture(scope="module")
def scenes() -> ImageData:
    return ImageData("tetrominoes", tetrominoes(200, 0, 2), tetrominoes(20, 1, 2), tetrominoes(20, 2, 2))


@pytest.fixture(scope="module", params=["point_mass", "diagonal_gaussian"])
def trained(request, scenes, tmp_path_factory) -> tuple[ImageVAE, list[dict[str, float]]]:
    """Slot attention as published, and its variational form under the ELBO."""
    log: list[dict[str, float]] = []
    config = settings(request.param, "reconstruction" if request.param == "point_mass" else "elbo")
    folder = tmp_path_factory.mktemp(request.param)
    model = train_images(config, scenes, folder, "cpu", silent, lambda step, row: log.append(dict(row)))
    return model, log


def test_both_kinds_of_slots_learn_and_are_measured_on_the_way(trained, scenes):
    model, log = trained
    assert log[-1]["valid_objective"] > log[0]["valid_objective"] > -1e6
    assert -1 <= log[-1]["valid_foreground_ari"] <= 1
    result = evaluate_images(model, scenes, ImageEvaluationConfig(nll_images=0, binarisation="none"), silent)
    assert "foreground ARI of the slots" in dict(image_summary(result))
    assert ("kl" in result["bounds"]) == (model.config.posterior == "diagonal_gaussian")


def test_the_parameters_of_a_slot_stay_together(trained, scenes):
    """Whatever the head makes of the network's outputs, slot k of the code is slot k of the attention."""
    model, _ = trained
    (batch,) = in_order(scenes.test[:4], 4)
    with torch.no_grad():
        raw = model.encoder.network(batch.pixels - model.encoder.mean).unflatten(-1, (3, -1, 8))
    torch.testing.assert_close(model.posterior(batch).mean.unflatten(-1, (3, 8)), raw[:, :, 0])


def test_an_encoding_depends_on_its_image_alone(trained, scenes):
    model, _ = trained
    together = model.encode(scenes.test.pixels[:6])
    torch.testing.assert_close(model.encode(scenes.test.pixels[3:4]), together[3:4], atol=1e-4, rtol=1e-3)


def test_slots_are_added_without_training(trained, scenes, tmp_path):
    model, _ = trained
    more = model.with_slots(5)
    pictures, masks = more.components(scenes.test.pixels[:2])
    assert pictures.shape == (2, 5, 3, 24, 24) and masks.shape == (2, 5, 1, 24, 24)
    assert more.latent_size == 5 * 8 and model.config.network.slots == 3
    more.save_pretrained(tmp_path)
    assert torch.equal(load_model(tmp_path, "cpu").components(scenes.test.pixels[:2])[1], masks)


def test_pictures_of_scenes_are_in_colour(trained, scenes):
    model, _ = trained
    assert slot_panel(model, scenes.test.pixels[:2]).array.shape == (2, 2 + 2 * 3, 24, 24, 3)
    assert scene_panel(scenes.test, 5).array.shape == (2, 5, 24, 24, 3)  # scenes, and their objects in grey
    assert scene_panel(scenes.test, 4, model).array.shape == (4, 8, 24, 24, 3)
    names = [panel.name for panel in training_panels(model, scenes, settings("point_mass", "reconstruction"))]
    assert names == ["reconstructions", "samples", "slots"]


def test_what_is_no_set_of_slots_says_so(plane_model, trained, scenes, digits):
    with pytest.raises(ConfigError, match="no slots: its network is 'mlp'"):
        plane_model.components(digits.test.pixels[:2])
    with pytest.raises(ConfigError, match="no slots"):
        plane_model.with_slots(3)
    with pytest.raises(ConfigError, match="a code that is a vector"):
        traversal_panel(trained[0], scenes.test, 0)
    for change, message in (
        ({"latent_size": 25}, "a multiple of their number"),
        ({"posterior": "full_gaussian"}, "diagonal_gaussian or point_mass"),
        ({"conditional": True}, "not conditional"),
    ):
        with pytest.raises(ConfigError, match=message):
            ImageVAEConfig.create({**SLOTS, **change})
