"""A model's latent space as a search sees it."""

import pytest
import torch

from molvae.chemistry.domain import nci_molecules
from molvae.design.latent_space import LatentSpace, load_searchable
from molvae.design.objective import Objective
from molvae.errors import CheckpointError, ConfigError
from molvae.images.vae import ImageVAE, ImageVAEConfig

from .digits import DigitModel, Digits

ITEMS = [Digits("123456"), Digits("130000"), Digits("444444")]


def test_what_the_model_refuses_has_no_point():
    space = LatentSpace(DigitModel())
    points, mask = space.encode(ITEMS)
    assert mask.tolist() == [True, False, True]
    assert torch.equal(points, torch.tensor([[-1.5, -1, -0.5, 0, 0.5, 1], [0] * 6]))
    points, mask = space.encode([])
    assert points.shape == (0, 6) and mask.shape == (0,)
    assert space.dimension == 6 and space.typical_norm == 6**0.5


def test_an_item_is_encoded_once_until_the_model_changes(monkeypatch):
    space, asked = LatentSpace(model := DigitModel()), []
    monkeypatch.setattr(model, "encode", lambda items: asked.extend(items) or torch.zeros(1, 6))
    for _ in range(2):
        space.encode(ITEMS)
    assert asked == [ITEMS[0], ITEMS[2]]
    space.forget()
    space.encode(ITEMS)
    assert len(asked) == 4


def test_refined_encodings_decode_to_their_molecules_and_are_a_matter_of_molecules():
    model = load_searchable("zinc250k-small", "cpu")
    items = [model.domain.parse(text)[0] for text in nci_molecules()["smiles"][:60]]
    items = [item for item in items if model.accepts(item) is None][:8]

    def encoded(refine):
        points, mask = LatentSpace(model, refine=refine).encode(items)
        assert mask.all()
        texts, _ = model.generate(points, mask="none")
        return points, sum(text == item.smiles for text, item in zip(texts, items, strict=True))

    (points, rebuilt), (refined, rebuilt_refined) = encoded(False), encoded(True)
    assert rebuilt_refined > rebuilt
    # the same as it is alone, so that a resumed campaign goes on as it would have
    row = int((points != refined).any(-1).nonzero()[0])
    alone, _ = LatentSpace(model, refine=True).encode([items[row]])
    assert torch.equal(alone[0], refined[row])
    with pytest.raises(ConfigError, match="encodings of rounding cannot be refined"):
        LatentSpace(DigitModel(), refine=True)


def test_decoding_is_a_function_of_seed_and_step():
    space, z = LatentSpace(DigitModel(), n_decodings=30, seed=5), torch.zeros(3, 6, dtype=torch.double)
    assert space.decode(z, 1) == space.decode(z, 1) != space.decode(z, 2)
    assert space.decode(z, 1) != LatentSpace(DigitModel(), n_decodings=30, seed=6).decode(z, 1)
    cold = LatentSpace(DigitModel(), n_decodings=30, temperature=1e-6).decode(z, 1)
    assert [point.candidates[0].votes for point in cold] == [30] * 3


def test_the_predicted_utility_has_the_sign_of_the_search_and_a_gradient():
    model = DigitModel()
    z = torch.zeros(2, 6, dtype=torch.double, requires_grad=True)
    for direction, sign in (("max", 1), ("min", -1)):
        predict = LatentSpace(model, Objective.parse("2*sum", direction, model.domain)).predicted_utility
        utility = predict(z)
        assert utility.tolist() == [sign * 48.0] * 2 and utility.dtype == torch.double
        (gradient,) = torch.autograd.grad(utility.sum(), z)
        assert (gradient == sign * 4).all()
    for objective in (None, Objective.parse("sum + ones", domain=model.domain)):
        assert LatentSpace(model, objective).predicted_utility is None


def test_only_a_model_with_candidates_can_be_searched(tmp_path):
    assert load_searchable("zinc250k-small", "cpu").latent_size == 32
    ImageVAE(ImageVAEConfig(latent_size=2), (1, 8, 8)).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="a model of kind 'image-vae', without candidates: nothing can be searched"):
        load_searchable(str(tmp_path), "cpu")
    with pytest.raises(CheckpointError, match="no model 'zinc'"):
        load_searchable("zinc")
