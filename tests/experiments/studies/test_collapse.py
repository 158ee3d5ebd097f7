"""Four schedules of the KL weight, on the same network and seed."""

from .small import run


def test_a_line_and_a_row_for_each_schedule():
    panels = run("collapse")
    curves, table = panels["collapse"].frame, panels["collapse-table"].frame
    schedules = ["constant weight", "linear warm-up", "cyclical", "free bits"]
    assert curves.columns.tolist() == ["epoch", *schedules] and table["schedule"].tolist() == schedules
    assert curves["epoch"].is_monotonic_increasing
    assert table["KL"].tolist() == curves[schedules].iloc[-1].tolist()
    assert table["active units"].between(0, 3).all()


def test_a_slower_rise_leaves_more_in_the_code():
    kl = {steps: run("collapse", warmup_steps=steps)["collapse-table"].frame["KL"] for steps in (1, 10_000)}
    assert kl[10_000][1] > kl[1][1]  # linear warm-up
    assert kl[10_000][0] == kl[1][0]  # the constant weight does not know it
