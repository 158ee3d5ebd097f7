"""Every study of the registry runs on embedded data with small settings, on any device."""

import pytest

from molvae.errors import ConfigError
from molvae.experiments.studies.registry import STUDIES, study_panels, study_settings

from ...other_device import other_device
from .small import check, run


@pytest.mark.parametrize("name", STUDIES)
def test_study(name):
    check(run(name))


QUICK = ("broadcast", "classes", "latent_sizes", "manifold", "marginal_likelihood")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in STUDIES]
)
def test_on_an_accelerator_nothing_stays_behind(name):
    """Every study on a device whose tensors cannot be mixed with those of the processor."""
    with other_device() as device:
        check(run(name, device))


def test_settings_and_names_are_checked():
    assert study_settings("collapse", {}).warmup_steps == 600
    with pytest.raises(ConfigError, match="no study 'colapse': did you mean 'collapse'"):
        study_settings("colapse", {})
    with pytest.raises(ConfigError, match="did you mean 'warmup_steps'"):
        study_settings("collapse", {"warmpu_steps": 3})
    assert all(STUDIES.descriptions[name] for name in STUDIES)


def test_a_partial_table_keeps_the_settings_of_the_study():
    settings = study_settings("half_rings", {"train": {"fit": {"epochs": 3}}})
    assert (settings.train.binarisation, settings.train.model.latent_size) == ("none", 2)
    assert (settings.train.fit.epochs, settings.train.fit.learning_rate) == (3, 3e-3)


@pytest.mark.parametrize(
    ("name", "lists"),
    [
        ("slots", {"seeds": [], "models": [], "objects": []}),
        ("discrete", {"estimators": [], "codes": []}),
        ("class_sampling", {"ways": [], "classes": []}),
        ("broadcast", {"decoders": []}),
        ("adversary", {"epochs": {}}),
        ("blur", {"widths": []}),
        ("completion", {"prior_shares": {}, "quadrants": []}),
    ],
)
def test_nothing_to_compare_is_refused(name, lists):
    for setting, nothing in lists.items():
        with pytest.raises(ConfigError, match=rf"{setting}.*at least 1 item"):
            study_settings(name, {setting: nothing})


def test_a_code_that_is_a_set_is_not_compared_by_its_places():
    for kind in ("slots", "monet"):
        with pytest.raises(ConfigError, match="there are mlp, cnn, resnet, broadcast"):
            study_settings("broadcast", {"decoders": [kind]})


def test_a_notebook_gets_the_panels_of_a_study():
    plane = {"train": {"model": {"network": {"hidden_size": 8}}, "fit": {"epochs": 1}}, "side": 2}
    assert [panel.name for panel in study_panels("manifold", plane)] == [
        "manifold",
        "reconstructions",
        "latent-scatter",
    ]
    with pytest.raises(ConfigError, match="manifold"):
        study_panels("manifolds")
