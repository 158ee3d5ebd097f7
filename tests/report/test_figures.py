"""Figures of a run: SVG text, the same for the same numbers, and no more than the numbers say."""

import numpy as np
import pandas as pd

from molvae.report import figures
from molvae.report.load import CampaignData


def campaign(scores: list[float]) -> CampaignData:
    """A campaign whose first ten answers are the start."""
    origin = ["start" if call < 10 else "latent" for call in range(len(scores))]
    return CampaignData(pd.DataFrame({"score": scores, "origin": origin}), pd.DataFrame(), 1.0)


def lines(svg: str) -> int:
    """Lines of data that a figure draws."""
    return svg.count('<g id="line2d_') - svg.count('<g id="xtick_') - svg.count('<g id="ytick_')


def test_a_line_for_each_strategy_that_has_answers():
    scores = np.random.default_rng(0).normal(size=30).tolist()
    both = {"latent": campaign(scores), "random": campaign(scores[:20])}
    alone = figures.best_so_far("latent", {"latent": both["latent"]}, 1)
    drawn = figures.best_so_far("latent", both, 1)
    with_nothing = figures.best_so_far("latent", {**both, "genetic": campaign([])}, 1)
    assert lines(drawn) > lines(alone) and lines(with_nothing) == lines(drawn)
    assert figures.best_so_far("latent", both, 1) == drawn != figures.best_so_far("latent", both, -1)


def test_a_campaign_that_failed_throughout_is_drawn():
    assert figures.best_so_far("latent", {"latent": campaign([np.nan] * 12)}, 1).startswith("<svg")


def test_the_map_marks_the_best_of_what_was_scored():
    random = np.random.default_rng(0)
    background = random.normal(size=(30, 4)), random.normal(size=30)
    asked = pd.DataFrame({"z": list(random.normal(size=(6, 4))), "step": range(6)})
    scores = pd.Series([0.0, np.nan, 3.0, 1.0, 2.0, np.nan])
    drawn = figures.latent_map(background, asked, scores, "QED")
    assert figures.latent_map(background, asked, scores.replace({3.0: -1.0}), "QED") != drawn  # the star moves
    assert figures.latent_map(background, asked, scores * np.nan, "QED").startswith("<svg")
    assert figures.latent_map(background, asked.head(0), scores.head(0), "QED").startswith("<svg")
    unknown = background[0], np.full(len(background[0]), np.nan)  # only an oracle of the user could say
    grey = figures.latent_map(unknown, asked, scores, "QED")
    assert grey.count("#bbbbbb") > drawn.count("#bbbbbb")


def test_scores_and_calibration_are_drawn_of_few_numbers_too():
    table = campaign([1.0] * 10 + [2.0, np.nan]).evaluations
    assert figures.score_distribution(table).startswith("<svg")
    assert figures.score_distribution(table.head(10)) != figures.score_distribution(table)
    assert figures.calibration(np.zeros(3), np.ones(3), np.arange(3.0)).startswith("<svg")


def test_training_and_held_out_values_share_a_picture():
    log = pd.DataFrame({"step": [1, 2], "epoch": [0.5, 1.0], "train_kl": [3.0, 4.0], "seconds": [1, 1]})
    one, two = figures.training_curves(log), figures.training_curves(log.assign(valid_kl=[3.5, np.nan], beta=[0, 1]))
    assert one.count('<g id="axes_') == 1 and two.count('<g id="axes_') == 2
