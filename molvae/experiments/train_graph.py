"""Training of a graph VAE."""

from itertools import chain
from typing import ClassVar, Literal

from molvae.core.training_set import TrainingSet
from molvae.experiments.data import TrainingRecipe
from molvae.experiments.tensorboard import tensorboard_log
from molvae.molecules.card import model_card
from molvae.molecules.graph_training import GraphTrainConfig, train_graph
from molvae.molecules.junction_tree import without_stereo
from molvae.molecules.known import KNOWN
from molvae.molecules.training import REFUSED
from molvae.run.progress import track
from molvae.run.recipe import Context, Result


class TrainGraphRecipe(TrainingRecipe):
    """Training of a graph VAE; leaves a model folder that every other command takes."""

    uses: ClassVar = frozenset({"device", "workers", "mirror", "tensorboard"})
    kind: Literal["train_graph"] = "train_graph"
    train: GraphTrainConfig = GraphTrainConfig()

    def execute(self, context: Context) -> Result:
        """Prepare the data, train from the last checkpoint if there is one, and leave ``model/`` in the run folder."""
        self.is_begun(context)
        training, held_out, sources = self.training_data(self.train.model.properties, context)
        folder = self.open_folder(context, {"sources": sources})
        on_log = tensorboard_log(context, folder)
        model = train_graph(
            self.train, training, held_out, folder, context.device, context.progress, on_log, context.workers
        )
        model.card = model_card(self.model_dump(mode="json"), sources, folder)
        # what comes out has no stereo marks: it is known as what went in without them
        bare = map(without_stereo, track(training.smiles, "removing stereo marks", progress=context.progress))
        TrainingSet.build(chain(training.smiles, bare), folder / "model" / KNOWN)
        model.save_pretrained(folder / "model", half=True, extra_files=(KNOWN,))
        refused = {"refused": folder / REFUSED} if (folder / REFUSED).is_file() else {}
        return Result(folder, files={"model": folder / "model", **refused})
