"""The shapes in the annotations are checked while the tests run: these fail if that check is off."""

import importlib
import pkgutil

import pytest
import torch
from jaxtyping import AbstractArray, TypeCheckError

import molvae
from molvae.core.distributions import DiagonalGaussian
from molvae.core.objectives import leave_one_out, score_function
from molvae.core.priors import StandardNormal
from molvae.core.sampling import lerp
from molvae.core.terms import Terms


def test_every_module_that_names_shapes_is_checked():
    shaped, unchecked = set(), set()
    for name in (module.name for module in pkgutil.walk_packages(molvae.__path__, "molvae.")):
        module = importlib.import_module(name)
        if name != "molvae.shapes" and any(isinstance(value, type(AbstractArray)) for value in vars(module).values()):
            shaped.add(name)
            if not type(module.__loader__).__module__.startswith("jaxtyping"):
                unchecked.add(name)
    assert {"molvae.core.distributions", "molvae.core.flows", "molvae.core.priors"} <= shaped
    assert not unchecked, "install the hook for them in tests/conftest.py"


def test_ends_of_a_path_of_different_sizes_are_caught_where_torch_would_broadcast():
    with pytest.raises(TypeCheckError):
        lerp(torch.zeros(1), torch.ones(3), torch.linspace(0, 1, 5))


def test_parameters_of_different_shapes_are_caught():
    with pytest.raises(TypeCheckError):
        DiagonalGaussian(torch.zeros(4, 2), torch.zeros(1, 2))


def test_terms_must_agree_in_samples_and_examples():
    q, p = DiagonalGaussian(torch.zeros(4, 2), torch.zeros(4, 2)), StandardNormal(2)
    z = q.rsample(3)
    log_q, kl = q.log_prob(z), p.kl_from(q)
    with pytest.raises(TypeCheckError):
        Terms(log_q, log_q[:1], log_q, kl, q, p, None, z)
    with pytest.raises(TypeCheckError):
        Terms(log_q, log_q, log_q, kl.mean(), q, p, None, z)  # one number for each example, whatever the pair
    good = Terms(log_q, log_q, log_q, kl, q, p, None, z)
    assert score_function(good, leave_one_out(good)).shape == (4,)
    with pytest.raises(TypeCheckError):
        score_function(good, torch.zeros(4))
