"""Panels in a notebook."""

import pandas as pd

from molvae.report import shown
from molvae.run.panels import Panel


def test_titles_captions_and_tables_are_text_and_pictures_are_drawn():
    frame = pd.DataFrame({"name": ["<script>"], "value": [1 / 3]})
    curve = pd.DataFrame({"x": [0, 1], "y": [1.0, 2.0]})
    panels = [Panel("table", "table", "a < b", "<b>", frame=frame), Panel("curve", "lines", "A curve", frame=curve)]
    page = shown(panels)._repr_html_()
    assert "a &lt; b" in page and "&lt;b&gt;" in page and "&lt;script&gt;" in page and "<script>" not in page
    assert "0.3333" in page and page.count("<svg") == 1


def test_some_of_them_are_chosen_by_name():
    frame = pd.DataFrame({"value": [1]})
    panels = [Panel(name, "table", name, frame=frame) for name in ("first", "second")]
    assert repr(shown(panels, "second")) == "second (table)"
