"""Pictures of a model by name, whether it draws images or sketches: what the commands sample and interpolate show."""

from collections.abc import Sequence
from pathlib import Path

from molvae.core.pretrained import Pretrained, load_model
from molvae.errors import CheckpointError, ConfigError
from molvae.images import pictures, sketch_pictures
from molvae.images.datasets import load_images
from molvae.images.sketch_vae import SketchVAE
from molvae.images.sketches import is_sketches, load_sketches
from molvae.images.vae import ImageVAE
from molvae.run.panels import Panel


def samples(
    name: Path,
    number: int,
    label: int | None,
    noise: bool,
    temperature: float | None,
    data: str | None,
    mirror: Path | None,
    device: str,
    seed: int,
) -> Panel:
    """Samples of a model; of one that completes what it is given, or of sketches where ``data`` is named, completions.

    Raises:
        CheckpointError: no such model, or not of images or sketches.
        ConfigError: an option that this kind of model does not have.
    """
    model = _model(name, device)
    if isinstance(model, SketchVAE):
        if label is not None or noise:
            raise ConfigError("a model of sketches has no classes and always draws points: leave out --label, --noise")
        if data is None:
            return sketch_pictures.sample_panel(model, number, temperature, seed)
        test = load_sketches(data, mirror).test
        tau = 0.25 if temperature is None else temperature
        return sketch_pictures.completion_panel(model, test, max(1, number // 10), min(8, number), tau, seed)
    if temperature is not None:
        raise ConfigError("--temperature is for models of sketches: leave it out")
    shown = None if data is None else load_images(data, mirror).test
    return pictures.sample_panel(model, number, label, noise, seed, shown)


def path(
    name: Path, data: str, rows: Sequence[int], steps: int, method: str, mirror: Path | None, device: str
) -> Panel:
    """A path through test images or sketches.

    Raises:
        CheckpointError: no such model, or not of images or sketches.
        InputError: fewer than two rows, or one that the data does not have.
        ConfigError: no such method, or data of another kind than the model's.
    """
    model = _model(name, device)
    if isinstance(model, SketchVAE):
        if not is_sketches(data):
            raise ConfigError(f"{name} is a model of sketches, and {data} are images: name a set of sketches with -d")
        return sketch_pictures.path_panel(model, load_sketches(data, mirror).test, rows, steps, method)
    return pictures.path_panel(model, load_images(data, mirror).test, rows, steps, method)


def _model(name: Path, device: str) -> ImageVAE | SketchVAE:
    model: Pretrained = load_model(name, device)
    if not isinstance(model, (ImageVAE, SketchVAE)):
        raise CheckpointError(f"{name} holds a model of kind {model.kind!r}, not one of images or sketches")
    return model
