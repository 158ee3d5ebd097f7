"""docs/activity_models.md: its example is executed from beginning to end, as it stands there."""

import re
import shlex
from pathlib import Path

import pandas as pd

from molvae.activity.model import ActivityModel

PAGE = (Path(__file__).parents[2] / "docs" / "activity_models.md").read_text(encoding="utf-8")
EXAMPLE = PAGE[PAGE.index("## Example") : PAGE.index("## In Python")]


def test_the_example_runs(molvae, tmp_path):
    blocks = re.findall(r"```(python|console)\n(.*?)```", EXAMPLE, re.DOTALL)
    assert [kind for kind, _ in blocks] == ["python", "console"]
    exec(blocks[0][1], {})  # our own text, not a user's
    commands = [line.split("  #")[0].strip() for line in blocks[1][1].splitlines() if line.startswith("molvae ")]
    assert [shlex.split(line)[1] for line in commands] == ["fit", "predict", "design", "suggest"]
    for line in commands:
        done = molvae(*shlex.split(line)[1:])
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    predicted = pd.read_csv(tmp_path / "predicted.csv")
    assert predicted["nearest_similarity"].eq(1.0).all()  # of its own training molecules
    found = pd.read_csv(tmp_path / "runs" / "found" / "molecules.csv")
    assert found["model('runs/activity')"].notna().all()
    plate = pd.read_csv(tmp_path / "plate.csv")
    assert len(plate) == 8 and {"model('runs/activity')", "model_in_domain('runs/activity')"} <= set(plate)
    in_python(tmp_path)


def in_python(folder):
    block = re.search(r"## In Python\n.*?```python\n(.*?)```", PAGE, re.DOTALL).group(1)
    names: dict = {}
    exec(block, names)  # in the folder that the example has left
    assert isinstance(names["model"], ActivityModel) and len(names["mean"]) == len(names["sd"]) == 2
    assert (names["table"]["valid"] == [True, False]).all()


def test_links_of_the_page_lead_somewhere():
    root = Path(__file__).parents[2]
    prose = re.sub(r"```.*?```|`[^`]*`", "", PAGE, flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", prose):
        assert (root / "docs" / target).exists(), target
