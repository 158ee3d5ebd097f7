"""A density in the plane, in pictures and in nats."""

import pandas as pd

from .small import FIT, GREY, run


def test_a_picture_a_cloud_and_a_number_for_each_likelihood_and_seed():
    panels = run("half_rings", seeds=[0, 1])
    assert panels["half-rings-density"].array.shape == (2, 2, 12, 12)
    assert (panels["half-rings-density"].array.max((2, 3)) == 1).all()  # each scaled to its own maximum
    clouds = panels["half-rings-samples"].frame["class"].value_counts()
    assert clouds.index.tolist()[0] == "data" and len(clouds) == 5 and set(clouds) == {1500}
    table = panels["half-rings-table"].frame
    assert table[["likelihood", "seed"]].to_numpy().tolist() == [
        ["gaussian", 0],
        ["gaussian", 1],
        ["gaussian_shared_sigma", 0],
        ["gaussian_shared_sigma", 1],
    ]


def test_training_makes_the_test_points_more_probable():
    def nll(epochs: int) -> pd.Series:
        model, fit = {**GREY["model"], "latent_size": 2}, {**FIT, "epochs": epochs}
        train = {**GREY, "model": model, "fit": fit, "objective": {"beta": 1.0}}  # without the warm-up of the study
        return run("half_rings", train=train)["half-rings-table"].frame["NLL of test points, nats"]

    assert (nll(8) < nll(1)).all()
