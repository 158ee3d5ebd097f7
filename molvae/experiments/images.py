"""Training of a VAE of images."""

from typing import ClassVar, Literal

from molvae.errors import ConfigError
from molvae.experiments.images_evaluate import measured
from molvae.experiments.tensorboard import tensorboard_log
from molvae.images.code_prior import CodePriorTrainConfig, learn_prior
from molvae.images.datasets import load_images
from molvae.images.training import ImageEvaluationConfig, ImageTrainConfig, check, train_images, training_panels
from molvae.run.panels import save_panels
from molvae.run.recipe import Context, Recipe, Result


class ImagesRecipe(Recipe):
    """Training of a VAE of images; leaves a model folder, pictures and numbers."""

    uses: ClassVar = frozenset({"device", "mirror", "tensorboard"})
    kind: Literal["images"] = "images"
    data: str = "digits"
    """digits, mnist, freyfaces, fonts, font_glyphs, street_characters, svhn, half_rings, shifted_circle, sprites,
    tetrominoes or celeba.
    """
    train: ImageTrainConfig = ImageTrainConfig()
    code_prior: CodePriorTrainConfig | None = None
    """Of a model with a codebook: learn a prior over its codes, the second stage; default: the uniform one stays."""
    evaluation: ImageEvaluationConfig = ImageEvaluationConfig(nll_images=500, nll_samples=500)
    """What is measured at the end; the binarisation is that of the training."""

    def execute(self, context: Context) -> Result:
        """Train from the last checkpoint if there is one, draw, and measure."""
        check(self.train)
        if self.code_prior is not None and self.train.model.codebook is None:
            raise ConfigError("a prior is learned for the codes of a codebook: set train.model.codebook")
        data = load_images(self.data, context.mirror)
        folder = self.open_folder(context)
        on_log = tensorboard_log(context, folder)
        model = train_images(self.train, data, folder, context.device, context.progress, on_log)
        if self.code_prior is not None:
            stage = folder / "code_prior"
            model = learn_prior(model, self.code_prior, data, stage, context.device, context.progress)
        model.save_pretrained(folder / "model")
        save_panels(folder, training_panels(model, data, self.train))
        evaluation = self.evaluation.model_copy(update={"binarisation": self.train.binarisation})
        result = measured(model, data, evaluation, folder, context.progress)
        return Result(folder, result.text, {"model": folder / "model", **result.files})
