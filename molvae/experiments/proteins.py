"""Stage three of a protein VAE: a family, with or without measured function."""

from typing import ClassVar, Literal

from molvae.core.training_set import TrainingSet
from molvae.errors import ConfigError
from molvae.experiments.proteins_data import ProteinRecipe, numbers
from molvae.experiments.tensorboard import tensorboard_log
from molvae.proteins.card import family_card
from molvae.proteins.domain import ProteinDomain
from molvae.proteins.function import FunctionModel
from molvae.proteins.pretraining import Backbone
from molvae.proteins.training import FamilyTrainConfig, train_family
from molvae.proteins.vae import KNOWN
from molvae.run.progress import Event
from molvae.run.recipe import Context, Result


class FamilyRecipe(ProteinRecipe):
    """Stage three: the VAE of a family; leaves a model folder that every other command takes."""

    uses: ClassVar = frozenset({"device", "mirror", "tensorboard"})
    kind: Literal["proteins"] = "proteins"
    backbone: str = ""
    """Run or model folder of stage two."""
    function_column: str | None = None
    """Column with a measured number: a model of it is fitted to the training sequences, and makes the property
    ``function`` of the objective of a campaign."""
    function_rows: dict[str, str] | None = None
    """Which rows the model of function is fitted to, as ``keep``; default: the training sequences. ``{}``: all rows of
    the file but the held-out ones."""
    function_holds: Literal["measured", "written"] = "measured"
    """Which sequences the model of function is made of: measured ones, or what the trained VAE writes near them, with
    what the first model predicts (distillation). The second leaves a folder that holds none of the measured sequences.
    """
    train: FamilyTrainConfig = FamilyTrainConfig()

    def execute(self, context: Context) -> Result:
        """Train from the last checkpoint if there is one, and leave ``model/`` in the run folder."""
        if not self.backbone:
            raise ConfigError("backbone: name the run folder of stage two (kind proteins_compress)")
        self.is_begun(context)
        data = self.proteins(context)
        training, held_out = data.split()
        folder = self.open_folder(context, {"sources": data.sources})
        function, measured = None, training
        if self.function_column is not None:
            if self.function_rows is not None:
                every = self.proteins(context, self.function_rows).frame
                measured = every[~every["sequence"].isin(set(held_out["sequence"]))]
            function = FunctionModel.fit(
                measured["sequence"].tolist(), numbers(measured, self.function_column), self.function_column
            )
        model = train_family(
            self.train,
            Backbone.load(self.backbone),
            training["sequence"].tolist(),
            held_out["sequence"].tolist(),
            folder,
            function,
            context.device,
            context.progress,
            tensorboard_log(context, folder),
        )
        about = f"{len(training)} sequences of the family, {len(held_out)} held out."
        if function is not None:
            about += f" Its property function is a model of {len(function.sequences)} measurements ({function.name})"
            if self.function_holds == "written":
                what = "writing sequences near those that were measured"
                context.progress(Event("model of function", text=what, milestone=True))
                own = set(training["sequence"]) | set(held_out["sequence"]) | set(measured["sequence"])
                variants = [text for text in model.variants(function.sequences) if text not in own]
                model.domain = ProteinDomain(function.distilled(variants))
                about += ", distilled into one of sequences that the VAE has written"
            about += "."
        encoder = "" if model.config.encoder is None else model.config.encoder.folder
        model.card = family_card(self.model_dump(mode="json"), data.sources, folder, about, encoder)
        TrainingSet.build(training["sequence"], folder / "model" / KNOWN)
        model.save_pretrained(folder / "model", half=True, extra_files=(KNOWN,))
        return Result(folder, about, {"model": folder / "model"})
