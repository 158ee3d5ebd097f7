"""Panels as a notebook shows them: the pictures and tables of the report, one below the other."""

import html
from collections.abc import Sequence

from molvae.report.panel_figures import panel_svg
from molvae.run.panels import Panel


class Shown:
    """Panels that a notebook draws; :func:`shown` makes it."""

    def __init__(self, panels: Sequence[Panel]) -> None:
        self.panels = list(panels)

    def __repr__(self) -> str:
        return "\n".join(f"{panel.title} ({panel.kind})" for panel in self.panels)

    def _repr_html_(self) -> str:
        return "".join(_html(panel) for panel in self.panels)


def shown(panels: Sequence[Panel], *names: str) -> Shown:
    """Panels for a notebook.

    Args:
        panels: what a study returns.
        names: of those to show; none: all.
    """
    return Shown([panel for panel in panels if not names or panel.name in names])


def _html(panel: Panel) -> str:
    if panel.kind == "table" and panel.frame is not None:
        body = panel.frame.to_html(index=False, float_format="{:.4g}".format, border=0)  # escapes what it holds
    else:
        body = panel_svg(panel)
    return f"<h4>{html.escape(panel.title)}</h4>{body}<p><small>{html.escape(panel.caption)}</small></p>"
