"""Tables that draw what they hold."""

import pandas as pd
import pytest

from molvae.chemistry.drawing import molecule_svg
from molvae.run.drawn import DrawnTable, drawn

TABLE = pd.DataFrame({"smiles": ["CCO", "c1ccccc1", "<script>alert(1)</script>"], "score": [1.5, 2.5, float("nan")]})


@pytest.fixture
def table():
    return drawn(TABLE, "smiles", molecule_svg)


def test_every_molecule_is_drawn_and_all_text_is_escaped(table):
    page = table._repr_html_()
    assert page.count("<svg") == 2 and "<script" not in page and "&lt;script&gt;" in page
    assert page.count("<td>") == 3 * 3


def test_what_is_taken_of_it_draws_too(table):
    for part in (table.head(2), table[table["score"] > 1], table[["smiles"]], table.sort_values("score")):
        assert isinstance(part, DrawnTable) and "<svg" in part._repr_html_()
    assert "<svg" not in table[["score"]]._repr_html_()


def test_elsewhere_it_is_a_table(table, tmp_path):
    table.to_csv(tmp_path / "t.csv", index=False)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), pd.DataFrame(table))
    assert repr(table) == repr(TABLE) and table["score"].max() == 2.5


def test_a_text_cannot_pass_for_a_drawing():
    page = drawn(pd.DataFrame({"smiles": ["<td>x-0</td>"]}), "smiles", lambda *_: "<svg>mine</svg>")._repr_html_()
    assert "<td>x-0</td>" not in page


def test_a_long_table_says_how_long_it_is():
    assert "and 70 more rows" in drawn(pd.DataFrame({"smiles": ["C"] * 100}), "smiles", molecule_svg)._repr_html_()
