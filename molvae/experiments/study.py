"""One study of the lecture as a recipe."""

from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from molvae.errors import ConfigError
from molvae.experiments.studies.registry import STUDIES, run_study, study_settings
from molvae.images.datasets import load_images
from molvae.run.config import Seed
from molvae.run.panels import save_panels
from molvae.run.recipe import Context, Recipe, Result
from molvae.run.trainings import kept

TRAININGS = "trainings"
"""Where a run folder keeps what is trained, until the study is done: one that was stopped goes on from there, and the
seconds that it tells of the trainings before are then those of finding them."""


class StudyRecipe(Recipe):
    """One study of the lecture: see :mod:`molvae.experiments.studies`."""

    uses: ClassVar = frozenset({"device", "mirror"})
    kind: Literal["study"] = "study"
    study: str
    """Its name."""
    data: str | None = None
    """digits, mnist, freyfaces, fonts, font_glyphs, street_characters, svhn, half_rings, shifted_circle, sprites,
    tetrominoes or celeba; default: its own.
    """
    seed: Seed = 0
    """Of everything random."""
    settings: dict[str, Any] = Field(default_factory=dict, validate_default=True)
    """The study's own settings, all of them after validation."""

    @field_validator("settings")
    @classmethod
    def _resolve(cls, values: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "study" not in info.data:
            return values  # the name is missing, which has its own message
        try:
            return study_settings(info.data["study"], values).model_dump(mode="json")
        except ConfigError as error:
            raise ValueError(str(error)) from None

    def execute(self, context: Context) -> Result:
        """Compute the study and keep its tables and pictures."""
        self.is_begun(context)
        settings = study_settings(self.study, self.settings)
        data = load_images(self.data or STUDIES[self.study].data, context.mirror)
        folder = self.open_folder(context)
        with kept(folder / TRAININGS):
            save_panels(folder, run_study(self.study, settings, data, self.seed, context.device, context.progress))
        return Result(folder, files={"tables and arrays": folder / "panels"})
