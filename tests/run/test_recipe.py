"""A recipe in a context: the same run goes on, another is refused, and nothing that is asked for is ignored."""

import json
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from molvae.errors import ConfigError, RunFolderError
from molvae.run.config import Seed
from molvae.run.folder import CONFIG, read_run
from molvae.run.progress import silent
from molvae.run.recipe import Context, Recipe, Result


class CountRecipe(Recipe):
    """Counts how often it was executed."""

    uses: ClassVar = frozenset({"workers"})
    kind: Literal["count"] = "count"
    step: int = 1
    seed: Seed = 0

    def execute(self, context: Context) -> Result:
        folder = self.open_folder(context, {"data": "abc"})
        file = folder / "count.txt"
        number = (int(file.read_text()) if file.exists() else 0) + self.step
        file.write_text(str(number))
        return Result(folder, text=str(number), files={"count": file})


def test_the_same_recipe_goes_on_in_the_same_folder(tmp_path):
    context = Context(tmp_path / "run", progress=silent)
    recipe = CountRecipe(seed=3)
    assert not recipe.is_begun(context)
    assert recipe.execute(context).text == "1"
    assert recipe.is_begun(context) and not recipe.is_begun(Context())
    assert recipe.execute(context).text == "2"
    run = read_run(tmp_path / "run")
    assert (run.kind, run.settings, run.facts) == ("count", {"step": 1, "seed": 3}, {"data": "abc"})
    assert CountRecipe.create({"kind": run.kind, **run.settings}) == recipe


def test_other_settings_or_facts_are_refused(tmp_path):
    context = Context(tmp_path / "run", progress=silent)
    CountRecipe().execute(context)
    with pytest.raises(RunFolderError, match=r"step: 1 then, 2 now.*molvae resume"):
        CountRecipe(step=2).execute(context)
    with pytest.raises(RunFolderError, match="step: 1 then, 2 now"):
        CountRecipe(step=2).is_begun(context)
    with pytest.raises(RunFolderError, match=r"changed since it began \(data: 'abc' then, 'abd' now\)"):
        CountRecipe().open_folder(context, {"data": "abd"})


def test_a_run_begun_before_a_setting_existed_goes_on_with_its_default(tmp_path):
    context = Context(tmp_path / "run", progress=silent)
    CountRecipe(seed=3).execute(context)
    record = json.loads((tmp_path / "run" / CONFIG).read_text())
    del record["settings"]["step"]
    (tmp_path / "run" / CONFIG).write_text(json.dumps(record))
    assert CountRecipe(seed=3).execute(context).text == "2"
    with pytest.raises(RunFolderError, match="step: 1 then, 2 now"):
        CountRecipe(seed=3, step=2).execute(context)


def test_without_a_folder_it_finds_one_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = {CountRecipe().execute(Context(progress=silent)).folder for _ in range(3)}
    assert len(folders) == 3  # also within the same second
    assert all(folder.parent == Path("runs") and folder.name.startswith("count-") for folder in folders)


@pytest.mark.parametrize(
    ("context", "flag"),
    [
        (Context(device="cpu"), "--device"),
        (Context(mirror=Path("data")), "--mirror"),
        (Context(tensorboard=True), "--tensorboard"),
    ],
)
def test_what_makes_no_difference_is_refused(context, flag):
    with pytest.raises(ConfigError, match=f"'count' has no use for {flag}"):
        CountRecipe().check_context(context)
    CountRecipe().check_context(Context(workers=4))
