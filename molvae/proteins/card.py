"""The cards of trained protein models: what they are and how they came about."""

import csv
import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from molvae.version import __version__

_SMALL = (
    "ProtT5nv, over which ProT-VAE was published (Sevgen et al. 2025), has 192 million weights and saw 46 million"
    " sequences; this transformer is about a thousandth of both. Expect it to know amino acids, not folds."
)


def _local(name: str) -> str:
    return (
        f"It reads with the encoder of the folder `{name}`, whose weights stay in their folder: to encode, it is needed"
        " (`encoder` in `config.json`), to decode it is not."
    )


def backbone_card(recipe: Mapping[str, Any], sources: Mapping[str, Any], folder: Path) -> str:
    """Of a pretrained transformer, with or without compression; Markdown."""
    about = _local(Path(recipe["encoder"]).name) if recipe.get("encoder") else _SMALL
    return _card("Protein transformer", about, recipe, sources, folder)


def family_card(
    recipe: Mapping[str, Any], sources: Mapping[str, Any], folder: Path, about: str, encoder: str = ""
) -> str:
    """Of the VAE of a family, perhaps over an encoder in a folder of this machine; Markdown."""
    first = _local(Path(encoder).name) if encoder else _SMALL
    return _card("Protein VAE", f"{first}\n\n{about}", recipe, sources, folder)


def _card(title: str, about: str, recipe: Mapping[str, Any], sources: Mapping[str, Any], folder: Path) -> str:
    """Title, length of the training (from ``metrics.csv`` of the run folder), data and recipe."""
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    steps, seconds = int(float(rows[-1]["step"])), sum(float(row["seconds"]) for row in rows)
    files = [f"- {name}, SHA-256 `{digest}`" for name, digest in sources["files"].items()]
    measured = [f"- {name}: {value}" for name, value in rows[-1].items() if name.startswith("valid_") and value]
    lines = [
        f"# {title}",
        "",
        f"Trained by molvae {__version__} on Python {platform.python_version()}, {platform.machine()}, "
        f"{steps} steps, {seconds / 60:.1f} minutes.",
        "",
        f"Command: `{' '.join(['molvae', *sys.argv[1:]])}`",
        "",
        about,
        "",
        "## Data",
        "",
        *files,
        "",
        f"{sources['rows']} rows, {sources['refused']} refused, {sources['duplicates']} duplicates.",
        "",
        "## Held out, at the end",
        "",
        *measured,
        "",
        "## Recipe",
        "",
        "```json",
        json.dumps(recipe, indent=1),
        "```",
        "",
    ]
    return "\n".join(lines)
