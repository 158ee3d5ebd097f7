"""The table of conditional likelihoods has every model for every number of quadrants."""

from .small import run


def test_every_model_and_number_of_quadrants_has_its_numbers():
    panels = run("completion")
    table = panels["conditional-likelihood"].frame
    assert list(table.columns) == ["model", "1", "3"]
    assert set(table["model"]) == {
        "plain network",
        "CVAE, Monte Carlo",
        "CVAE, importance sampling",
        "GSNN, Monte Carlo",  # without a bound nothing trains q(z|x, y): no importance sampling
    }
    values = table.set_index("model").astype(float)
    assert (values["3"] < values["1"]).all()  # fewer pixels are left to predict
    assert {"completions-1-cvae", "completions-3-gsnn"} <= set(panels)
