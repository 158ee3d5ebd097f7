"""Panels as pictures: each kind is drawn from its own data, and refused without it."""

import numpy as np
import pandas as pd
import pytest

from molvae.errors import ConfigError
from molvae.report.panel_figures import panel_svg, save_panel_picture
from molvae.run.panels import Panel

LINES = pd.DataFrame({"x": [1, 2, 3], "a": [1.0, 2.0, 4.0], "b": [3.0, 2.0, 1.0]})
CLOUD = pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": [1.0, 0.0, 2.0], "class": ["a", "b", "b"]})
GROUPS = pd.DataFrame({"group": list("aaabbb"), "value": [1.0, 2.0, 3.0, 2.0, 3.0, 5.0]})
ROWS = pd.DataFrame({"name": ["a $x", "<b>"], "sequence": ["MK-VA", "MKWVA"], "note": ["", "2"], "group": [1, 1]})
IMAGES = np.linspace(0, 1, 96).reshape(2, 3, 4, 4)


@pytest.mark.parametrize(
    "panel",
    [
        Panel("lines", "lines", "", frame=LINES),
        Panel("scatter", "scatter", "", frame=CLOUD),
        Panel("facets", "scatter", "", frame=CLOUD, options={"facets": True}),
        Panel("coloured", "scatter", "", frame=CLOUD.assign(score=[1.0, 2.0, np.nan])),
        Panel("graded", "scatter", "", frame=CLOUD.assign(score=[1.0, 2.0, 3.0])),
        Panel("violins", "violins", "", frame=GROUPS),
        Panel("alignment", "alignment", "", frame=ROWS),
        Panel("long", "alignment", "", frame=ROWS.assign(sequence=ROWS["sequence"] * 30)),
        Panel("images", "images", "", array=IMAGES),
        Panel("colour", "images", "", array=np.stack([IMAGES, 1 - IMAGES, IMAGES], -1)),
    ],
    ids=lambda panel: panel.name,
)
def test_each_kind_is_drawn_and_the_same_again(panel):
    svg = panel_svg(panel)
    assert svg.startswith("<svg") and svg == panel_svg(panel)
    assert "<script" not in svg and "<metadata" not in svg


def test_one_picture_for_each_facet():
    facets = panel_svg(Panel("facets", "scatter", "", frame=CLOUD, options={"facets": True}))
    assert facets.count('<g id="axes_') == 2


def test_options_change_the_picture():
    plain = panel_svg(Panel("p", "lines", "", frame=LINES))
    for options in ({"log_x": True}, {"log_y": True}, {"x": "another name"}, {"y": "nats"}):
        assert panel_svg(Panel("p", "lines", "", frame=LINES, options=options)) != plain
    assert panel_svg(Panel("p", "lines", "", frame=LINES, options={"points": True})) != plain
    cloud = panel_svg(Panel("p", "scatter", "", frame=CLOUD))
    for options in ({"log_x": True}, {"log_y": True}, {"joined": True}):
        drawn = panel_svg(Panel("p", "scatter", "", frame=CLOUD, options={"aspect": "auto", **options}))
        assert drawn != cloud
    images = [panel_svg(Panel("p", "images", "", array=IMAGES, options={"tight": tight})) for tight in (True, False)]
    assert images[0] != images[1]


def test_colour_is_kept():
    grey, red = IMAGES[..., None].repeat(3, -1), IMAGES[..., None] * [1.0, 0.0, 0.0]
    pictures = [panel_svg(Panel("p", "images", "", array=array)) for array in (IMAGES, grey, red)]
    assert len(set(pictures)) == 3


@pytest.mark.parametrize(
    "panel",
    [
        Panel("p", "lines", ""),
        Panel("p", "images", "", array=np.ones((4, 4))),
        Panel("p", "images", "", array=np.ones((1, 2, 4, 4, 3, 1))),
        Panel("p", "table", "", frame=LINES),
    ],
)
def test_nothing_is_drawn_of_nothing(panel):
    with pytest.raises(ValueError, match="has nothing to draw"):
        panel_svg(panel)


def test_a_picture_is_a_file_of_its_kind(tmp_path):
    panel = Panel("p", "images", "", array=IMAGES)
    assert save_panel_picture(panel, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert save_panel_picture(panel, tmp_path / "a.SVG").read_text().startswith("<svg")
    for path, message in ((tmp_path / "a.pdf", "a .png or .svg file"), (tmp_path / "no" / "a.png", "not a folder")):
        with pytest.raises(ConfigError, match=message):
            save_panel_picture(panel, path)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a.SVG"}
