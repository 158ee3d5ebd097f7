"""Data sets by name. To add one: a file with a :class:`~molvae.run.fetch.RemoteDataset`, and a line here."""

from typing import TYPE_CHECKING

from molvae.run.registry import Registry

if TYPE_CHECKING:  # what lists the names, or completes them, should not wait for the imports
    from molvae.run.fetch import RemoteDataset

DATASETS: "Registry[RemoteDataset]" = Registry(
    "data set",
    {
        "zinc250k": ("molvae.chemistry.zinc250k:ZINC250K", "249,456 drug-like molecules in the standard split"),
        "mnist": ("molvae.images.datasets:MNIST", "70,000 handwritten digits, 28 x 28"),
        "freyfaces": ("molvae.images.datasets:FREYFACES", "1,965 frames of a face, 28 x 20; from a mirror only"),
        "omniglot": ("molvae.images.sketches:OMNIGLOT", "sketches of 32,460 characters, as strokes"),
        "sh3": ("molvae.proteins.datasets:SH3", "17,218 SH3 domains with measured function; from a mirror only"),
        "chorismate_mutase": (
            "molvae.proteins.datasets:CHORISMATE_MUTASE",
            "2,748 aligned chorismate mutases with measured function; from a mirror only",
        ),
        "s1a": ("molvae.proteins.datasets:S1A", "1,344 S1A proteases and their specificity; from a mirror only"),
        "broad_proteins": (
            "molvae.proteins.datasets:BROAD",
            "24,244 proteins of all kinds, to pretrain on; from a mirror only",
        ),
    },
)
"""What ``molvae data fetch`` downloads."""
