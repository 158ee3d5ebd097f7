"""Every study by name. To add one: a file with a :class:`~molvae.experiments.studies.common.Study`, and a line here."""

from typing import TYPE_CHECKING, Any

from molvae.run.registry import Registry

if TYPE_CHECKING:  # what lists the names should not wait for torch
    from molvae.experiments.studies.common import Study
    from molvae.images.datasets import ImageData
    from molvae.run.config import Config
    from molvae.run.panels import Panel
    from molvae.run.progress import Progress

_HERE = "molvae.experiments.studies"

STUDIES: "Registry[Study]" = Registry(
    "study",
    {
        "gradient_variance": (f"{_HERE}.gradients:STUDY", "noise of the score-function and reparameterised gradients"),
        "marginal_likelihood": (f"{_HERE}.marginal:STUDY", "log p(x) from prior samples, importance samples and ELBO"),
        "inference": (f"{_HERE}.inference:STUDY", "amortised inference, one q for each image, plain autoencoders"),
        "aevb": (f"{_HERE}.aevb:STUDY", "AEVB beside wake-sleep; draws of z against images a step"),
        "likelihoods": (f"{_HERE}.generation:LIKELIHOODS", "densities of grey values: sigma predicted, learned, fixed"),
        "collapse": (f"{_HERE}.collapse:STUDY", "posterior collapse, and KL schedules that avoid it"),
        "half_rings": (f"{_HERE}.density:STUDY", "density and samples of two half-rings in the plane"),
        "latent_sizes": (f"{_HERE}.generation:LATENT_SIZES", "samples and reconstructions for several latent sizes"),
        "manifold": (f"{_HERE}.generation:MANIFOLD", "the plane of a two-dimensional code (Kingma & Welling 2013)"),
        "classes": (f"{_HERE}.generation:CLASSES", "conditional VAE, codes fitted to a class, paths, analogies"),
        "planes": (f"{_HERE}.planes:STUDY", "a plane of styles for each class, and whether a style tells its class"),
        "analogies": (f"{_HERE}.analogies:STUDY", "a font's style in other classes, held against the true glyphs"),
        "completion": (f"{_HERE}.completion:STUDY", "images completed from quadrants: CVAE, GSNN, hybrid (Sohn 2015)"),
        "discrete": (f"{_HERE}.discrete:STUDY", "discrete codes by five estimators: Gumbel-softmax and others"),
        "class_sampling": (f"{_HERE}.class_sampling:STUDY", "M2 with a drawn class instead of a sum over classes"),
        "broadcast": (f"{_HERE}.broadcast:STUDY", "spatial broadcast decoder against transposed convolutions"),
        "slots": (f"{_HERE}.slots:STUDY", "slot attention on scenes of tetrominoes, with more objects than trained on"),
        "vector_quantised": (f"{_HERE}.vector_quantised:STUDY", "codes of a codebook with a learned prior (VQ-VAE)"),
        "discriminative": (
            f"{_HERE}.discriminative:STUDY",
            "a CNN against argmax_y of a bound; probes of codes",
        ),
        "attributes": (
            f"{_HERE}.attributes:STUDY",
            "images drawn from attributes, and a judge of them (Yan et al. 2016)",
        ),
        "generators": (f"{_HERE}.generators:STUDY", "VAE, GAN and diffusion after equal minutes of training"),
        "adversary": (
            f"{_HERE}.adversary:ADVERSARY",
            "sharp images: a VAE with an adversary beside plain ones (Rivera 2023)",
        ),
        "blur": (f"{_HERE}.adversary:BLUR", "sharpness and error of reconstructions against the width of the networks"),
        "semi_supervised": (f"{_HERE}.labels:STUDY", "test error of M1, M2 and M1+M2 against the number of labels"),
    },
)


def study_settings(name: str, values: dict[str, Any]) -> "Config":
    """Validated settings of a study.

    Raises:
        ConfigError: no such study, or a setting that it does not know.
    """
    return STUDIES[name].settings.create(values)


def run_study(
    name: str, settings: "Config", data: "ImageData", seed: int, device: str, progress: "Progress"
) -> "list[Panel]":
    """Compute a study; what it returns is for :func:`molvae.run.panels.save_panels`."""
    return STUDIES[name].run(settings, data, seed, device, progress)


def study_panels(name: str, values: "dict[str, Any] | None" = None, seed: int = 0) -> "list[Panel]":
    """Compute a study on its own data, as a notebook does; for the pictures: :func:`molvae.report.shown`.

    Args:
        name: of the study.
        values: its settings, those that differ from the default.
        seed: of everything random.

    Raises:
        ConfigError: no such study, or a setting that it does not know.
    """
    from molvae.images.datasets import load_images
    from molvae.run.progress import silent

    settings = study_settings(name, values or {})
    return run_study(name, settings, load_images(STUDIES[name].data), seed, "cpu", silent)
