"""Refined encodings decode to their molecules, and each is found by itself."""

import pytest
import torch

from molvae.core.fit import FitConfig, fit
from molvae.core.training import vae_objective
from molvae.errors import InputError
from molvae.molecules.dataset import BucketedBatches, MoleculeDataset
from molvae.molecules.refinement import rebuilt, refine
from molvae.molecules.training import MoleculeObjectiveConfig
from molvae.run.progress import silent

from .conftest import MOLECULES, SHAPES, small_model


@pytest.fixture(params=("plain", "both"), scope="module")
def trained(request, tmp_path_factory):
    """A model that can write its ten molecules, at encodings that are not yet theirs."""
    model = small_model(**SHAPES[request.param])
    batches = BucketedBatches(MoleculeDataset.build(MOLECULES, model.vocabulary)[0], 10, 0)
    objective = vae_objective(MoleculeObjectiveConfig(beta=0.05, weights={}))
    config = FitConfig(epochs=200, learning_rate=1e-2, warmup_steps=10, precision="float32")
    fit(model, batches, objective, config, tmp_path_factory.mktemp("run"), None, "cpu", silent)
    return model


def off_the_mark(model):
    z = model.encode(MOLECULES, canonicalise=False)
    return z + 0.9 * torch.randn(z.shape, generator=torch.Generator().manual_seed(1))


def test_molecules_come_back(trained):
    start = off_the_mark(trained)
    torch.testing.assert_close(trained.refine(MOLECULES, start, 0, silent), start, rtol=0, atol=0)
    refined = trained.refine(MOLECULES, start, 60, silent)
    exact = rebuilt(trained, MOLECULES, refined)
    assert rebuilt(trained, MOLECULES, start).sum() < exact.sum() >= 9
    texts, _ = trained.generate(refined, mask="none")
    assert [text == wanted for text, wanted in zip(texts, MOLECULES, strict=True)] == exact.tolist()


def test_what_decodes_to_its_molecule_stays_where_it_is(trained):
    refined = trained.refine(MOLECULES, off_the_mark(trained), 60, silent)
    exact = rebuilt(trained, MOLECULES, refined)
    again = trained.refine(MOLECULES, refined, 60, silent)
    torch.testing.assert_close(again[exact], refined[exact], rtol=0, atol=0)


def test_a_molecule_is_refined_alike_in_every_batch(trained):
    start = off_the_mark(trained)
    whole = trained.refine(MOLECULES, start, 20, silent)
    for rows in ([3], [5, 1], list(reversed(range(10))), [2] * 70):
        part = trained.refine([MOLECULES[row] for row in rows], start[rows], 20, silent)
        # matrix products of other shapes may round differently, on some processors
        torch.testing.assert_close(part, whole[rows], rtol=0, atol=1e-5)


def test_the_norm_is_bounded(trained):
    start = torch.nn.functional.normalize(off_the_mark(trained), dim=1) * 2.0
    start[0] *= 4
    molecules, _ = MoleculeDataset.build(MOLECULES, trained.vocabulary)
    refined = refine(trained.decoder, molecules, start, 30, rate=0.5, margin=50.0, largest_norm=1.0, progress=silent)
    norms = refined.norm(dim=1)
    assert (norms[1:] <= 6**0.5 + 1e-4).all() and norms[0] <= 8 + 1e-4


def test_rows_without_a_point_or_outside_the_vocabulary_stay_as_they_are(trained):
    start = off_the_mark(trained)
    start[1] = torch.nan
    molecules = ["[U]", *MOLECULES[1:]]
    refined = trained.refine(molecules, start, 5, silent)
    torch.testing.assert_close(refined[:2], start[:2], rtol=0, atol=0, equal_nan=True)
    assert not rebuilt(trained, molecules, refined)[:2].any()
    empty = trained.refine([], torch.empty(0, 6))
    assert empty.shape == (0, 6) and rebuilt(trained, [], empty).shape == (0,)


def test_a_molecule_is_rebuilt_however_it_is_written(trained):
    z = trained.encode(["OCC"], refine=True, progress=silent)
    assert rebuilt(trained, ["C(O)C", "CCO"], z.repeat(2, 1)).tolist() == [True, True]


def test_as_many_points_as_molecules(trained):
    with pytest.raises(InputError, match="as many points"):
        trained.refine(MOLECULES, torch.zeros(3, 6))


def test_the_model_is_left_alone_and_gradients_may_be_turned_off_around_it(trained):
    before, start = trained.fingerprint(), off_the_mark(trained)
    refined = trained.refine(MOLECULES, start, 3, silent)
    with torch.inference_mode():
        torch.testing.assert_close(trained.refine(MOLECULES, start, 3, silent), refined, rtol=0, atol=0)
    assert trained.fingerprint() == before


def test_progress_is_told(trained):
    events = []
    trained.encode(MOLECULES, refine=True, progress=events.append)
    assert events[-1].ended and events[-1].done == events[-1].total >= 1
    assert {event.what for event in events} == {"refining encodings"}
