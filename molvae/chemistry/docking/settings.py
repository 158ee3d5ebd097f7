"""Settings of docking, as they stand in the table ``oracle_settings`` of a recipe or in a file of their own."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from molvae.run.config import Config

Coordinate = Annotated[float, Field(ge=-10_000, le=10_000)]
"""In angstrom."""
Edge = Annotated[float, Field(ge=3, le=60)]
"""Of the box, in angstrom; the maps of a larger one would not fit into memory."""


class DockingConfig(Config):
    """Where and how to dock.

    The box is given by ``center`` and ``size``, by the file ``box``, or by the file ``reference``. With none of them it
    is read from a file beside the receptor, ``receptor.box.txt`` or ``receptor_conf.txt`` for ``receptor.pdbqt``.
    """

    center: tuple[Coordinate, Coordinate, Coordinate] | None = None
    """Centre of the box, angstrom."""
    size: tuple[Edge, Edge, Edge] | None = None
    """Edges of the box, angstrom."""
    box: str | None = None
    """File in the format of Vina's configuration, ``center_x = ...`` to ``size_z = ...``; other lines are ignored."""
    reference: str | None = None
    """File of a bound ligand (.sdf, .mol or .pdb), around which the box lies."""
    padding: float = Field(6.0, ge=0, le=20)
    """Distance from the reference to the walls of the box, angstrom."""
    exhaustiveness: int = Field(8, ge=1, le=1000)
    """Independent runs of the search (Vina's own default is 8). 1 takes a fifth to a tenth of the time."""
    full_exhaustiveness: int = Field(8, ge=1, le=1000)
    """The same where the best are confirmed (setting ``confirm`` of a campaign)."""
    ph: float | None = Field(None, ge=0, le=14)
    """Ligands are docked in the protonation state in which they are drawn; with a number, in the most probable one at
    that pH by Dimorphite-DL (Ropp et al. 2019), which the extra ``protonation`` installs.
    """
    scoring: Literal["vina", "vinardo"] = "vina"
    """Scoring function: Vina (Trott & Olson 2010) or Vinardo (Quiroga & Villarreal 2016)."""
    spacing: float = Field(0.375, ge=0.1, le=1)
    """Of the grid of the maps, angstrom."""
    cores: int = Field(1, ge=1, le=1024)
    """Of each ligand; more than the exhaustiveness are of no use; ``num_workers`` ligands side by side are."""
    seed: int = Field(1, ge=1, lt=2**31)
    """Of the conformer and of the search, the same for every ligand: a score is a function of the molecule."""

    @model_validator(mode="after")
    def _one_box(self) -> Self:
        if (self.center is None) != (self.size is None):
            raise ValueError("center and size of the box are given together")
        ways = {"center and size": self.center, "box": self.box, "reference": self.reference}
        if len(given := [name for name, value in ways.items() if value is not None]) > 1:
            raise ValueError(f"the box is given twice, by {' and by '.join(given)}: keep one")
        return self
