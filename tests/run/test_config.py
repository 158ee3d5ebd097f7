"""Settings come from TOML, are validated, and a misspelt one never passes silently."""

import os

import pytest
from pydantic import Field

from molvae.errors import ConfigError
from molvae.run.config import Config, read_toml


class Inner(Config):
    width: int = Field(8, ge=1)


class Outer(Config):
    rate: float = Field(1e-3, gt=0)
    inner: Inner = Inner()


def test_defaults_and_overrides():
    assert Outer.create().inner.width == 8
    assert Outer.create({"rate": 0.5}, rate=0.25).rate == 0.25
    assert Outer.create({"rate": 0.5}, rate=None).rate == 0.5


def test_unknown_key_names_the_nearest_known_one():
    with pytest.raises(ConfigError, match=r"unknown setting 'inner.widht'; did you mean 'width'"):
        Outer.create({"inner": {"widht": 3}})


def test_value_out_of_range_says_what_was_given():
    with pytest.raises(ConfigError, match=r"setting 'rate': .*greater than 0 \(got -1"):
        Outer.create({"rate": -1})


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        Outer.create().rate = 2.0


def test_toml_file(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("rate = 0.1\n[inner]\nwidth = 2\n")
    assert Outer.from_toml(path) == Outer(rate=0.1, inner=Inner(width=2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"rate = = 1", "not valid TOML"),
        (b"\x00\xff\xfe", "not valid TOML"),
        (b"rate = 1\x00", "not valid TOML"),
        (b"rate = " + 5000 * b"9", "not valid TOML"),
        (b"rate = " + 50_000 * b"[", "nested too deeply"),
        (b"a." * 400_000 + b"a = 1", "nested too deeply"),
        (b"# " + 10_000_000 * b"x", "larger than a megabyte"),
        (b"rate = nan", "finite number"),
        (b"rate = inf", "finite number"),
        (b"rate = []", r"got \[\]"),
        (None, "no such file"),
    ],
)
def test_bad_file_is_an_error_of_ours(tmp_path, content, message):
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        Outer.from_toml(path)


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
    for path in (tmp_path / "pipe", tmp_path, "/dev/null", "/dev/zero"):
        with pytest.raises(ConfigError, match="give a regular file"):
            read_toml(path)
