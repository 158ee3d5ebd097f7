"""An invertible map: it inverts, its determinant is right, and a Gaussian pushed through it is a density."""

import pytest
import torch

from molvae.core.distributions import DiagonalGaussian
from molvae.core.flows import CouplingFlow, FlowPosterior
from molvae.core.priors import StandardNormal


def flow(dimension: int = 5, layers: int = 4, spread: float = 0.2) -> CouplingFlow:
    """A map that is far from the identity, as after training."""
    torch.manual_seed(0)
    made = CouplingFlow(dimension, layers, width=16)
    for parameter in made.parameters():
        parameter.data += spread * torch.randn_like(parameter)
    return made


def points(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_a_new_flow_is_the_identity():
    z = points(7, 5)
    u, log_det = CouplingFlow(5, 4, 16)(z)
    assert torch.equal(u, z)
    assert torch.equal(log_det, torch.zeros(7))


@pytest.mark.parametrize("dimension", (2, 5, 8))
@pytest.mark.parametrize("layers", (1, 4, 6))
def test_the_inverse_gives_back_the_point_and_the_same_determinant(dimension, layers):
    made, z = flow(dimension, layers), points(3, 4, dimension)
    u, forth = made(z)
    again, back = made.inverse(u)
    assert not torch.allclose(u, z, atol=0.1)
    torch.testing.assert_close(again, z, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(back, forth, atol=1e-4, rtol=1e-4)


def test_the_log_determinant_is_that_of_the_jacobian():
    made, z = flow(), points(5)
    jacobian = torch.autograd.functional.jacobian(lambda point: made(point)[0], z)
    torch.testing.assert_close(made(z)[1], torch.linalg.slogdet(jacobian).logabsdet, atol=1e-4, rtol=1e-4)


def test_the_inverse_is_exact_under_autocast():
    made, z = flow(), points(6, 5)
    with torch.autocast("cpu", torch.bfloat16):
        again, _ = made.inverse(made(z)[0])
    torch.testing.assert_close(again, z, atol=1e-4, rtol=1e-4)


def test_the_posterior_is_a_density_and_its_draws_follow_it():
    """E_q[p(u) / q(u)] = 1 for any density p under which q leaves nothing out: importance weights average to one."""
    q = FlowPosterior(DiagonalGaussian(torch.zeros(1, 2), torch.full((1, 2), 0.5)), flow(2, 4))
    u = q.rsample(200_000, torch.Generator().manual_seed(0))
    weights = (StandardNormal(2).log_prob(u * 2) + 2 * torch.log(torch.tensor(2.0)) - q.log_prob(u)).exp()
    assert weights.mean().item() == pytest.approx(1.0, abs=0.03)


def test_the_density_of_a_draw_is_the_same_whether_it_is_remembered_or_not():
    q = FlowPosterior(DiagonalGaussian(points(4, 5), points(4, 5)), flow())
    u = q.rsample(3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(q.log_prob(u), q.log_prob(u.clone()), atol=1e-3, rtol=1e-4)
