"""The shapes in the annotations are checked while the tests run: these fail if that check is off."""

import pytest
import torch
from jaxtyping import TypeCheckError

from molvae.core.distributions import DiagonalGaussian
from molvae.core.objectives import leave_one_out, score_function
from molvae.core.sampling import lerp
from molvae.core.terms import Terms


def test_ends_of_a_path_of_different_sizes_are_caught_where_torch_would_broadcast():
    with pytest.raises(TypeCheckError):
        lerp(torch.zeros(1), torch.ones(3), torch.linspace(0, 1, 5))


def test_parameters_of_different_shapes_are_caught():
    with pytest.raises(TypeCheckError):
        DiagonalGaussian(torch.zeros(4, 2), torch.zeros(1, 2))


def test_terms_must_agree_in_samples_and_examples():
    q = DiagonalGaussian(torch.zeros(4, 2), torch.zeros(4, 2))
    z = q.rsample(3)
    log_q = q.log_prob(z)
    with pytest.raises(TypeCheckError):
        Terms(log_q, log_q[:1], log_q, None, q, None, z)
    good = Terms(log_q, log_q, log_q, None, q, None, z)
    assert score_function(good, leave_one_out(good)).shape == (4,)
    with pytest.raises(TypeCheckError):
        score_function(good, torch.zeros(4))
