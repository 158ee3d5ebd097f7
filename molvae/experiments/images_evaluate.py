"""Evaluation of a VAE of images or sketches."""

import json
from pathlib import Path
from typing import Any, ClassVar, Literal

from molvae.core.pretrained import load_model
from molvae.errors import CheckpointError, ConfigError
from molvae.images.datasets import ImageData, load_images
from molvae.images.sketch_training import SketchEvaluationConfig, evaluate_sketches
from molvae.images.sketch_vae import SketchVAE
from molvae.images.sketches import is_sketches, load_sketches
from molvae.images.summary import evaluation_summary
from molvae.images.training import ImageEvaluationConfig, evaluate_images
from molvae.images.vae import ImageVAE
from molvae.run.files import write_text
from molvae.run.progress import Progress
from molvae.run.recipe import Context, Recipe, Result


class ImagesEvaluateRecipe(Recipe):
    """Evaluation of a VAE of images or sketches on the test part of a data set."""

    uses: ClassVar = frozenset({"device", "mirror"})
    kind: Literal["images_evaluate"] = "images_evaluate"
    model: str
    """A run folder of ``molvae images train``, or a model folder."""
    data: str = "digits"
    """digits, mnist, freyfaces, fonts, font_glyphs, street_characters, svhn, half_rings, shifted_circle, sprites,
    tetrominoes or celeba; of sketches scribbles, omniglot, kanji, sheep or a file.
    """
    evaluation: ImageEvaluationConfig = ImageEvaluationConfig()

    def execute(self, context: Context) -> Result:
        """Bounds, active units and importance-sampled likelihood.

        Raises:
            ConfigError: the model is one of other images.
            CheckpointError: it is not one of images or sketches.
        """
        model = load_model(self.model, context.device)
        if isinstance(model, SketchVAE):
            if not is_sketches(self.data):
                raise ConfigError(f"{self.model} is a model of sketches, and {self.data} are images: name sketches")
            sketches = load_sketches(self.data, context.mirror)
            config = self.evaluation
            number = 200 if config.nll_images is None else config.nll_images
            measure = SketchEvaluationConfig(sketches=config.images, nll_sketches=number, seed=config.seed)
            if "nll_samples" in config.model_fields_set:
                measure = measure.model_copy(update={"nll_samples": config.nll_samples})
            folder = self.open_folder(context)
            return kept(evaluate_sketches(model, sketches, measure, context.progress), folder)
        if not isinstance(model, ImageVAE):
            raise CheckpointError(f"{self.model} holds a model of kind {model.kind!r}, not one of images or sketches")
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
    return kept(evaluate_images(model, data, config, progress), folder)


def kept(result: dict[str, Any], folder: Path) -> Result:
    """Leave the numbers of an evaluation as ``evaluation.json`` in the run folder, and print the main ones."""
    write_text(folder / "evaluation.json", json.dumps(result, indent=1))
    text = "\n".join(f"{name:60s} {value}" for name, value in evaluation_summary(result))
    return Result(folder, text, {"numbers": folder / "evaluation.json"})
