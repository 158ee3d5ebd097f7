"""Sketches: what is drawn, what is read, and what is refused."""

import json
import zipfile

import numpy as np
import pytest
import torch

from molvae.errors import ConfigError, DownloadError, InputError
from molvae.images.scribbles import SCRIBBLES
from molvae.images.sketches import (
    Sketches,
    is_sketches,
    load_sketches,
    read_omniglot,
    read_sketches,
    simplify,
)
from molvae.images.sketches import _omniglot as read_archives

SQUARE = [np.array([[0.0, 0], [0, 2], [2, 2], [2, 0]]), np.array([[5.0, 5], [6, 6]])]


def test_strokes_become_moves_of_a_pen():
    sketches = Sketches.of_strokes([SQUARE, SQUARE[1:]])
    first, second = sketches.split()
    assert first.tolist() == [[0, 0, 0], [0, 2, 0], [2, 0, 0], [0, -2, 1], [3, 5, 0], [1, 1, 1]]
    assert second.tolist() == [[0, 0, 0], [1, 1, 1]]
    assert len(sketches) == 2 and sketches[1:].points.tolist() == second.tolist()
    turned = sketches[torch.tensor([1, 0])]
    assert turned.lengths.tolist() == [2, 6] and torch.equal(turned.points[2:], first)


def test_the_package_draws_sketches_of_every_class():
    data = load_sketches("scribbles")
    assert (len(data.train), len(data.valid), len(data.test)) == (4000, 300, 500)
    assert set(data.train.labels.tolist()) == set(range(len(SCRIBBLES)))
    for part in (data.train, data.valid, data.test):
        ends = part.lengths.cumsum(0) - 1
        assert part.points[ends, 2].all() and torch.isfinite(part.points).all()
    assert data.max_length < 30 and data.scale > 1
    again = load_sketches("scribbles")
    assert torch.equal(again.train.points, data.train.points)


def flat(**changes: np.ndarray) -> dict[str, np.ndarray]:
    """Two sketches in every part."""
    points = np.array([[1, 2, 0], [3, 4, 1], [5, 6, 0]], np.int16)
    parts = {f"{part}_points": points for part in ("train", "valid", "test")}
    return {
        **parts,
        **{f"{part}_lengths": np.array([2, 1], np.int16) for part in ("train", "valid", "test")},
        **changes,
    }


def test_a_file_without_pickles_is_read_and_its_last_points_lift_the_pen(tmp_path):
    np.savez(tmp_path / "mine.npz", **flat())
    data = load_sketches(str(tmp_path / "mine.npz"))
    assert data.name == "mine" and len(data.test) == 2
    assert data.train.points.tolist() == [[1, 2, 0], [3, 4, 1], [5, 6, 1]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_points": np.zeros((3, 2))}, r"train: points \(n, 3\)"),
        ({"valid_lengths": np.array([2, 2])}, "valid: 2 lengths of at least 1 must sum to the 3 points"),
        ({"test_lengths": np.array([3, 0])}, "at least 1"),
        ({"test_lengths": np.array([1.5, 1.5])}, "whole lengths"),
        ({"train_points": np.full((3, 3), np.nan)}, "not all finite"),
        ({"train_points": np.array([["a", "b", "c"]] * 3)}, "not all finite numbers"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path, changes, message):
    np.savez(tmp_path / "bad.npz", **flat(**changes))
    with pytest.raises(InputError, match=message):
        load_sketches(str(tmp_path / "bad.npz"))


def test_pickles_are_never_loaded(tmp_path):
    """The upstream layout of sketch-rnn: object arrays, whose loading would run whatever code they hold."""
    drawings = np.empty(2, object)
    drawings[:] = [np.zeros((3, 3)), np.zeros((4, 3))]
    np.savez(tmp_path / "cat.npz", train=drawings, valid=drawings, test=drawings)
    with pytest.raises(InputError, match="pickled objects, which are never loaded: write its sketches as train_points"):
        read_sketches(tmp_path / "cat.npz")
    hidden = {**flat(), "train_points": drawings}
    np.savez(tmp_path / "hidden.npz", **hidden)
    with pytest.raises(InputError, match=r"cannot be read as \.npz without pickles"):
        read_sketches(tmp_path / "hidden.npz")
    np.savez(tmp_path / "other.npz", pictures=np.zeros(3))
    with pytest.raises(InputError, match="has no train_points"):
        read_sketches(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(InputError, match="cannot be read"):
        read_sketches(tmp_path / "text.npz")


def test_drawings_of_quick_draw_are_read_line_by_line(tmp_path):
    line = json.dumps({"word": "cat", "drawing": [[[0, 10, 10], [0, 0, 5]], [[20, 30], [20, 20]]], "recognized": True})
    (tmp_path / "cat.ndjson").write_text("\n".join([line] * 20) + "\n\n")
    data = load_sketches(str(tmp_path / "cat.ndjson"))
    assert (len(data.train), len(data.valid), len(data.test)) == (16, 2, 2)
    assert data.test.split()[0].tolist() == [[0, 0, 0], [10, 0, 0], [0, 5, 1], [10, 15, 0], [10, 0, 1]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no JSON", "line 2: not a drawing"),
        ('{"drawing": []}', "line 2"),
        ('{"drawing": [[[1, 2], [1]]]}', "line 2"),
        ('{"drawing": 3}', "line 2"),
        ("[]", "line 2"),
        ('{"drawing": [[["a"], ["b"]]]}', "line 2"),
        ("[" * 100_000, "line 2"),
    ],
)
def test_a_line_that_is_no_drawing_is_named(tmp_path, line, message):
    good = '{"drawing": [[[1, 2], [1, 3]]]}'
    (tmp_path / "bad.ndjson").write_text("\n".join([good, line, *[good] * 20]))
    with pytest.raises(InputError, match=message):
        read_sketches(tmp_path / "bad.ndjson")
    (tmp_path / "few.ndjson").write_text(good)
    with pytest.raises(InputError, match="has 1 drawings: at least ten"):
        read_sketches(tmp_path / "few.ndjson")


def test_omniglot_is_read_from_its_text_and_people_are_held_out(tmp_path):
    drawing = "START\n10.0,-20.0,0\n11.0,-20.0,5\n12.0,-20.0,9\nBREAK\n5.0,-5.0,20\nBREAK\n"
    strokes = read_omniglot(drawing)
    assert [stroke.tolist() for stroke in strokes] == [[[10, 20], [12, 20]], [[5, 5]]]
    with zipfile.ZipFile(tmp_path / "small.zip", "w") as archive:
        for person in range(1, 21):
            for character in ("character01", "character02"):
                archive.writestr(f"small/Greek/{character}/0393_{person:02d}.txt", drawing)
        archive.writestr("__MACOSX/small/Greek/character01/._0393_01.txt", "\0\0")
    data = read_archives([tmp_path / "small.zip"])
    assert (len(data.train), len(data.valid), len(data.test)) == (32, 4, 4)
    assert data.test.labels.tolist() == [0, 0, 1, 1]
    assert data.test.split()[0].tolist() == [[0, 0, 0], [2, 0, 1], [-7, -15, 1]]


def test_a_simplified_line_stays_within_its_tolerance():
    angle = np.linspace(0, 2 * np.pi, 400)
    circle = 50 * np.stack([np.cos(angle), np.sin(angle)], -1)  # closed: both ends are one place
    few = simplify(circle, 1.0)
    assert 10 < len(few) < 40 and np.array_equal(few[[0, -1]], circle[[0, -1]])
    radius = np.linalg.norm((few[1:] + few[:-1]) / 2, axis=1)  # the middle of a chord is furthest from the circle
    assert radius.min() > 49 - 1e-9
    assert np.array_equal(simplify(circle[:1], 1.0), circle[:1])


def test_a_name_or_a_file_is_a_set_of_sketches_and_nothing_else(tmp_path):
    assert is_sketches("kanji") and is_sketches("folder/cats.ndjson") and not is_sketches("digits")
    with pytest.raises(ConfigError, match="there are scribbles, omniglot, kanji, sheep"):
        load_sketches("dogs")
    with pytest.raises(InputError, match="no such file"):
        load_sketches(str(tmp_path / "nothing.npz"))
    with pytest.raises(DownloadError, match="no upstream"):
        load_sketches("kanji", cache=tmp_path)


def test_kanji_from_a_mirror(data_mirror, tmp_path):
    if not (data_mirror / "sketch").is_dir():
        pytest.skip("the mirror has no sketches")
    data = load_sketches("kanji", data_mirror, tmp_path)
    assert (len(data.train), len(data.valid), len(data.test)) == (10_000, 600, 500)
    assert data.max_length == 88 and data.scale == pytest.approx(99.71, abs=0.01)
