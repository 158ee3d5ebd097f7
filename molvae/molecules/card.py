"""The card of a trained model: what it is and how it came about."""

import csv
import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from molvae.molecules.training import REFUSED
from molvae.version import __version__


def model_card(
    recipe: Mapping[str, Any], sources: Mapping[str, Any], folder: Path, title: str = "Molecular VAE"
) -> str:
    """Markdown for the model folder's README.

    Args:
        recipe: the resolved recipe.
        sources: file name, SHA-256 and row counts of each data file.
        folder: the run folder; its ``metrics.csv`` gives the length of the training, its ``refused.csv`` what was
            left out.
        title: what it is a card of.
    """
    steps, seconds = _length(folder / "metrics.csv")
    lines = [
        f"# {title}",
        "",
        f"Trained by molvae {__version__} on Python {platform.python_version()}, {platform.machine()}, "
        f"{steps} steps, {seconds / 3600:.2f} hours.",
        "",
        f"Command: `{' '.join(['molvae', *sys.argv[1:]])}`",
        "",
        "## Data",
        "",
        "| part | file | SHA-256 | rows read | kept |",
        "|---|---|---|---|---|",
    ]
    for part, source in sources.items():
        lines.append(f"| {part} | {source['file']} | `{source['sha256']}` | {source['read']} | {source['kept']} |")
    if (folder / REFUSED).is_file():
        with (folder / REFUSED).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        lines += ["", f"Molecules left out: {len(rows)}, for instance: {rows[0]['reason']}."]
    lines += ["", "## Recipe", "", "```json", json.dumps(recipe, indent=1), "```", ""]
    return "\n".join(lines)


def _length(metrics: Path) -> tuple[int, float]:
    """Steps and seconds of a training run, from its log."""
    with metrics.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return int(float(rows[-1]["step"])), sum(float(row["seconds"]) for row in rows)
