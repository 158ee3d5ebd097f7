"""Training of a molecular VAE."""

from typing import ClassVar, Literal

from molvae.core.processes import here
from molvae.core.training_set import TrainingSet
from molvae.experiments.data import TrainingRecipe
from molvae.experiments.tensorboard import tensorboard_log
from molvae.molecules.card import model_card
from molvae.molecules.known import KNOWN
from molvae.molecules.training import REFUSED, TrainConfig, train
from molvae.run.recipe import Context, Result


class TrainRecipe(TrainingRecipe):
    """Training of a molecular VAE; leaves a model folder that every other command takes."""

    uses: ClassVar = frozenset({"device", "workers", "mirror", "tensorboard", "processes"})
    kind: Literal["train"] = "train"
    train: TrainConfig = TrainConfig()

    def execute(self, context: Context) -> Result:
        """Prepare the data, train from the last checkpoint if there is one, and leave ``model/`` in the run folder."""
        group = here()
        self.is_begun(context)
        training, held_out, sources = group.first_before_others(
            lambda: self.training_data(self.train.model.properties, context)
        )
        folder = group.first_before_others(lambda: self.open_folder(context, {"sources": sources}))
        on_log = tensorboard_log(context, folder) if group.first else None
        model = train(self.train, training, held_out, folder, context.device, context.progress, on_log)
        if not group.first:
            return Result(folder)
        model.card = model_card(self.model_dump(mode="json"), sources, folder)
        TrainingSet.build(training.smiles, folder / "model" / KNOWN)
        model.save_pretrained(folder / "model", half=True, extra_files=(KNOWN,))
        refused = {"refused": folder / REFUSED} if (folder / REFUSED).is_file() else {}
        return Result(folder, files={"model": folder / "model", **refused})
