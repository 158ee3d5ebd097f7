"""Pictures of sketches and of models of them as panels: strokes, which the report draws as lines."""

from collections.abc import Sequence

import pandas as pd
import torch

from molvae.core.sampling import interpolate
from molvae.errors import InputError
from molvae.images.sketch_vae import SketchVAE
from molvae.images.sketches import Sketches
from molvae.run.panels import Panel

TEMPERATURES = (0.1, 0.3, 0.5, 0.7, 1.0)
"""Of the rows of a picture: from careful to wild."""


def strokes(sketches: Sketches, columns: int, given: Sequence[int] = ()) -> pd.DataFrame:
    """The frame of a panel of sketches, ``columns`` in a row: row, column, stroke, x, y, one row a place of the pen.

    Args:
        sketches: to be drawn.
        columns: sketches in a row.
        given: of each sketch, how many points were there already and are drawn in another colour: the column
            ``given`` is then 1 up to them.
    """
    rows: list[tuple[int, int, int, float, float, int]] = []
    for number, points in enumerate(sketches.split()):
        row, column = divmod(number, columns)
        places = points[:, :2].double().cumsum(0).tolist()
        known = given[number] if given else 0
        stroke = 0
        for step, ((x, y), lifted) in enumerate(zip(places, points[:, 2].tolist(), strict=True)):
            if known and step == known and step and points[step - 1, 2] < 0.5:
                # a new line in the other colour begins where the old one ends
                stroke += 1
                rows.append((row, column, stroke, *places[step - 1], 0))
            rows.append((row, column, stroke, x, y, int(step < known)))
            stroke += int(lifted > 0.5)
    return pd.DataFrame(rows, columns=["row", "column", "stroke", "x", "y", "given"])


def panel_of(
    name: str,
    title: str,
    sketches: Sketches,
    columns: int,
    caption: str = "",
    rows: Sequence[str] | None = None,
    heads: Sequence[str] | None = None,
    given: Sequence[int] = (),
) -> Panel:
    """A panel of sketches, ``columns`` in a row, with names beside the rows and above the columns."""
    options = {**({"rows": list(rows)} if rows else {}), **({"columns": list(heads)} if heads else {})}
    return Panel(name, "sketches", title, caption, strokes(sketches, columns, given), options=options)


def sample_panel(model: SketchVAE, number: int, temperature: float | None = None, seed: int = 0) -> Panel:
    """Sketches of z ~ p(z), at most ten in a row; without a temperature the same codes at several, one a row."""
    generator = torch.Generator().manual_seed(seed)
    columns = min(10, number)
    if temperature is not None:
        total = -(-number // columns) * columns
        drawn, _ = model.sample(total, temperature, generator)
        return panel_of("samples", f"Samples of the prior at temperature {temperature:g}", drawn, columns)
    z = model.prior.sample((columns,), generator)
    tables = [model.decode(z, tau, generator)[0] for tau in TEMPERATURES]
    return panel_of(
        "samples",
        "Samples of the prior by temperature",
        _together(tables),
        columns,
        "Each column is one z ~ p(z)." if model.latent_size else "A model without a code.",
        [f"{tau:g}" for tau in TEMPERATURES],
    )


def reconstruction_panel(model: SketchVAE, test: Sketches, columns: int = 10, seed: int = 0) -> Panel:
    """Test sketches, and what their posterior means decode to at several temperatures (Ha & Eck 2017, figure 3)."""
    shown, generator = test[:columns], torch.Generator().manual_seed(seed)
    z = model.encode(shown)
    tables = [model.decode(z, tau, generator)[0] for tau in TEMPERATURES]
    return panel_of(
        "reconstructions",
        "Reconstructions of test sketches by temperature",
        _together([shown, *tables]),
        len(shown),
        rows=["test sketch", *(f"{tau:g}" for tau in TEMPERATURES)],
    )


def path_panel(model: SketchVAE, test: Sketches, rows: Sequence[int], steps: int, method: str, seed: int = 0) -> Panel:
    """A path through test sketches.

    Raises:
        InputError: fewer than two sketches, or a row that the data does not have.
        ConfigError: no such method, or a model without a code.
    """
    part = test[torch.tensor(list(_inside(rows, test)))]
    drawn, _ = model.interpolate(part, steps, method, generator=torch.Generator().manual_seed(seed))
    return panel_of("interpolation", f"A path through {len(rows)} sketches ({method})", drawn, len(drawn))


def paths_panel(model: SketchVAE, test: Sketches, pairs: int = 5, steps: int = 9, seed: int = 0) -> Panel:
    """Great circles between test sketches, one a row; the ends are the sketches themselves."""
    ends = test[: 2 * pairs]
    generator, t = torch.Generator().manual_seed(seed), torch.linspace(0, 1, steps)
    z = model.encode(ends)
    between = torch.cat([interpolate(z[2 * pair], z[2 * pair + 1], t) for pair in range(pairs)])
    drawn, _ = model.decode(between, 0.1, generator)
    sketches, parts = ends.split(), drawn.split()
    table = [
        part
        for pair in range(pairs)
        for part in (sketches[2 * pair], *parts[pair * steps : (pair + 1) * steps], sketches[2 * pair + 1])
    ]
    return panel_of(
        "interpolations",
        "From sketch to sketch",
        Sketches.join(table),
        steps + 2,
        "Left and right test sketches, between them decoded points of a great circle between their codes, temperature "
        "0.1 (Ha & Eck 2017, figure 6).",
    )


def beginnings(test: Sketches, share: float = 0.4) -> Sketches:
    """The first part of each sketch, at least two points of it and not the last one, where there are so many."""
    parts = test.split()
    sizes = [min(max(2, round(share * len(part))), max(1, len(part) - 1)) for part in parts]
    return Sketches.join([part[:size] for part, size in zip(parts, sizes, strict=True)])


def completion_panel(
    model: SketchVAE, test: Sketches, number: int = 6, samples: int = 8, temperature: float = 0.25, seed: int = 0
) -> Panel:
    """The beginnings of test sketches, what the model makes of each, and the sketch (Ha & Eck 2017, figure 8)."""
    whole = test[:number]
    begun = beginnings(whole)
    repeated = Sketches.join([part for part in begun.split() for _ in range(samples)])
    drawn, _ = model.complete(repeated, temperature, torch.Generator().manual_seed(seed))
    parts, table, given = drawn.split(), [], []
    for row, (first, sketch) in enumerate(zip(begun.split(), whole.split(), strict=True)):
        table += [first, *parts[row * samples : (row + 1) * samples], sketch]
        given += [len(first)] * (samples + 1) + [0]
    return panel_of(
        "completions",
        "Completions of unfinished sketches",
        Sketches.join(table),
        samples + 2,
        f"The first two fifths of a test sketch, {samples} ways to go on (temperature {temperature:g}), and the whole.",
        heads=["begun", *[""] * samples, "sketch"],
        given=given,
    )


def _inside(rows: Sequence[int], test: Sketches) -> Sequence[int]:
    outside = [row for row in rows if not 0 <= row < len(test)]
    if outside:
        raise InputError(f"there is no sketch {outside[0]}: the test part has 0 to {len(test) - 1}")
    return rows


def _together(tables: Sequence[Sketches]) -> Sketches:
    return Sketches.join([part for table in tables for part in table.split()])
