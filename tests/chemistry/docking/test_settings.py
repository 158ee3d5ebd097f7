"""Settings of docking."""

import pytest

from molvae.chemistry.docking.settings import DockingConfig
from molvae.errors import ConfigError


def test_by_default_vina_docks_as_it_does_by_itself():
    config = DockingConfig()
    assert (config.exhaustiveness, config.scoring, config.spacing, config.ph) == (8, "vina", 0.375, None)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"center": [0, 0, 0]}, "center and size of the box are given together"),
        ({"center": [0, 0, 0], "size": [9, 9, 9], "box": "a.txt"}, "given twice, by center and size and by box"),
        ({"center": [0, 0, 0], "size": [9, 9, 900]}, "less than or equal to 60"),
        ({"exhaustivness": 1}, "did you mean 'exhaustiveness'"),
        ({"seed": 0}, "greater than or equal to 1"),  # Vina would draw a seed of its own
    ],
)
def test_what_contradicts_itself_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        DockingConfig.create(settings)
