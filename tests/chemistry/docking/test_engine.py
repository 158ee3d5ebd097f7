"""Real docking into a small peptide."""

import pytest
from rdkit import Chem

from molvae.chemistry.docking.engine import cache_folder, cached_pose, check_engine, dock
from molvae.chemistry.docking.receptor import find_receptor, read_receptor
from molvae.chemistry.docking.settings import DockingConfig
from molvae.errors import InputError, OracleError

pytest.importorskip("vina")
pytest.importorskip("meeko")

CHEAP = DockingConfig(exhaustiveness=1)


def test_the_best_pose_lies_in_the_box_and_is_the_molecule(receptor):
    target = find_receptor(str(receptor), CHEAP)
    pose = dock(target, CHEAP, "CC(=O)Nc1ccccc1")
    assert -10 < pose.GetDoubleProp("affinity") < -1  # kcal/mol
    assert pose.GetProp("smiles") == pose.GetProp("docked") == "CC(=O)Nc1ccccc1"
    heavy = Chem.RemoveHs(pose)
    assert Chem.MolToSmiles(heavy) == "CC(=O)Nc1ccccc1" and pose.GetNumAtoms() == 19
    points = heavy.GetConformer().GetPositions()
    assert (abs(points - target.center) <= 6.5).all()
    from_protein = ((points[:, None] - read_receptor(receptor).coordinates[None]) ** 2).sum(-1) ** 0.5
    assert 2.2 < from_protein.min() < 4.5  # touching, not overlapping


def test_a_score_is_a_function_of_the_molecule_alone(receptor, tmp_path, monkeypatch):
    target = find_receptor(str(receptor), CHEAP)
    first = dock(target, CHEAP, "OCc1ccccc1").GetProp("affinity")
    monkeypatch.setenv("MOLVAE_CACHE", str(tmp_path / "another cache"))
    dock(target, CHEAP, "CCN")  # what came before makes no difference
    assert dock(target, CHEAP, "OCc1ccccc1").GetProp("affinity") == first


def test_poses_are_kept_under_all_that_they_depend_on(receptor):
    target = find_receptor(str(receptor), CHEAP)
    folder = cache_folder(target, CHEAP)
    assert cached_pose(folder, "CCO") is None
    dock(target, CHEAP, "CCO")
    assert cached_pose(folder, "CCO").GetProp("exhaustiveness") == "1"
    assert folder == cache_folder(target, CHEAP.model_copy(update={"cores": 3}))
    others = [{"exhaustiveness": 2}, {"seed": 2}, {"scoring": "vinardo"}, {"spacing": 0.4}]
    assert len({folder, *(cache_folder(target, CHEAP.model_copy(update=other)) for other in others)}) == 5
    (file,) = folder.iterdir()
    whole = file.read_text()
    for damaged in (whole[:100], "", whole.replace("<smiles>", "<smile>"), whole.replace("<affinity>", "<a>")):
        assert damaged != whole
        file.write_text(damaged)
        assert cached_pose(folder, "CCO") is None
    assert dock(target, CHEAP, "CCO").HasProp("affinity")  # docked anew
    assert file.read_text() != damaged and cached_pose(folder, "CCO") is not None


def test_what_vina_has_no_type_for_is_refused_with_its_words(receptor):
    with pytest.raises(InputError, match=r"Vina cannot dock the ligand: .*Atom type B is not a valid"):
        dock(find_receptor(str(receptor), CHEAP), CHEAP, "OB(O)c1ccccc1")


def test_stereochemistry_that_was_left_open_is_told(receptor):
    pose = dock(find_receptor(str(receptor), CHEAP), CHEAP, "CC(N)C(=O)O")
    assert pose.GetProp("docked") in ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O")


def test_a_receptor_that_vina_cannot_read_shows_before_the_first_ligand(receptor):
    text = receptor.read_text().splitlines(keepends=True)
    receptor.write_text("".join([text[0][:77] + "Xx\n", *text[1:]]))
    with pytest.raises(OracleError, match=r"does not work: .*Xx"):
        check_engine(find_receptor(str(receptor), CHEAP), CHEAP)
