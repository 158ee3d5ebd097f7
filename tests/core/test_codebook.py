"""Codes that are vectors of a codebook, and the priors over them."""

import math

import pytest
import torch

from molvae.core.codebook import CODEBOOK, COMMITMENT, Codebook, CodePrior, perplexity
from molvae.core.distributions import DiagonalGaussian, Posterior, Prior
from molvae.core.nn.pixel_cnn import GatedPixelCNN
from molvae.errors import ConfigError

K, N, D = 5, 4, 3


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def codebook(**settings: float) -> Codebook:
    torch.manual_seed(0)
    return Codebook(K, D, **settings).eval()


def test_each_position_takes_the_nearest_code():
    book, outputs = codebook(), randn(7, N, D)
    q = book(outputs)
    assert torch.equal(q.index, torch.cdist(outputs, book.vectors.expand(7, K, D)).argmin(-1))
    assert torch.equal(q.vectors, book.vectors[q.index]) and torch.equal(q.mean, q.vectors.flatten(1))
    assert isinstance(q, Posterior) and q.event_shape == (N, D)


def test_what_is_decoded_is_the_code_and_its_gradient_goes_to_the_encoder():
    book, outputs = codebook(average=0.0), randn(7, N, D).requires_grad_()
    q = book(outputs)
    z, target = q.rsample(2), randn(2, 7, N * D, seed=1)
    torch.testing.assert_close(z, q.mean.expand(2, 7, N * D))
    assert not q.log_prob(z).any() and q.log_prob(z).shape == (2, 7)
    gradient, none = torch.autograd.grad((z * target).sum(), (outputs, book.vectors), allow_unused=True)
    torch.testing.assert_close(gradient, target.sum(0).view(7, N, D))
    assert none is None


def test_one_loss_moves_the_codes_and_the_other_the_encoder():
    book, outputs = codebook(average=0.0), randn(7, N, D).requires_grad_()
    losses = book(outputs).losses()
    squares = torch.cdist(outputs, book.vectors.expand(7, K, D)).min(-1).values.square().sum(-1)
    for name, moves, stays in ((CODEBOOK, book.vectors, outputs), (COMMITMENT, outputs, book.vectors)):
        torch.testing.assert_close(losses[name], -squares)
        gradient, none = torch.autograd.grad(losses[name].sum(), (moves, stays), allow_unused=True, retain_graph=True)
        assert gradient.abs().sum() > 0 and none is None


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_codes_settle_where_the_outputs_are_and_all_are_used(average):
    """Five heaps of points, five codes: with restarts none is left out, whichever way the codes move."""
    book, heaps = codebook(average=average, revive=0.3).train(), 5 * randn(K, D, seed=3)
    optimizer = None if average else torch.optim.Adam(book.parameters(), lr=0.1)
    for step in range(100):
        outputs = heaps[torch.randint(K, (20, N), generator=torch.Generator().manual_seed(step))]
        q = book(outputs + 0.1 * randn(20, N, D, seed=step))
        if optimizer is not None:
            optimizer.zero_grad()
            (-q.losses()[CODEBOOK].mean()).backward()
            optimizer.step()
    assert torch.cdist(heaps, book.vectors).min(1).values.max() < 0.5
    assert sorted(book.nearest(heaps).tolist()) == list(range(K))


def test_the_same_updates_give_the_same_codes_and_an_evaluation_none():
    one, other = codebook().train(), codebook().train()
    for step in range(5):
        for book in (one, other):
            book(randn(6, N, D, seed=step))
    assert torch.equal(one.vectors, other.vectors) and int(one.updates) == 5
    before = one.vectors.clone()
    one.eval()(randn(6, N, D, seed=9))
    assert torch.equal(one.vectors, before)


def test_the_uniform_prior_takes_log_k_for_each_code():
    book = codebook()
    p, q = CodePrior(book, N), book(randn(7, N, D))
    assert isinstance(p, Prior)
    torch.testing.assert_close(p.kl_from(q), torch.full((7,), N * math.log(K)))
    z = p.sample((2, 3), torch.Generator().manual_seed(0))
    assert z.shape == (2, 3, N * D) and p.event_shape == (N, D)
    torch.testing.assert_close(p.log_prob(z), torch.full((2, 3), -N * math.log(K)))
    assert torch.equal(book.look_up(book.nearest(z.unflatten(-1, (N, D)))).flatten(-2), z)
    with pytest.raises(ConfigError, match="a posterior of codes, not a DiagonalGaussian"):
        p.kl_from(DiagonalGaussian(z[0], z[0]))


def test_a_network_over_codes_is_a_prior_too_and_does_not_keep_the_codebook_twice():
    book = codebook()
    p, q = CodePrior(book, N, GatedPixelCNN(K, 2, 2, 8, 2)), book(randn(7, N, D))
    torch.testing.assert_close(p.kl_from(q), -p.log_prob(q.rsample(1))[0])
    torch.testing.assert_close(p.kl_per_factor(q).sum(-1), p.kl_from(q))
    assert p.sample((3,), torch.Generator().manual_seed(0)).shape == (3, N * D)
    assert all(name.startswith("network.") for name in p.state_dict())


def test_perplexity_counts_codes_as_if_all_were_alike():
    assert perplexity(torch.arange(4).repeat(3), 8) == (pytest.approx(4), 0.5)
    assert perplexity(torch.zeros(9, dtype=torch.int64), 8) == (pytest.approx(1), 1 / 8)
