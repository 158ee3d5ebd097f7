"""Every study by name: its settings, its function and the data it is made for when none is named."""

from dataclasses import dataclass
from typing import Any

from molvae.errors import ConfigError
from molvae.experiments.studies import collapse, density, generation, gradients, inference, labels, marginal
from molvae.images.datasets import ImageData
from molvae.run.config import Config
from molvae.run.panels import Panel
from molvae.run.progress import Progress


@dataclass(frozen=True)
class StudyEntry:
    """A study.

    Attributes:
        settings: class of its settings.
        run: (settings, data, seed, progress) -> panels.
        data: the data set that it takes by default.
    """

    settings: type[Config]
    run: Any
    data: str = "digits"


STUDIES: dict[str, StudyEntry] = {
    "gradient_variance": StudyEntry(gradients.GradientConfig, gradients.run),
    "marginal_likelihood": StudyEntry(marginal.MarginalConfig, marginal.run),
    "inference": StudyEntry(inference.InferenceConfig, inference.run),
    "likelihoods": StudyEntry(generation.LikelihoodConfig, generation.likelihoods),
    "collapse": StudyEntry(collapse.CollapseConfig, collapse.run),
    "half_rings": StudyEntry(density.DensityConfig, density.run, "half_rings"),
    "latent_sizes": StudyEntry(generation.LatentSizeConfig, generation.latent_sizes),
    "manifold": StudyEntry(generation.ManifoldConfig, generation.manifold),
    "classes": StudyEntry(generation.ClassConfig, generation.classes),
    "semi_supervised": StudyEntry(labels.LabelsConfig, labels.run),
}


def study_settings(name: str, values: dict[str, Any]) -> Config:
    """Validated settings of a study.

    Raises:
        ConfigError: no such study, or a setting that it does not know.
    """
    if name not in STUDIES:
        raise ConfigError(f"no study {name!r}: there are {', '.join(STUDIES)}")
    return STUDIES[name].settings.create(values)


def run_study(name: str, settings: Config, data: ImageData, seed: int, device: str, progress: Progress) -> list[Panel]:
    """Compute a study; what it returns is for :func:`molvae.run.panels.save_panels`."""
    panels: list[Panel] = STUDIES[name].run(settings, data, seed, progress)
    return panels
