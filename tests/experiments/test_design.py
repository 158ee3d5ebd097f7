"""A design run: campaign and baselines in one folder, which goes on whatever became of its input."""

import pandas as pd
import pytest

from molvae.chemistry.molecule import canonical
from molvae.errors import ConfigError, RunFolderError
from molvae.experiments.design import DesignRecipe
from molvae.experiments.registry import make_recipe
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.progress import silent
from molvae.run.recipe import Context

from .conftest import MOLECULES

CAMPAIGN = {"budget": 8, "start_size": 4, "batch": 2, "num_workers": 0, "strategy": "screening"}


def recipe(**values: object) -> DesignRecipe:
    return DesignRecipe.create({"model": "zinc250k-small", "campaign": CAMPAIGN, **values})


def test_objective_and_filters_are_filled_in_and_checked():
    default = DesignRecipe().campaign
    assert default.objective == "5*QED - SAS" and default.filters["max_charge"] == 1
    with pytest.raises(ConfigError, match="did you mean 'QED'"):
        recipe(campaign={"objective": "QDE"})
    with pytest.raises(ConfigError, match="filters: "):
        recipe(campaign={"filters": {"forbid": ["(("]}})


def test_a_run_goes_on_without_its_file_and_has_its_baselines(tmp_path):
    file = tmp_path / "start.smi"
    file.write_text("\n".join(MOLECULES))
    context = Context(tmp_path / "run", "cpu", progress=silent)
    chosen = recipe(input=str(file), campaign={**CAMPAIGN, "baselines": ["genetic"]})
    result = chosen.execute(context)
    assert len(result.table) == 8 and "8 molecules scored" in result.text
    assert set(result.table["smiles"]) < set(map(canonical, MOLECULES))  # screening the file finds what is in it
    assert (tmp_path / "run" / "baselines" / "genetic" / "campaign.sqlite").is_file()
    assert pd.read_csv(result.files["molecules"])["smiles"].tolist() == result.table["smiles"].tolist()
    file.unlink()
    pd.testing.assert_frame_equal(chosen.execute(context).table, result.table)
    with pytest.raises(RunFolderError, match=r"campaign.budget: 8 then, 9 now"):
        recipe(input=str(file), campaign={**CAMPAIGN, "baselines": ["genetic"], "budget": 9}).execute(context)


def test_a_model_that_does_not_decode_to_candidates_is_refused_before_there_is_a_folder(tmp_path):
    ImageVAE(ImageVAEConfig(latent_size=2), (1, 8, 8)).save_pretrained(tmp_path / "model")
    with pytest.raises(ConfigError, match="a model of kind 'image-vae', without candidates"):
        make_recipe({"model": str(tmp_path / "model")}).execute(Context(tmp_path / "run", "cpu", progress=silent))
    assert not (tmp_path / "run").exists()
