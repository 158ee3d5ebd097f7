"""Panels come back from their files as they were."""

import numpy as np
import pandas as pd

from molvae.run.panels import Panel, load_panels, save_panels


def test_panels_come_back_in_their_order(tmp_path):
    table = Panel("b-table", "table", "Numbers", frame=pd.DataFrame({"x": [1, 2], "y": [0.5, 0.25]}))
    picture = Panel(
        "a-picture", "images", "Digits", "caption", array=np.eye(4).reshape(1, 2, 2, 4), options={"tight": True}
    )
    save_panels(tmp_path, [table, picture])
    first, second = load_panels(tmp_path)
    assert (first.name, first.kind, first.title) == ("b-table", "table", "Numbers")
    pd.testing.assert_frame_equal(first.frame, table.frame)
    assert second.caption == "caption" and second.options == {"tight": True}
    np.testing.assert_array_equal(second.array, picture.array)


def test_saving_again_replaces_what_was_there(tmp_path):
    save_panels(tmp_path, [Panel(f"p{n}", "table", "t", frame=pd.DataFrame({"x": [n]})) for n in range(3)])
    save_panels(tmp_path, [Panel("only", "table", "t", frame=pd.DataFrame({"x": [1]}))])
    assert [panel.name for panel in load_panels(tmp_path)] == ["only"]


def test_a_folder_without_panels_has_none(tmp_path):
    assert load_panels(tmp_path) == []
