"""Things found by name: imported when first asked for, misspelt ones explained."""

import sys

import pytest

from molvae.errors import ConfigError
from molvae.run.registry import Registry


@pytest.fixture
def parsers():
    return Registry("parser", {"csv": ("csv:reader", "commas"), "wave": ("wave:open", "sound")})


def test_nothing_is_imported_until_it_is_asked_for(parsers, monkeypatch):
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    assert list(parsers) == ["csv", "wave"] and len(parsers) == 2 and "wave" in parsers
    assert parsers.descriptions["wave"] == "sound"
    assert "wave" not in sys.modules
    assert parsers["wave"].__module__ == "wave"


def test_a_misspelt_name_gives_the_nearest(parsers):
    with pytest.raises(ConfigError, match="no parser 'wav': did you mean 'wave'"):
        parsers["wav"]
    with pytest.raises(ConfigError, match="there are csv, wave"):
        parsers.check("xylophone")


def test_a_thing_at_hand_gets_a_name(parsers):
    parsers.add("text", str, "as it is")
    assert parsers["text"] is str
    with pytest.raises(ConfigError, match="there is a parser 'text' already"):
        parsers.add("text", bytes)
