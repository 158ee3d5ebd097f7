"""The class of an unlabelled image drawn instead of summed out."""

from .small import run


def test_a_draw_costs_less_than_a_sum_when_there_are_many_classes():
    panels = run("class_sampling")
    assert panels["class-errors"].frame["unknown class"].tolist() == ["sum", "gumbel", "straight_through"]
    times = panels["step-time-table"].frame.set_index("classes")
    assert times.loc[100, "sum"] > 1.5 * times.loc[100, "gumbel"]
