"""``dock:RECEPTOR`` as campaigns use it."""

import importlib.util
from importlib import metadata

import pandas as pd
import pytest
from rdkit import Chem

from molvae.chemistry.docking.oracle import DockingOracle
from molvae.design.campaign import Campaign
from molvae.design.latent_space import load_searchable
from molvae.design.oracle.named import named_oracle
from molvae.design.outputs import write_outputs
from molvae.errors import ConfigError, MissingDependencyError, OracleError
from molvae.run.progress import silent

CHEAP = {"exhaustiveness": 1, "full_exhaustiveness": 2}


@pytest.mark.parametrize(
    "package, extra", [("vina", "docking"), ("meeko", "docking"), ("dimorphite_dl", "protonation")]
)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(receptor, monkeypatch, package, extra):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name) or "found")
    with pytest.raises(MissingDependencyError, match=rf"molvae\[{extra}\]"):
        DockingOracle.create(str(receptor), {"ph": 7.4})


@pytest.fixture
def installed():
    for package in ("vina", "meeko"):
        pytest.importorskip(package)


def test_affinity_and_its_sign(installed, receptor):
    oracle = named_oracle(f"dock:{receptor}", CHEAP)
    values = oracle("CC(=O)Nc1ccc(O)cc1")
    assert values["score"] == -values["affinity"] > 0 and values["efficiency"] == pytest.approx(values["score"] / 11)


def test_only_a_cheaper_search_can_be_confirmed(installed, receptor):
    assert DockingOracle.create(str(receptor), CHEAP).full().config.exhaustiveness == 2
    with pytest.raises(ConfigError, match="nothing to confirm: the search docks with exhaustiveness 8 already"):
        DockingOracle.create(str(receptor), {}).full()


@pytest.fixture(scope="module")
def model():
    return load_searchable("zinc250k-small", "cpu")


START = ["CC(=O)NC", "C1#CCC1", "CCN(C)C", "Oc1ccccc1", "NC(=O)CO"]


def test_a_campaign_docks_cheaply_and_confirms_the_best(installed, receptor, tmp_path, model):
    settings = {"oracle": f"dock:{receptor}", "oracle_settings": CHEAP, "confirm": 2, "n_decodings": 2}
    folder = tmp_path / "run"
    with Campaign(model, start=START, folder=folder, budget=7, start_size=5, progress=silent, **settings) as campaign:
        table = campaign.run()
        write_outputs(campaign)
    failed = table[table["status"] == "failed"]
    assert list(failed["smiles"]) == ["C1#CCC1"] and failed["error"].iloc[0] == "no conformer could be embedded"
    good = table[table["status"] == "ok"]
    assert (good["score"] == -good["affinity"]).all() and good["score"].is_monotonic_decreasing
    assert list(good["confirmed"].notna()) == [True, True, *[False] * (len(good) - 2)]
    assert (good["confirmed"].head(2) - good["score"].head(2)).abs().max() < 1
    poses = list(Chem.SDMolSupplier(str(folder / "poses.sdf"), removeHs=False))
    assert {pose.GetProp("smiles") for pose in poses} == set(good["smiles"].head(2))
    assert all(pose.GetProp("exhaustiveness") == "2" and pose.GetConformer().Is3D() for pose in poses)
    assert {pose.GetProp("_Name") for pose in poses} == set(good["id"].head(2))
    with Campaign.resume(folder, model, progress=silent) as campaign:  # nothing is paid again
        pd.testing.assert_frame_equal(campaign.run(), table)


def test_a_changed_receptor_is_not_gone_on_with(installed, receptor, tmp_path, model):
    settings = {"oracle": f"dock:{receptor}", "oracle_settings": CHEAP, "start": START, "progress": silent}
    Campaign(model, folder=tmp_path / "run", **settings).close()
    receptor.write_text("".join(receptor.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(OSError, match="cannot go on, something has changed"):
        Campaign.resume(tmp_path / "run", model, progress=silent)


def test_other_versions_of_the_programs_are_not_gone_on_with(installed, receptor, tmp_path, model, monkeypatch):
    settings = {"oracle": f"dock:{receptor}", "oracle_settings": CHEAP, "start": START, "progress": silent}
    Campaign(model, folder=tmp_path / "run", **settings).close()
    Campaign.resume(tmp_path / "run", model, progress=silent).close()
    version = metadata.version
    for package in ("vina", "meeko", "gemmi"):
        monkeypatch.setattr(metadata, "version", lambda name, other=package: "0.1" if name == other else version(name))
        with pytest.raises(OSError, match=rf"has changed since it began \(oracle\.versions\.{package}: .* '0\.1' now"):
            Campaign.resume(tmp_path / "run", model, progress=silent)


def test_dimorphite_counts_where_it_is_asked(installed, receptor):
    pytest.importorskip("dimorphite_dl")
    asked, not_asked = (DockingOracle.create(str(receptor), {"ph": ph}).facts["versions"] for ph in (7.4, None))
    assert asked == {**not_asked, "dimorphite_dl": metadata.version("dimorphite_dl")}


@pytest.mark.parametrize(
    "oracle, settings, error, message",
    [
        ("dock:gone.pdbqt", {}, OracleError, "no such receptor"),
        (
            "dock:{receptor}",
            {"oracle_settings": {"boxx": 1}},
            ConfigError,
            "unknown setting 'boxx'; did you mean 'box'",
        ),
        ("dock:{receptor}", {"objective": "affinty"}, ConfigError, "'affinty' is neither .*did you mean 'affinity'"),
        ("dock:{receptor}", {"direction": "min"}, ConfigError, "better the larger it is"),
        ("dock:{receptor}", {"confirm": 3}, ConfigError, "nothing to confirm"),
        ("my_oracle:score", {"oracle_settings": {"box": "b"}}, ConfigError, "oracle_settings are for dock:"),
        (None, {"confirm": 3}, ConfigError, "confirm needs an oracle with a cheap and a full fidelity"),
    ],
)
def test_what_is_wrong_stops_before_a_folder_is_made(
    installed, receptor, tmp_path, model, oracle, settings, error, message
):
    oracle = oracle and oracle.format(receptor=receptor)
    with pytest.raises(error, match=message):
        Campaign(model, start=START, folder=tmp_path / "run", oracle=oracle, progress=silent, **settings)
    assert not (tmp_path / "run").exists()
