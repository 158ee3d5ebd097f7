"""Proteins to points and back, and the folder that a model lies in."""

import pytest
import torch

from molvae.core.pretrained import load_model
from molvae.design.protocols import Model, TrainableModel
from molvae.errors import InputError
from molvae.proteins.batches import plain_batch, texts, tokenise
from molvae.proteins.likelihood import generate
from molvae.proteins.sequence import Protein


def test_tokens_are_the_sequence_and_its_end(members):
    assert texts(tokenise(members)) == members
    assert tokenise(["AC", "ACD"]).shape == (2, 4)


def test_it_is_found_by_its_folder_and_can_be_searched(model, model_folder):
    loaded = load_model(model_folder, "cpu")
    assert isinstance(loaded, Model) and isinstance(loaded, TrainableModel)
    assert loaded.fingerprint() == model.fingerprint()
    assert loaded.domain.properties[0] == "function"


def test_a_row_that_cannot_be_encoded_is_empty_and_says_why(model, members):
    z, problems = model.encode_with_errors([members[0], "MKX", "M" * 60, members[1].lower()])
    assert torch.isfinite(z).all(-1).tolist() == [True, False, False, True]
    assert "X stands for any residue" in problems[1] and "holds up to" in problems[2]
    assert torch.allclose(z[3], model.encode([members[1]])[0], atol=1e-5)
    with pytest.raises(InputError, match="list of sequences"):
        model.encode(members[0])


def test_what_is_padded_makes_no_difference(model):
    together = model.encode(["MKVAYDLEPRNW", "MKVAYDLEPRNWGGSTKLVEQHIFPD"])
    assert torch.allclose(together[0], model.encode(["MKVAYDLEPRNW"])[0], atol=1e-5)


def test_writing_step_by_step_is_teacher_forcing(model):
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    tokens, log_prob = generate(model.decoder, z, 1.0, torch.Generator().manual_seed(1))
    for row, text in enumerate(texts(tokens)):
        if len(text) > model.config.max_length:  # cut, without its end
            continue
        forced = model.decoder(z[row][None, None]).log_prob(plain_batch([text]))
        assert forced.item() == pytest.approx(log_prob[row].item(), abs=1e-3)


def test_decodings_are_counted_and_repeatable(model, members):
    z = model.encode(members[:3])
    first, again = model.propose(z, 6, seed=3), model.propose(z, 6, seed=3)
    assert first == again and len(first) == 3
    for point in first:
        assert sum(candidate.votes for candidate in point.candidates) <= 6
        assert all(Protein.parse(candidate.item.identity)[0] == candidate.item for candidate in point.candidates)
    broken = model.propose(torch.full((1, 4), torch.nan), 2, seed=0)[0]
    assert broken.candidates == () and "not finite" in broken.error


def test_codes_that_were_kept_give_the_same_bound(model, members):
    plain = model.terms(
        model.batch([Protein(text) for text in members[:4]]), generator=torch.Generator().manual_seed(0)
    )
    kept = model.terms(model.in_order(members[:4])[0], generator=torch.Generator().manual_seed(0))
    assert torch.allclose(plain.log_px, kept.log_px, atol=1e-3)
    assert "code" in kept.aux and plain.aux == {}
