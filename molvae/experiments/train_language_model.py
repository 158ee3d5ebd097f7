"""Training of a language model of SMILES."""

from typing import ClassVar, Literal

from molvae.experiments.data import TrainingRecipe
from molvae.experiments.tensorboard import tensorboard_log
from molvae.molecules.card import model_card
from molvae.molecules.language_training import LanguageTrainConfig, train_language_model
from molvae.molecules.training import REFUSED
from molvae.run.recipe import Context, Result


class TrainLanguageModelRecipe(TrainingRecipe):
    """Training of a language model of SMILES; leaves the folder that ``reinvent`` may begin with."""

    uses: ClassVar = frozenset({"device", "workers", "mirror", "tensorboard"})
    kind: Literal["train_language_model"] = "train_language_model"
    train: LanguageTrainConfig = LanguageTrainConfig()

    def execute(self, context: Context) -> Result:
        """Prepare the data, train from the last checkpoint if there is one, and leave ``model/`` in the run folder."""
        self.is_begun(context)
        training, held_out, sources = self.training_data((), context)
        folder = self.open_folder(context, {"sources": sources})
        on_log = tensorboard_log(context, folder)
        model = train_language_model(self.train, training, held_out, folder, context.device, context.progress, on_log)
        model.card = model_card(self.model_dump(mode="json"), sources, folder, "Language model of SMILES")
        model.save(folder / "model")
        refused = {"refused": folder / REFUSED} if (folder / REFUSED).is_file() else {}
        return Result(folder, files={"model": folder / "model", **refused})
