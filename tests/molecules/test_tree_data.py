"""Junction trees of a data set: made once, in parallel or not, and found again."""

import numpy as np
import pytest

from molvae.errors import CheckpointError, InputError
from molvae.molecules import tree_data
from molvae.molecules.cluster_vocabulary import ClusterVocabulary, canonical_label
from molvae.molecules.tree_batches import TreeBatches, TreeDataset
from molvae.molecules.tree_data import build_arrays, cache_folder, cached_arrays
from molvae.run.progress import silent

from .graphs import GRAPHS


def test_what_has_no_tree_is_left_out_with_its_reason():
    arrays = build_arrays(["CCO", "[Na+].[Cl-]", "CCC"], progress=silent)
    assert len(arrays) == 2 and list(arrays.refused) == [1] and "fragments" in arrays.refused[1]
    assert arrays.labels == ("CC", "CO")
    assert arrays.columns["parent"].tolist() == [-1, 0, -1, 0]


def test_processes_give_what_one_process_gives(monkeypatch):
    monkeypatch.setattr(tree_data, "_CHUNK", 3)
    molecules = [*GRAPHS, "C.C", *GRAPHS]
    one, two = build_arrays(molecules, 1, silent), build_arrays(molecules, 2, silent)
    assert one.labels == two.labels and one.refused == two.refused
    for name, values in one.columns.items():
        np.testing.assert_array_equal(values, two.columns[name])


def test_trees_come_from_the_cache_and_a_damaged_cache_is_made_anew(tmp_path, monkeypatch):
    first = cached_arrays(GRAPHS, 1, tmp_path, silent)
    monkeypatch.setattr(tree_data, "build_arrays", lambda *given: pytest.fail("they were there"))
    again = cached_arrays(GRAPHS, 1, tmp_path, silent)
    np.testing.assert_array_equal(first.columns["label"], again.columns["label"])
    monkeypatch.undo()
    folder = cache_folder(GRAPHS, tmp_path)
    (folder / "label.npy").write_bytes(b"")
    assert cached_arrays(GRAPHS, 1, tmp_path, silent).labels == first.labels
    assert cache_folder(GRAPHS[:-1], tmp_path) != folder


def test_a_vocabulary_is_ordered_by_frequency_and_comes_back_from_text():
    vocabulary = ClusterVocabulary.build(build_arrays(GRAPHS, progress=silent))
    assert vocabulary.labels[0] == "CC" and len(set(vocabulary.labels)) == len(vocabulary)
    again = ClusterVocabulary.from_json(vocabulary.to_json())
    assert again.labels == vocabulary.labels and again.max_clusters == vocabulary.max_clusters
    for text in ("", "{}", '{"labels": [], "max_clusters": 3}', '{"labels": ["CC", "CC"], "max_clusters": 3}'):
        with pytest.raises(CheckpointError, match="damaged"):
            ClusterVocabulary.from_json(text)
    with pytest.raises(CheckpointError, match="neither single"):
        ClusterVocabulary(["c1ccccc1"], 3)
    with pytest.raises(InputError, match=r"no molecule .* fragments"):
        ClusterVocabulary.build(build_arrays(["C.C"], progress=silent))


def test_labels_fit_where_their_atoms_and_the_valence_left_allow():
    vocabulary = ClusterVocabulary(["CC", "C=O", "C#N", "CO", "C1=CC=CC=C1"], 9)
    carbon = (6, 0)
    names = lambda fits: {vocabulary.labels[number] for number in np.flatnonzero(fits)}  # noqa: E731
    assert names(vocabulary.fitting((carbon,), (1,))) == {"CC", "CO"}
    assert names(vocabulary.fitting((carbon,), (3,))) == {"CC", "C=O", "C#N", "CO", "C1=CC=CC=C1"}
    assert names(vocabulary.fitting((carbon, carbon, 2), (1, 1))) == {"C1=CC=CC=C1"}
    assert names(vocabulary.fitting((carbon, carbon, 2), (0, 1))) == set()


def test_the_published_vocabulary_is_written_in_our_way(data_mirror):
    published = (data_mirror / "jtvae" / "zinc_vocab.txt").read_text().split()
    labels = {canonical_label(text) for text in published}
    ours = ClusterVocabulary.build(build_arrays(GRAPHS, progress=silent))
    assert len(published) == 780 and set(ours.labels) - labels <= {"C1CC2CCC1CC2"}


def test_batches_are_a_function_of_seed_and_epoch_and_hold_every_molecule_once():
    arrays = build_arrays(GRAPHS, progress=silent)
    dataset = TreeDataset(arrays, ClusterVocabulary.build(arrays), np.arange(len(GRAPHS), dtype=np.float32)[:, None])
    batches = TreeBatches(dataset, 5, seed=3)
    seen = [batch.properties[:, 0].tolist() for batch in batches.epoch(0)]
    assert [len(rows) for rows in seen] == [5, 5, 2] and len(batches) == 3
    assert sorted(row for rows in seen for row in rows) == list(range(len(GRAPHS)))
    assert [batch.properties[:, 0].tolist() for batch in batches.epoch(0, skip=1)] == seen[1:]
    assert [batch.properties[:, 0].tolist() for batch in batches.epoch(1)] != seen


def test_a_molecule_with_a_part_that_is_not_known_or_too_large_is_refused():
    vocabulary = ClusterVocabulary(["CC", "CO"], 3)
    dataset = TreeDataset(build_arrays(["CCO", "CCN", "CCCCCO", "[Na+].[Cl-]", "CC"], progress=silent), vocabulary)
    assert dataset.rows.tolist() == [0, 4] and len(dataset) == 2
    assert "CN" in dataset.refused[1] and "5 clusters" in dataset.refused[2] and "fragments" in dataset.refused[3]
