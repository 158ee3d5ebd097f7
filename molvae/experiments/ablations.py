"""Variants of one training run on equal data, to decide what stays: each is the base with a few settings changed."""

from pathlib import Path
from typing import Any, ClassVar, Literal

import pandas as pd
from pydantic import Field, model_validator

from molvae.errors import ConfigError
from molvae.experiments.data import TrainingRecipe
from molvae.molecules.training import MoleculeData, TrainConfig, train
from molvae.run.config import Config
from molvae.run.panels import Panel, save_panels
from molvae.run.progress import Progress
from molvae.run.recipe import Context, Result


class Variant(Config):
    """One changed model."""

    name: str
    """Of its folder and its row."""
    why: str = ""
    """The question that it answers."""
    change: dict[str, Any] = Field(default_factory=dict)
    """Settings by dotted name, for example ``"model.latent_size" = 32``."""


class AblationConfig(Config):
    """The base and its variants."""

    base: TrainConfig = TrainConfig()
    variants: tuple[Variant, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> "AblationConfig":
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise ValueError("two variants have the same name")
        for variant in self.variants:
            try:
                changed(self.base, variant.change)
            except ConfigError as error:
                raise ValueError(f"variant {variant.name!r}: {error}") from None
        return self


class AblationsRecipe(TrainingRecipe):
    """Variants of a molecular VAE, trained on the same data."""

    uses: ClassVar = frozenset({"device", "workers", "mirror"})
    kind: Literal["ablations"] = "ablations"
    ablations: AblationConfig

    def execute(self, context: Context) -> Result:
        """Train the variants one after another, each in a folder of its own below ``variants/``."""
        self.is_begun(context)
        training, held_out, sources = self.training_data(self.ablations.base.model.properties, context)
        folder = self.open_folder(context, {"sources": sources})
        table = run_variants(self.ablations, training, held_out, folder / "variants", context.device, context.progress)
        save_panels(folder, panels(table))
        return Result(folder, table.drop(columns="why").to_string(index=False), table=table)


def changed(base: TrainConfig, change: dict[str, Any]) -> TrainConfig:
    """The base with settings changed by dotted name.

    Raises:
        ConfigError: an unknown name, or a value that it cannot have.
    """
    values = base.model_dump()
    for name, value in change.items():
        *path, last = name.split(".")
        part = values
        for step in path:
            if not isinstance(part.get(step), dict):
                raise ConfigError(f"unknown setting {name!r}")
            part = part[step]
        part[last] = value
    return TrainConfig.create(values)


def run_variants(
    config: AblationConfig,
    training: MoleculeData,
    held_out: MoleculeData,
    folder: Path,
    device: str,
    progress: Progress,
) -> pd.DataFrame:
    """Train every variant in ``folder/<name>``, finished ones being read and unfinished ones resumed.

    Returns:
        One row each: ``variant``, ``why``, ``parameters``, and the held-out numbers of its last validation.
    """
    rows = []
    for variant in config.variants:
        target = folder / variant.name.replace(" ", "-")
        target.mkdir(parents=True, exist_ok=True)
        model = train(changed(config.base, variant.change), training, held_out, target, device, progress)
        last = pd.read_csv(target / "metrics.csv").iloc[-1]
        rows.append(
            {
                "variant": variant.name,
                "why": variant.why,
                "parameters": sum(parameter.numel() for parameter in model.parameters()),
                "molecules a second": last["examples_per_second"],
                "reconstruction D": last["valid_reconstructed"],
                "log p(x|z)": last["valid_reconstruction"],
                "KL": last["valid_kl"],
                "bound": last["valid_elbo"],
                "prior validity": last["valid_prior_validity"],
                **{f"{name} MAE": last.get(f"valid_{name}_mae") for name in config.base.model.properties},
            }
        )
    return pd.DataFrame(rows)


def panels(table: pd.DataFrame) -> list[Panel]:
    """The table, rounded to what can be told apart."""
    shown = table.copy()
    digits = {"molecules a second": 0, "log p(x|z)": 2, "KL": 1, "bound": 1}
    for name in shown.columns.drop(["variant", "why", "parameters"]):
        shown[name] = shown[name].astype(float).round(digits.get(name, 3))
    caption = (
        "Every variant has seen the same molecules in the same order. Measured on held-out molecules, greedy decoding"
        " without mask; nats per molecule."
    )
    return [Panel("ablations", "table", "Variants of the model", caption, frame=shown)]
