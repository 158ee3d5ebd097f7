"""One encoder for all images, or a q for each of them."""

import torch

from molvae.experiments.studies.inference import PerDatapoint

from .small import run


def test_a_table_begins_at_the_prior_and_every_image_has_its_own_row():
    q = PerDatapoint(5, 3)(torch.tensor([4, 0]))
    assert q.mu.shape == (2, 3) and (q.mu == 0).all() and (q.log_var == 0).all()
    assert sum(parameter.numel() for parameter in PerDatapoint(5, 3).parameters()) == 5 * 2 * 3


def test_refining_the_posteriors_of_a_trained_encoder_closes_its_gap():
    panels = run("inference")
    table = panels["inference-table"].frame.set_index("inference")
    assert table.loc["amortised, then refined per datapoint", "ELBO"] > table.loc["amortised", "ELBO"]
    assert table["ELBO gap to the best"].min() == 0
    assert table.loc["per datapoint", "numbers in memory"] > 6 * 1000  # grows with the images
    assert panels["inference-curves"].frame["epoch"].tolist() == [1, 2, 3]


def test_more_fits_through_a_wider_bottleneck():
    panels = run("inference", bottlenecks=[1, 8], epochs=1)
    losses = panels["autoencoder-table"].frame["reconstruction, nats"]
    assert losses[1] < losses[0]
    assert panels["autoencoder"].array.shape == (4, 12, 8, 8)
