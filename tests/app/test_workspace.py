"""Names of runs lead nowhere but into the workspace."""

import json

import pytest

from molvae.errors import ConfigError


@pytest.mark.parametrize(
    "name", ["..", "../secret", "/etc", "a/b", "a\\b", "", ".hidden", "a" * 65, "a\nb", "a\x00b", "<b>", "run name"]
)
def test_what_is_not_a_name(workspace, name):
    with pytest.raises(ConfigError, match="not a name"):
        workspace.folder(name)


def test_a_link_that_leads_out_is_neither_listed_nor_opened(workspace, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "config.json").write_text("{}")
    (workspace.root / "link").symlink_to(outside)
    assert workspace.runs() == []
    with pytest.raises(ConfigError, match="leads out"):
        workspace.folder("link")


def test_runs_are_listed_the_newest_first_and_damaged_ones_too(workspace):
    import os

    for age, name in enumerate(["new", "old"]):
        (workspace.root / name).mkdir()
        (workspace.root / name / "config.json").write_text(json.dumps({"format": 2, "kind": "train"}))
        os.utime(workspace.root / name / "config.json", (10_000 - age, 10_000 - age))
    (workspace.root / "no-run").mkdir()
    assert workspace.runs() == ["new", "old"]
    assert workspace.kind("new") == ""  # it has no settings
    assert workspace.trained_models() == []


def test_a_new_name_is_free(workspace):
    first = workspace.new_name("design")
    (workspace.root / first).mkdir()
    second = workspace.new_name("design")
    (workspace.root / second).mkdir()
    assert len({first, second, workspace.new_name("design")}) == 3
    assert workspace.folder(second) == workspace.root / second
