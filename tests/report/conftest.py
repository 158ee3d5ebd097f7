"""A run folder with hostile text in it."""

import pytest

from molvae.run.folder import open_run_folder

from .made_up import EVIL, campaign


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    settings = {"campaign": {"objective": EVIL, "strategy": "latent", "budget": 40, "direction": "max"}}
    open_run_folder(folder, "design", settings, seed=0)
    campaign(folder)
    return folder
