"""What samples of the prior and of the posterior say about log p(x)."""

from .small import FIT, TRAIN, run


def test_prior_samples_are_below_importance_samples():
    frame = run("marginal_likelihood")["marginal-6"].frame
    assert frame["samples of the prior"].iloc[0] < frame["importance samples of q(z|x)"].iloc[0]
    assert frame["ELBO"].iloc[0] <= frame["importance samples of q(z|x)"].iloc[-1] + 0.1


def test_samples_of_the_prior_are_less_hopeless_in_a_plane():
    train = {**TRAIN, "fit": {**FIT, "epochs": 30}}
    panels = run("marginal_likelihood", train=train, latent_sizes=[2, 10])
    missing = {}
    for size in (2, 10):
        frame = panels[f"marginal-{size}"].frame
        assert frame["samples"].tolist() == [1, 10, 100] and frame["ELBO"].nunique() == 1
        assert frame["samples of the prior"].is_monotonic_increasing
        missing[size] = (frame["importance samples of q(z|x)"] - frame["samples of the prior"]).iloc[-1]
    assert missing[2] < missing[10]
