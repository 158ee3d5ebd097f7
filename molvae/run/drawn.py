"""Tables that draw what they hold where a notebook shows them; everywhere else they are tables like any other."""

import secrets
from collections.abc import Callable
from typing import ClassVar

import pandas as pd

Draw = Callable[[str, int, int], str]
"""(text, width, height) -> SVG that is safe in a page, or an empty string."""
_ROWS = 30  # drawn; a table that is longer says how much longer
_WIDTH, _HEIGHT = 150, 100


class DrawnTable(pd.DataFrame):
    """A table with a column of texts that can be drawn, such as SMILES; what is taken of it draws too."""

    _metadata: ClassVar[list[str]] = ["_drawn", "_draw"]
    _drawn: str = ""
    _draw: Draw | None = None

    @property
    def _constructor(self) -> type["DrawnTable"]:
        return DrawnTable

    def _repr_html_(self) -> str:
        """The first rows with a drawing beside each; all text is escaped."""
        draw, column = self._draw, self._drawn
        shown = pd.DataFrame(self).head(_ROWS)
        if draw is None or list(shown.columns).count(column) != 1:
            return str(shown.to_html())
        mark = secrets.token_hex(8)  # nobody can write it into a table beforehand
        names = [f"{mark}-{row}" for row in range(len(shown))]
        shown.insert(0, "drawing", pd.Series(names, index=shown.index, dtype="str"))
        page: str = shown.to_html(escape=True)
        for name, text in zip(names, shown[column], strict=True):
            drawing = draw(text, _WIDTH, _HEIGHT) if isinstance(text, str) else ""
            page = page.replace(f"<td>{name}</td>", f"<td>{drawing}</td>")
        more = len(self) - len(shown)
        return page + (f"<p>and {more:,} more rows</p>" if more else "")


def drawn(table: pd.DataFrame, column: str, draw: Draw) -> DrawnTable:
    """The same table, which draws the texts of a column."""
    result = DrawnTable(table)
    result._drawn, result._draw = column, draw
    return result
