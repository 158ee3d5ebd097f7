"""Lines, great circles and fitted Gaussians in latent space."""

import pytest
import torch

from molvae.core.sampling import analogy, fitted_gaussian, fitted_mixture, gaussian_grid, interpolate, lerp, slerp
from molvae.errors import ConfigError

T = torch.linspace(0, 1, 5)


@pytest.mark.parametrize("method", ["lerp", "slerp"])
def test_a_path_begins_and_ends_at_its_ends(method):
    a, b = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([-1.0, 0.5, 3.0])
    path = interpolate(a, b, T, method)
    torch.testing.assert_close(path[0], a)
    torch.testing.assert_close(path[-1], b)


def test_slerp_keeps_the_norm_where_lerp_cuts_through_the_middle():
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    torch.testing.assert_close(slerp(a, b, T).norm(dim=1), torch.full((5,), 2.0))
    assert lerp(a, b, T).norm(dim=1).min() < 1.5


@pytest.mark.parametrize("end", [[2.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
def test_slerp_between_parallel_opposite_or_zero_ends_is_a_finite_line(end):
    path = slerp(torch.tensor([1.0, 0.0]), torch.tensor(end), T)
    torch.testing.assert_close(path, lerp(torch.tensor([1.0, 0.0]), torch.tensor(end), T))


def test_unknown_method_is_refused():
    with pytest.raises(ConfigError, match="lerp or slerp"):
        interpolate(torch.ones(2), torch.zeros(2), T, "spline")


def test_fitted_gaussian_has_the_moments_of_the_encodings():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.tensor([[1.0, 0.0], [0.8, 0.3]])
    encodings = torch.randn(5_000, 2, generator=generator) @ mixing.t() + torch.tensor([3.0, -1.0])
    drawn = fitted_gaussian(encodings, 5_000, generator)
    torch.testing.assert_close(drawn.mean(0), encodings.mean(0), atol=0.06, rtol=0)
    torch.testing.assert_close(torch.cov(drawn.t()), torch.cov(encodings.t()), atol=0.08, rtol=0)


@pytest.mark.parametrize("seed", range(5))
def test_fewer_encodings_than_dimensions_are_a_gaussian_as_well(seed):
    encodings = 30 * torch.randn(6, 64, generator=torch.Generator().manual_seed(seed))
    drawn = fitted_gaussian(encodings, 100, torch.Generator().manual_seed(seed))
    centred, basis = drawn - encodings.mean(0), torch.linalg.qr((encodings - encodings.mean(0))[:5].t())[0]
    # in the five dimensions that six encodings span
    torch.testing.assert_close(centred @ basis @ basis.t(), centred, atol=0.02, rtol=0)


def test_a_mixture_finds_both_clouds_where_one_gaussian_fills_the_gap():
    generator = torch.Generator().manual_seed(0)
    clouds = torch.cat([torch.randn(400, 2, generator=generator) * 0.2 + centre for centre in (-3.0, 3.0)])
    drawn = fitted_mixture(clouds, 500, components=2)
    assert drawn.shape == (500, 2) and drawn.dtype == clouds.dtype
    assert (drawn[:, 0].abs() > 1.5).all()
    assert (fitted_gaussian(clouds, 500, generator)[:, 0].abs() < 1.5).any()
    assert torch.equal(drawn, fitted_mixture(clouds, 500, components=2))
    with pytest.raises(ConfigError, match="as many encodings"):
        fitted_mixture(clouds[:1], 5, components=2)


def test_an_analogy_adds_the_difference():
    torch.testing.assert_close(
        analogy(torch.zeros(2), torch.tensor([1.0, 0.0]), torch.ones(2)), torch.tensor([2.0, 1.0])
    )


def test_the_gaussian_grid_has_equal_probability_and_runs_row_by_row():
    points = gaussian_grid(4).view(4, 4, 2)
    assert (points[0, :, 1] > points[3, :, 1]).all() and (points[:, 0, 0] < points[:, 3, 0]).all()
    share = torch.special.ndtr(points[0, :, 0])
    torch.testing.assert_close(share, torch.tensor([0.125, 0.375, 0.625, 0.875]))
