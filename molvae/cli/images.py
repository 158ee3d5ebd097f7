"""Commands for VAEs of images: train, evaluate, sample, interpolate, manifold, traverse, scenes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from molvae.cli import options
from molvae.cli.runs import with_fit

if TYPE_CHECKING:
    from molvae.run.panels import Panel

app = options.new_app("Train and use the same VAE on images and sketches.")

_DATA = (
    "digits, mnist, freyfaces, fonts, font_glyphs, street_characters, svhn, half_rings, shifted_circle, sprites, "
    "tetrominoes or celeba; of sketches scribbles, omniglot, kanji, sheep or a file."
)
ImageModel = Annotated[Path, typer.Argument(help="A run folder of `molvae images train`, or a model folder.")]
Dataset = Annotated[str, typer.Option("-d", "--data", help=_DATA)]
Picture = Annotated[Path, typer.Option("-o", "--output", help="PNG or SVG file.")]


@app.command()
def train(
    recipe: Annotated[Path | None, typer.Argument(help="Recipe (TOML); default: digits, all defaults.")] = None,
    output: options.RunFolder = None,
    data: Annotated[str | None, typer.Option("-d", "--data", help=_DATA)] = None,
    epochs: options.Epochs = None,
    mirror: options.Mirror = None,
    tensorboard: options.Tensorboard = False,
    device: options.Device = "auto",
    seed: options.SeedOfRun = None,
    quiet: options.Quiet = False,
) -> None:
    """Train a VAE of images or sketches. Leaves a model folder, pictures and a report."""
    from molvae.experiments.images import ImagesRecipe
    from molvae.experiments.sketches import SketchesRecipe
    from molvae.images.sketches import is_sketches

    values = with_fit(recipe, epochs, seed)
    name = values.get("data") if data is None else data
    sketches = values.get("kind", "sketches" if is_sketches(str(name)) else "images") == "sketches"
    kind = SketchesRecipe if sketches else ImagesRecipe
    training = kind.create(values, data=data)
    options.execute(training, output, device, mirror=mirror, quiet=quiet, tensorboard=tensorboard)


@app.command()
def evaluate(
    model: ImageModel,
    data: Dataset = "digits",
    output: options.RunFolder = None,
    nll_images: Annotated[
        int | None, typer.Option(min=0, help="Test images for the NLL (default: all; 0: none).")
    ] = None,
    nll_samples: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Importance samples for each (5000; of sketches 50).")
    ] = None,
    binarisation: Annotated[str, typer.Option(help="dynamic, static, threshold or none.")] = "dynamic",
    mirror: options.Mirror = None,
    device: options.Device = "auto",
    seed: options.Seed = 0,
    quiet: options.Quiet = False,
) -> None:
    """Measure a VAE of images or sketches. Bounds, active units and importance-sampled NLL on the test images."""
    from molvae.experiments.images_evaluate import ImagesEvaluateRecipe

    evaluation = {"binarisation": binarisation, "seed": seed, "nll_images": nll_images}
    evaluation |= {} if nll_samples is None else {"nll_samples": nll_samples}
    recipe = ImagesEvaluateRecipe.create({"model": str(model), "data": data, "evaluation": evaluation})
    options.execute(recipe, output, device, mirror=mirror, quiet=quiet)


@app.command()
def sample(
    model: ImageModel,
    output: Picture = Path("samples.png"),
    number: Annotated[int, typer.Option("-k", "--number", min=1, max=10_000, help="How many images.")] = 100,
    label: Annotated[
        int | None, typer.Option(min=0, help="Class, for a conditional model; default: all in turn.")
    ] = None,
    noise: Annotated[bool, typer.Option(help="Draw pixels from p(x|z) too, instead of its mean.")] = False,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=10, help="Of sketches; default: the same codes at several.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("-d", "--data", help="Test images to complete, for a model that completes images, or sketches."),
    ] = None,
    mirror: options.Mirror = None,
    device: options.Device = "auto",
    seed: options.Seed = 0,
) -> None:
    """Draw images of z ~ p(z) into one picture. A model that completes images draws completions, and so does one of
    sketches if their beginnings are named (-d).
    """
    from molvae.images.drawings import samples

    _save(samples(model, number, label, noise, temperature, data, mirror, device, seed), output)


@app.command()
def interpolate(
    model: ImageModel,
    images: Annotated[list[int], typer.Argument(min=0, help="Rows of two or more test images.")],
    data: Dataset = "digits",
    output: Picture = Path("interpolation.png"),
    steps: Annotated[int, typer.Option(min=2, max=1000, help="Points on each stretch, both ends included.")] = 10,
    method: Annotated[str, typer.Option(help="slerp or lerp.")] = "slerp",
    mirror: options.Mirror = None,
    device: options.Device = "auto",
) -> None:
    """Draw a path through test images or sketches."""
    from molvae.images.drawings import path

    _save(path(model, data, images, steps, method, mirror, device), output)


@app.command()
def manifold(
    model: ImageModel,
    output: Picture = Path("manifold.png"),
    side: Annotated[int, typer.Option(min=2, max=200, help="Pictures along each side.")] = 20,
    device: options.Device = "auto",
) -> None:
    """Draw the plane of a model with two latent dimensions. Its points lie on the inverse Gaussian CDF."""
    from molvae.images.pictures import manifold_panel
    from molvae.images.vae import ImageVAE

    _save(manifold_panel(ImageVAE.from_pretrained(model, device), side), output)


@app.command()
def traverse(
    model: ImageModel,
    image: Annotated[int, typer.Argument(min=0, help="Row of a test image.")] = 0,
    data: Dataset = "digits",
    output: Picture = Path("traversals.png"),
    steps: Annotated[int, typer.Option(min=2, max=100, help="Pictures in a row.")] = 9,
    mirror: options.Mirror = None,
    device: options.Device = "auto",
) -> None:
    """Move one number of an image's code at a time. The most used dimensions come first."""
    from molvae.images.datasets import load_images
    from molvae.images.pictures import traversal_panel
    from molvae.images.vae import ImageVAE

    loaded = ImageVAE.from_pretrained(model, device)
    _save(traversal_panel(loaded, load_images(data, mirror).test, image, steps), output)


@app.command()
def scenes(
    model: Annotated[
        Path | None, typer.Argument(help="A model with slots, which takes the scenes apart; default: none.")
    ] = None,
    data: Dataset = "tetrominoes",
    output: Picture = Path("scenes.png"),
    number: Annotated[int, typer.Option("-k", "--number", min=1, max=1000, help="How many scenes.")] = 10,
    slots: Annotated[int | None, typer.Option(min=1, max=100, help="Slots; default: as many as in training.")] = None,
    mirror: options.Mirror = None,
    device: options.Device = "auto",
) -> None:
    """Draw scenes and their objects, or what the slots of a model make of them."""
    from molvae.errors import ConfigError
    from molvae.images.datasets import load_images
    from molvae.images.pictures import scene_panel
    from molvae.images.vae import ImageVAE

    if model is None and slots is not None:
        raise ConfigError("--slots is of a model: name one")
    loaded = None if model is None else ImageVAE.from_pretrained(model, device)
    if loaded is not None and slots is not None:
        loaded = loaded.with_slots(slots)
    _save(scene_panel(load_images(data, mirror).test, number, loaded), output)


def _save(panel: "Panel", path: Path) -> None:
    from molvae.report.panel_figures import save_panel_picture

    print(save_panel_picture(panel, path))
