"""Drawings may stand in a page as they are."""

from molvae.chemistry.drawing import molecule_svg

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def test_a_drawing_holds_no_text_of_the_user():
    assert molecule_svg(EVIL) == ""
    svg = molecule_svg("CCO")
    assert svg.startswith("<svg") and "id=" not in svg and "script" not in svg


def test_size_and_atoms_make_the_drawing():
    assert molecule_svg("CCO", 100, 80) != molecule_svg("CCO", 200, 80) != molecule_svg("CCN", 200, 80)
    assert molecule_svg("C1CC") == molecule_svg("") == ""
