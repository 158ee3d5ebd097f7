"""Evaluation of a VAE of images."""

import json
from pathlib import Path
from typing import ClassVar, Literal

from molvae.errors import ConfigError
from molvae.images.datasets import ImageData, load_images
from molvae.images.training import ImageEvaluationConfig, evaluate_images, image_summary
from molvae.images.vae import ImageVAE
from molvae.run.files import write_text
from molvae.run.progress import Progress
from molvae.run.recipe import Context, Recipe, Result


class ImagesEvaluateRecipe(Recipe):
    """Evaluation of a VAE of images on the test part of a data set."""

    uses: ClassVar = frozenset({"device", "mirror"})
    kind: Literal["images_evaluate"] = "images_evaluate"
    model: str
    """A run folder of ``molvae images train``, or a model folder."""
    data: str = "digits"
    """digits, mnist, freyfaces, half_rings, shifted_circle, sprites or tetrominoes."""
    evaluation: ImageEvaluationConfig = ImageEvaluationConfig()

    def execute(self, context: Context) -> Result:
        """Bounds, active units and importance-sampled likelihood.

        Raises:
            ConfigError: the model is one of other images.
        """
        model = ImageVAE.from_pretrained(self.model, context.device)
        images = load_images(self.data, context.mirror)
        if images.shape != model.shape:
            raise ConfigError(
                f"{self.model} is a model of images {model.shape}; those of {self.data} are {images.shape}"
            )
        return measured(model, images, self.evaluation, self.open_folder(context), context.progress)


def measured(
    model: ImageVAE, data: ImageData, config: ImageEvaluationConfig, folder: Path, progress: Progress
) -> Result:
    """Measure a model and leave ``evaluation.json`` in the run folder."""
    result = evaluate_images(model, data, config, progress)
    write_text(folder / "evaluation.json", json.dumps(result, indent=1))
    text = "\n".join(f"{name:60s} {value}" for name, value in image_summary(result))
    return Result(folder, text, {"numbers": folder / "evaluation.json"})
