"""Stages one and two of a protein VAE: the transformer, and what compresses it."""

from typing import ClassVar, Literal

import torch

from molvae.errors import ConfigError
from molvae.experiments.proteins_data import ProteinRecipe
from molvae.experiments.tensorboard import tensorboard_log
from molvae.proteins.card import backbone_card
from molvae.proteins.local_encoder import adopt
from molvae.proteins.pretraining import Backbone, CompressConfig, PretrainConfig, compress, pretrain
from molvae.run.recipe import Context, Result


class PretrainRecipe(ProteinRecipe):
    """Stage one: a transformer on proteins of all kinds."""

    uses: ClassVar = frozenset({"device", "mirror", "tensorboard"})
    kind: Literal["proteins_pretrain"] = "proteins_pretrain"
    data: str = "broad_proteins"
    """Data set name, or a file: FASTA, .csv, .tsv, each also .gz."""
    train: PretrainConfig = PretrainConfig()

    def execute(self, context: Context) -> Result:
        """Train from the last checkpoint if there is one; leaves ``model/``, which stage two takes."""
        self.is_begun(context)
        data = self.proteins(context)
        folder = self.open_folder(context, {"sources": data.sources})
        training, held_out = (part["sequence"].tolist() for part in data.split())
        on_log = tensorboard_log(context, folder)
        backbone = pretrain(self.train, training, held_out, folder, context.device, context.progress, on_log)
        backbone.cpu().save(folder / "model", backbone_card(self.model_dump(mode="json"), data.sources, folder))
        return Result(folder, f"{backbone.transformer.size:,} weights", {"model": folder / "model"})


class CompressRecipe(ProteinRecipe):
    """Stage two: a code of fixed size, with the transformer frozen."""

    uses: ClassVar = frozenset({"device", "mirror", "tensorboard"})
    kind: Literal["proteins_compress"] = "proteins_compress"
    data: str = "broad_proteins"
    """Data set name, or a file: FASTA, .csv, .tsv, each also .gz."""
    transformer: str = ""
    """Run or model folder of stage one."""
    untrained: bool = False
    """Take one of the same shape with random weights in its place, to be compared with."""
    encoder: str = ""
    """Folder of this machine with weights of ESM, ProtT5 or ProtBert (safetensors; extra ``proteins``), which reads in
    place of the transformer's own encoder."""
    train: CompressConfig = CompressConfig()

    def execute(self, context: Context) -> Result:
        """Train from the last checkpoint if there is one; leaves ``model/``, which a family takes."""
        if not self.transformer:
            raise ConfigError("transformer: name the run folder of stage one (kind proteins_pretrain)")
        if self.encoder and self.untrained:
            raise ConfigError("untrained: it is the transformer's own encoder that is compared: leave encoder out")
        self.is_begun(context)
        backbone = Backbone.load(self.transformer)
        local = adopt(self.encoder) if self.encoder else None
        data = self.proteins(context)
        folder = self.open_folder(context, {"sources": data.sources})
        training, held_out = (part["sequence"].tolist() for part in data.split())
        if self.untrained:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.train.fit.seed)
                backbone = Backbone(backbone.transformer.config)
        on_log = tensorboard_log(context, folder)
        both = compress(
            self.train, backbone, training, held_out, folder, context.device, context.progress, on_log, local
        )
        both.cpu().save(folder / "model", backbone_card(self.model_dump(mode="json"), data.sources, folder))
        return Result(folder, f"{self.train.compression.size} numbers a code", {"model": folder / "model"})
