"""The numbers of an evaluation as lines, whatever was evaluated: images or sketches."""

from typing import Any

from molvae.images.sketch_training import sketch_summary
from molvae.images.training import image_summary


def evaluation_summary(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Lines to print of ``evaluation.json``: what, value."""
    return sketch_summary(result) if "per_point" in result else image_summary(result)
