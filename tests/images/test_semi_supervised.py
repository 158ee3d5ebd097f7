"""M1, M2 and M1+M2: the bounds against their definition, and learning from few labels."""

import math

import pytest
import torch

from molvae.core.objectives import elbo
from molvae.errors import ConfigError, InputError
from molvae.experiments.studies.labels import train_m2
from molvae.images.batches import ImageBatch
from molvae.images.datasets import ImageSplit
from molvae.images.semi_supervised import (
    M2,
    M2Config,
    SemiBatches,
    adversarial_change,
    draw_labelled,
    label_spreading_error,
    m2_objective,
    mutual_information,
    support_vector_error,
)

SMALL = {  # as published: with nothing but the bounds and the labels
    "vae": {"latent_size": 4, "conditional": True, "network": {"hidden_size": 64, "depth": 1}},
    "alpha": 5.0,
    "smoothness": 0.0,
    "information": 0.0,
}


def small(**changes: object) -> M2Config:
    return M2Config.create({**SMALL, **changes})


@pytest.fixture
def model(digits) -> M2:
    torch.manual_seed(0)
    return M2(small(), digits.shape, 10)


def images(digits, number: int = 6) -> ImageBatch:
    pixels = (digits.train.pixels[:number] > 0.5).float()
    return ImageBatch(pixels, digits.train.labels[:number], torch.arange(number))


def test_the_unlabelled_bound_sums_over_the_classes(model, digits):
    """Eq. 7, term by term: a loop over y gives on average what the leading axis gives."""
    batch = images(digits)
    with torch.no_grad():
        log_q = model.log_q_y(batch.pixels)
        generator = torch.Generator().manual_seed(0)
        fast = torch.stack([model.unlabelled_bound(batch, log_q, generator) for _ in range(300)]).mean(0)
        slow = torch.zeros(6)
        for label in range(10):
            one = ImageBatch(batch.pixels, torch.full((6,), label), batch.index)
            bound = elbo(model.vae.terms(one, 300, generator)) + math.log(1 / 10)
            slow += log_q[:, label].exp() * (bound - log_q[:, label])
    torch.testing.assert_close(fast, slow, atol=0.15, rtol=0)


def test_a_class_drawn_as_a_one_hot_has_the_summed_bound_for_its_mean(digits):
    """Jang et al. 2016, section 3.3: the same expectation, one pass instead of ten; soft draws are no such draws."""
    batch = images(digits)
    found = {}
    for way in ("sum", "straight_through"):
        torch.manual_seed(0)
        drawing = M2(small(unknown_class=way), digits.shape, 10)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            log_q = drawing.log_q_y(batch.pixels)
            found[way] = torch.stack([drawing.unlabelled_bound(batch, log_q, generator) for _ in range(300)]).mean(0)
    torch.testing.assert_close(found["sum"], found["straight_through"], atol=0.35, rtol=0)


@pytest.mark.parametrize("way", ["gumbel", "straight_through"])
def test_the_gradient_of_a_drawn_class_reaches_the_classifier(digits, way):
    torch.manual_seed(0)
    model = M2(small(unknown_class=way), digits.shape, 10)
    batch = images(digits)
    log_q = model.log_q_y(batch.pixels).detach().requires_grad_()
    entropy = -(log_q.exp() * log_q).sum()
    bound = model.unlabelled_bound(batch, log_q, torch.Generator().manual_seed(0)).sum()
    (gradient,) = torch.autograd.grad(bound - entropy, log_q)
    assert (gradient.abs().sum(-1) > 0).all()


def test_a_classifier_that_is_certain_makes_the_unlabelled_bound_the_labelled_one(model, digits):
    batch = images(digits)
    certain = torch.full((6, 10), -80.0).scatter(1, batch.labels.unsqueeze(1), 0.0)
    with torch.no_grad():
        labelled = torch.stack(
            [model.labelled_bound(batch, torch.Generator().manual_seed(seed)) for seed in range(200)]
        ).mean(0)
        unlabelled = torch.stack(
            [model.unlabelled_bound(batch, certain, torch.Generator().manual_seed(seed)) for seed in range(200)]
        ).mean(0)
    torch.testing.assert_close(labelled, unlabelled, atol=0.2, rtol=0)


def test_labels_of_unlabelled_images_are_never_seen(digits):
    batches = SemiBatches(digits.train[:50], digits.train, small(batch_size=100))
    batch = next(batches.epoch(0))
    assert batch.unlabelled.labels is None and len(batch) == 100
    assert len(batch.labelled) == 50
    with pytest.raises(InputError, match="classes"):
        SemiBatches(ImageSplit(digits.train.pixels), digits.train, small())


def test_the_labelled_images_come_round_and_an_epoch_can_be_entered_midway(digits):
    batches = SemiBatches(digits.train[:120], digits.train, small(batch_size=100, labelled_batch_size=50))
    whole = list(batches.epoch(1))
    assert len(whole) == len(batches) == 13
    later = list(batches.epoch(1, skip=9))
    for a, b in zip(whole[9:], later, strict=True):
        assert torch.equal(a.labelled.pixels, b.labelled.pixels)
        assert torch.equal(a.unlabelled.pixels, b.unlabelled.pixels)


def test_m2_learns_from_unlabelled_images(digits):
    labelled = digits.train[draw_labelled(digits.train, 60, 10, 0)]
    fit = {"epochs": 25, "learning_rate": 5e-3, "warmup_steps": 10, "precision": "float32"}
    _, error = train_m2(small(fit=fit, binarisation="threshold"), digits.train, labelled, digits.test, 0)
    assert error < 0.3  # chance is 0.9


def test_smooth_and_decided_classes_need_fewer_labels(digits):
    labelled = digits.train[draw_labelled(digits.train, 20, 10, 0)]
    fit = {"epochs": 25, "learning_rate": 5e-3, "warmup_steps": 10, "precision": "float32"}
    errors = [
        train_m2(small(fit=fit, binarisation="threshold", **terms), digits.train, labelled, digits.test, 0)[1]
        for terms in ({}, {"alpha": 30.0, "smoothness": 30.0, "information": 30.0})
    ]
    assert errors[1] < errors[0] - 0.03


def test_the_objective_pulls_the_classifier_to_the_labels(model, digits):
    labelled = digits.train[draw_labelled(digits.train, 20, 10, 0)]
    batch = next(SemiBatches(labelled, digits.train, small(batch_size=50)).epoch(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(40):
        value, logged = m2_objective(small())(model, batch, step, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        (-value.mean()).backward()
        optimizer.step()
    assert value.shape == (50,)
    assert float(logged["log_q_y"].detach().mean()) > -0.1


def test_drawn_labels_are_even_and_repeat_with_the_seed(digits):
    rows = draw_labelled(digits.train, 25, 10, seed=3)
    counts = torch.bincount(digits.train.labels[rows], minlength=10)
    assert counts.sum() == 25 and counts.max() - counts.min() <= 1
    assert torch.equal(rows, draw_labelled(digits.train, 25, 10, seed=3))
    assert not torch.equal(rows, draw_labelled(digits.train, 25, 10, seed=4))
    with pytest.raises(ConfigError, match="images, not 200"):
        draw_labelled(digits.train, 2000, 10, seed=0)
    rows = draw_labelled(digits.train, 1290, 10, seed=0, balanced=False)  # more than the rarest class allows
    assert len(set(rows.tolist())) == 1290
    with pytest.raises(ConfigError, match="there are 1300 images, not 1301"):
        draw_labelled(digits.train, 1301, 10, seed=0, balanced=False)


def test_mutual_information_is_largest_for_certain_and_even_classes():
    certain = torch.log(torch.eye(4).clamp(min=1e-9))
    assert float(mutual_information(certain)) == pytest.approx(math.log(4), abs=1e-3)
    assert float(mutual_information(torch.full((5, 4), -math.log(4)))) == pytest.approx(0.0, abs=1e-6)


def linear(x: torch.Tensor) -> torch.Tensor:
    """Two classes, and only the first of the coordinates tells them apart."""
    return torch.log_softmax(torch.stack([x[:, 0], -x[:, 0]], -1), -1)


def test_the_adversarial_step_goes_where_the_classifier_changes_most():
    x = torch.zeros(200, 5)
    x[:100, 0] = 5.0  # far from the border of the classes, a small step changes nothing
    change = adversarial_change(linear, x, 0.5, torch.Generator().manual_seed(0))
    step = torch.zeros(1, 5)
    step[0, 0] = 0.5
    worst = (linear(x[-1:]).exp() * (linear(x[-1:]) - linear(x[-1:] + step))).sum()
    torch.testing.assert_close(change[100:], worst.expand(100))
    assert float(change[:100].max()) < 1e-3


def test_smoothness_is_a_term_of_the_objective_and_the_bounds_can_be_left_out(model, digits):
    labelled = digits.train[draw_labelled(digits.train, 20, 10, 0)]
    batch = next(SemiBatches(labelled, digits.train, small(batch_size=50)).epoch(0))

    def value(**changes: object) -> torch.Tensor:
        objective = m2_objective(small(bound_weight=0.0, **changes))
        return objective(model, batch, 0, torch.Generator().manual_seed(0))[0].detach()

    plain = value()
    assert plain.shape == (50,) and torch.equal(plain, plain[:1].expand(50))  # only the labels: no image has its own
    change = adversarial_change(model.log_q_y, batch.unlabelled.pixels, 2.0, torch.Generator().manual_seed(0)).detach()
    torch.testing.assert_close(value(smoothness=3.0, radius=2.0), plain - 3 * change.mean())


def test_a_support_vector_machine_on_raw_pixels(digits):
    rows = draw_labelled(digits.train, 200, 10, 0)
    part = digits.train[rows]
    error = support_vector_error(part.pixels, part.labels, digits.test.pixels, digits.test.labels)
    assert 0 < error < 0.15


def test_m2_needs_a_conditional_vae(digits):
    with pytest.raises(ConfigError, match=r"vae\.conditional"):
        M2(M2Config.create({"vae": {"conditional": False}}), digits.shape, 10)


def test_labels_spread_over_clusters():
    points = torch.randn(240, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(240) % 2
    points[:, 0] += 8 * labels
    assert label_spreading_error(points[:2], labels[:2], points[2:120], points[120:], labels[120:]) == 0.0


@pytest.mark.parametrize("unknown", ["sum", "gumbel"])
def test_styles_are_held_to_the_prior_for_every_class_that_an_image_may_have(digits, unknown):
    """The penalty moves q(z|x, y), and leaves the classifier alone."""
    torch.manual_seed(0)
    free, held = (M2(small(style_mmd=weight, unknown_class=unknown), digits.shape, 10) for weight in (0.0, 100.0))
    held.load_state_dict(free.state_dict())
    batch = images(digits, 60)
    bounds = [
        each.unlabelled_bound(batch, each.log_q_y(batch.pixels).detach(), torch.Generator().manual_seed(1)).mean()
        for each in (free, held)
    ]
    penalty = bounds[0] - bounds[1]
    assert penalty > 0
    gradients = torch.autograd.grad(penalty, held.vae.encoder.parameters(), allow_unused=True)
    assert any((gradient is not None) and bool((gradient != 0).any()) for gradient in gradients)
