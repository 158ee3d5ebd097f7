"""Settings come from TOML, are validated, and a misspelt one never passes silently."""

import os
from typing import Annotated

import pytest
from pydantic import Field

from molvae.errors import ConfigError
from molvae.run.config import Config, one_of, read_toml


class Inner(Config):
    width: int = Field(8, ge=1)
    height: int = Field(8, ge=1)


class Outer(Config):
    rate: float = Field(1e-3, gt=0)
    inner: Inner = Inner()


def test_defaults_and_overrides():
    assert Outer.create().inner.width == 8
    assert Outer.create({"rate": 0.5}, rate=0.25).rate == 0.25
    assert Outer.create({"rate": 0.5}, rate=None).rate == 0.5


class Choice(Config):
    """Settings that mean nothing without each other."""

    whole = True
    kind: str = "constant"
    steps: int = 0


class Study(Config):
    outer: Outer = Outer(rate=0.5, inner=Inner(width=3, height=4))
    choice: Choice = Choice(kind="linear", steps=9)


def test_a_table_changes_only_what_it_names():
    assert Study.create({"outer": {"inner": {"height": 7}}}).outer == Outer(rate=0.5, inner=Inner(width=3, height=7))
    assert Study.create({"outer": {"rate": 1.0}}).outer.inner == Inner(width=3, height=4)
    assert Study.create({"outer": Outer()}).outer == Outer()


def test_what_belongs_together_is_replaced_as_a_whole():
    assert Study.create({"choice": {"kind": "cyclical"}}).choice == Choice(kind="cyclical", steps=0)


def test_a_long_key_and_many_problems_are_told_in_short():
    with pytest.raises(ConfigError, match=r"unknown setting 'aaaa.*\.\.\.a+'") as problem:
        Outer.create({"a" * 900_000: 1})
    assert len(str(problem.value)) < 500
    with pytest.raises(ConfigError, match=r"and 9980 more$"):
        Outer.create({f"key{number}": 1 for number in range(10_000)})


def test_unknown_key_names_the_nearest_known_one():
    with pytest.raises(ConfigError, match=r"unknown setting 'inner.widht'; did you mean 'width'"):
        Outer.create({"inner": {"widht": 3}})


def test_value_out_of_range_says_what_was_given():
    with pytest.raises(ConfigError, match=r"setting 'rate': .*greater than 0 \(got -1"):
        Outer.create({"rate": -1})


def test_a_name_is_one_of_those_there_are():
    class Named(Config):
        name: Annotated[str, one_of({"elbo": 1, "iwae": 2})] = "elbo"

    assert Named(name="iwae").name == "iwae"
    with pytest.raises(ConfigError, match=r"setting 'name': there are elbo, iwae \(got 'vae'\)"):
        Named.create({"name": "vae"})


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        Outer.create().rate = 2.0


def test_toml_file(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("rate = 0.1\n[inner]\nwidth = 2\n")
    assert Outer.create(read_toml(path)) == Outer(rate=0.1, inner=Inner(width=2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"rate = = 1", "not valid TOML"),
        (b"\x00\xff\xfe", "not valid TOML"),
        (None, "no such file"),
        (b"rate = " + b"[" * 10_000, "nested too deeply"),
        (b"rate = " + b"9" * 10_000, "not valid TOML: Exceeds the limit"),
        (b"#" * 1_000_001, "is larger than a megabyte"),
        (b"rate = [" + b"1," * 400_000 + b"]", "setting 'rate'"),
        (b"rate = 1\x00", "not valid TOML"),
        (b"a." * 400_000 + b"a = 1", "nested too deeply"),
        (b"rate = nan", "finite number"),
        (b"rate = inf", "finite number"),
        (b"rate = []", r"got \[\]"),
    ],
)
def test_bad_file_is_an_error_of_ours(tmp_path, content, message):
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        Outer.create(read_toml(path))
    assert len(str(caught.value)) < 1000


def test_what_is_not_a_file_is_not_even_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")  # whoever opened it would wait for a writer
    for path in (tmp_path, tmp_path / "pipe.toml", "/dev/null", "/dev/zero"):
        with pytest.raises(ConfigError, match="is a folder or a device: give a regular file"):
            Outer.create(read_toml(path))
