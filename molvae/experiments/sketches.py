"""Training of a VAE of sketches."""

import json
from dataclasses import replace
from typing import ClassVar, Literal

from molvae.core.training import ObjectiveConfig
from molvae.experiments.tensorboard import tensorboard_log
from molvae.images.sketch_pictures import completion_panel
from molvae.images.sketch_training import (
    SketchEvaluationConfig,
    SketchTrainConfig,
    check,
    evaluate_sketches,
    sketch_summary,
    train_sketches,
    training_panels,
)
from molvae.images.sketches import load_sketches
from molvae.run.files import write_text
from molvae.run.panels import save_panels
from molvae.run.recipe import Context, Recipe, Result

BASELINE = "decoder_only"


class SketchesRecipe(Recipe):
    """Training of a VAE of sketches; leaves a model folder, pictures and numbers."""

    uses: ClassVar = frozenset({"device", "mirror", "tensorboard"})
    kind: Literal["sketches"] = "sketches"
    data: str = "scribbles"
    """scribbles, omniglot, kanji, sheep, or a file .npz or .ndjson of sketches."""
    train: SketchTrainConfig = SketchTrainConfig()
    decoder_only: bool = True
    """Also train the decoder alone, without a code, for as many epochs: it shows what a code is worth."""
    evaluation: SketchEvaluationConfig = SketchEvaluationConfig()

    def execute(self, context: Context) -> Result:
        """Train from the last checkpoint if there is one, draw, and measure."""
        check(self.train)
        data = load_sketches(self.data, context.mirror)
        folder = self.open_folder(context)
        on_log = tensorboard_log(context, folder)
        model = train_sketches(self.train, data, folder, context.device, context.progress, on_log)
        model.save_pretrained(folder / "model")
        result = evaluate_sketches(model, data, self.evaluation, context.progress)
        panels = training_panels(model, data, self.train.fit.seed)
        if self.decoder_only and model.latent_size:
            alone = self.train.model_copy(
                update={
                    "model": self.train.model.model_copy(update={"latent_size": 0}),
                    "objective": ObjectiveConfig(),
                    "initial": None,
                }
            )
            (folder / BASELINE).mkdir(exist_ok=True)
            baseline = train_sketches(alone, data, folder / BASELINE, context.device, context.progress)
            baseline.save_pretrained(folder / BASELINE / "model")
            result[BASELINE] = evaluate_sketches(baseline, data, self.evaluation, context.progress)
            shown = completion_panel(baseline, data.test, seed=self.train.fit.seed)
            title = f"{shown.title}: the decoder alone"
            panels.append(replace(shown, name="completions-decoder-only", title=title))
        save_panels(folder, panels)
        write_text(folder / "evaluation.json", json.dumps(result, indent=1))
        text = "\n".join(f"{name:60s} {value}" for name, value in sketch_summary(result))
        return Result(folder, text, {"model": folder / "model", "numbers": folder / "evaluation.json"})
