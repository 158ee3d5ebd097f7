"""Test errors with few labels, of every method on the same images."""

from molvae.experiments.studies.labels import METHODS

from .small import run


def test_the_table_of_errors_has_every_method():
    panels = run("semi_supervised")
    assert panels["errors"].frame["method"].tolist() == list(METHODS)
    assert len(panels["error-runs"].frame) == 2 * len(METHODS)
    assert panels["error-runs"].frame["error"].between(0, 100).all()
