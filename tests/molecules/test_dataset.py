"""Batches: padded, bucketed by length, every molecule once an epoch, in an order that repeats."""

import numpy as np
import torch

from molvae.molecules import dataset
from molvae.molecules.dataset import BucketedBatches, MoleculeDataset
from molvae.molecules.vocabulary import BOS_INDEX, EOS_INDEX, PAD_INDEX, Vocabulary

from .conftest import MOLECULES

VOCABULARY = Vocabulary.build(MOLECULES)


def chains(number: int) -> MoleculeDataset:
    """Carbon chains of 1 to 20 atoms; the property is the row number."""
    smiles = ["C" * (1 + row % 20) for row in range(number)]
    dataset, _ = MoleculeDataset.build(smiles, VOCABULARY, np.arange(number, dtype=np.float32)[:, None])
    return dataset


def test_a_batch_is_tokens_end_and_padding():
    dataset, _ = MoleculeDataset.build(["CC", "C"], VOCABULARY)
    batch = dataset.batch(np.array([0, 1]))
    c = VOCABULARY.index["C"]
    assert batch.tokens.tolist() == [[c, c, EOS_INDEX], [c, EOS_INDEX, PAD_INDEX]]
    assert batch.inputs.tolist() == [[BOS_INDEX, c, c], [BOS_INDEX, c, EOS_INDEX]]


def test_some_molecules_are_taken_with_their_properties():
    taken = chains(30).take(np.array([7, 3]))
    assert taken.lengths().tolist() == [8, 4]
    assert taken.properties[:, 0].tolist() == [7, 3]
    assert taken.batch(np.array([1])).tokens.tolist() == chains(30).batch(np.array([3])).tokens.tolist()
    assert len(chains(3).take(np.array([], dtype=np.int64))) == 0


def test_refused_molecules_are_named_and_their_properties_left_out():
    dataset, refused = MoleculeDataset.build(["C", "[Xe]", "CC"], VOCABULARY, np.array([[1.0], [2.0], [3.0]]))
    assert list(refused) == [1] and "[Xe]" in refused[1]
    assert dataset.properties.tolist() == [[1.0], [3.0]]


def test_an_epoch_holds_every_molecule_once():
    batches = BucketedBatches(chains(1003), batch_size=32, seed=0)
    epoch = list(batches.epoch(0))
    assert len(epoch) == len(batches) == 32
    rows = torch.cat([batch.properties[:, 0] for batch in epoch])
    assert sorted(rows.tolist()) == list(range(1003))


def test_batches_have_few_widths_and_little_padding():
    """Multiples of four, and never more than the longest molecule, here of 21 tokens, needs with its end."""
    smiles = ["C" * (1 + row % 21) for row in range(2100)]
    dataset, _ = MoleculeDataset.build(smiles, VOCABULARY)
    batches = list(BucketedBatches(dataset, batch_size=32, seed=0).epoch(0))
    assert {batch.tokens.shape[1] for batch in batches} == {4, 8, 12, 16, 20, 22}
    padding = sum(int((batch.tokens == PAD_INDEX).sum()) for batch in batches)
    assert padding < 2.2 * 2100  # tokens a molecule


def test_the_order_depends_on_seed_and_epoch_alone_and_can_be_entered_in_the_middle():
    def order(seed, epoch, skip=0):
        batches = BucketedBatches(chains(200), batch_size=16, seed=seed).epoch(epoch, skip)
        return [batch.properties[:, 0].tolist() for batch in batches]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1) and order(0, 0) != order(1, 0)
    assert order(0, 3, skip=5) == order(0, 3)[5:]


def test_tokens_on_disk_are_those_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "_WRITTEN_TOGETHER", 3)
    smiles = [*MOLECULES, "[Xe]", "CCO"]
    properties = np.arange(len(smiles), dtype=np.float32)[:, None]
    held, refused = MoleculeDataset.build(smiles, VOCABULARY, properties)
    mapped, also_refused = MoleculeDataset.build(iter(smiles), VOCABULARY, properties, tmp_path / "tokens")
    assert refused == also_refused and list(refused) == [len(MOLECULES)]
    assert isinstance(mapped.flat, np.memmap) and isinstance(mapped.offsets, np.memmap)
    assert mapped.flat.dtype == held.flat.dtype
    for one, other in zip(BucketedBatches(held, 4, 0).epoch(1), BucketedBatches(mapped, 4, 0).epoch(1), strict=True):
        assert torch.equal(one.tokens, other.tokens) and torch.equal(one.properties, other.properties)
    assert sorted(path.name for path in (tmp_path / "tokens").iterdir()) == ["token_offsets.npy", "tokens.npy"]


def test_part_of_a_batch_is_padded_as_the_whole():
    batch = chains(20).batch(np.array([0, 5, 19]))
    part = batch.part(slice(0, 2))
    assert torch.equal(part.tokens, batch.tokens[:2]) and torch.equal(part.properties, batch.properties[:2])
