"""Ask and tell through a folder: the first call begins, what was measured before counts, plates come again."""

import pandas as pd
import pytest

from molvae.errors import ConfigError, InputError
from molvae.experiments.laboratory import suggest_molecules, tell_results

from .conftest import MOLECULES


def suggest(folder, number: int = 2, start=None, **settings: object) -> pd.DataFrame:
    return suggest_molecules(folder, number, start, None, settings, "zinc250k-small", "cpu")


@pytest.fixture
def start(tmp_path):
    table = pd.DataFrame({"smiles": MOLECULES[:5], "score": [0.1, 0.5, 0.3, None, None]})
    table.to_csv(tmp_path / "start.csv", index=False)
    return tmp_path / "start.csv"


def test_with_measured_molecules_the_search_begins_at_once(tmp_path, start):
    plate = suggest(tmp_path / "lab", start=start)
    assert len(plate) == 2 and plate["score"].isna().all() and plate["predicted_mean"].notna().all()
    assert not set(plate["smiles"]) & set(MOLECULES[:3])
    pd.testing.assert_frame_equal(suggest(tmp_path / "lab"), plate)  # as long as it is not answered
    plate.assign(score=[0.9, None]).to_csv(tmp_path / "results.csv", index=False)
    told, awaited = tell_results(tmp_path / "lab", tmp_path / "results.csv", None, "score", "cpu")
    assert told["status"].tolist() == ["ok", "failed"] and told["line"].tolist() == [2, 3] and awaited == 0
    assert not set(suggest(tmp_path / "lab")["smiles"]) & set(plate["smiles"])
    with pytest.raises(ConfigError, match="give no start and no settings again"):
        suggest(tmp_path / "lab", direction="min")


def test_without_measurements_the_start_is_asked_for_first(tmp_path):
    (tmp_path / "start.smi").write_text("\n".join(MOLECULES))
    plate = suggest(tmp_path / "lab", 3, tmp_path / "start.smi")
    assert len(plate) == 3 and set(plate["smiles"]) < set(MOLECULES)
    plate.rename(columns={"score": "yield"}).to_csv(tmp_path / "results.csv", index=False)
    with pytest.raises(InputError, match=r"no column 'score'; its columns: .*yield"):
        tell_results(tmp_path / "lab", tmp_path / "results.csv", None, "score", "cpu")
