"""Schedules are functions of the step."""

import pytest
from pydantic import Field

from molvae.core.schedules import Schedule, cyclical, in_steps, piecewise_linear, warmup_cosine
from molvae.errors import ConfigError
from molvae.run.config import Config, read_toml


def test_piecewise_linear_waits_rises_and_stays():
    knots = [(10, 0.0), (20, 2.0), (30, 1.0)]
    assert [piecewise_linear(step, knots) for step in (0, 10, 15, 20, 25, 99)] == [0.0, 0.0, 1.0, 2.0, 1.5, 1.0]
    assert piecewise_linear(7, [(0, 0.5)]) == 0.5


def test_cyclical_returns_to_zero_in_each_period():
    assert [cyclical(step, 1.0, period=10) for step in (0, 5, 9, 10, 12)] == [0.0, 1.0, 1.0, 0.0, 0.4]


def test_learning_rate_rises_then_falls_to_its_floor():
    rates = [warmup_cosine(step, 1.0, warmup=10, total=110, floor=0.1) for step in range(111)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[110] == pytest.approx(0.1)


def test_the_learning_rate_is_held_for_a_share_of_the_run():
    rates = [warmup_cosine(step, 1.0, warmup=10, total=110, floor=0.1, hold=0.5) for step in range(111)]
    assert rates[9:56] == [1.0] * 47 and rates[56] < 1
    assert rates[110] == pytest.approx(0.1)
    assert warmup_cosine(99, 1.0, warmup=10, total=100, hold=1.0) == 1.0


class Numbers(Config):
    """A recipe with a schedule in it."""

    beta: Schedule = Schedule()


class Run(Config):
    """Settings with schedules at every depth."""

    numbers: Numbers = Numbers()
    weights: dict[str, Schedule] = Field(default_factory=dict)
    temperature: Schedule | None = None


@pytest.mark.parametrize(
    ("toml", "values", "final"),
    [
        ("beta = 2", [2.0, 2.0, 2.0], 2.0),
        ("beta = [[0, 0.0], [10, 2.0]]", [0.0, 1.0, 2.0], 2.0),
        ("beta = { value = 2.0 }", [2.0, 2.0, 2.0], 2.0),
        ('beta = { kind = "linear", value = 2.0, steps = 10 }', [0.0, 1.0, 2.0], 2.0),
        ('beta = { kind = "cyclical", value = 2.0, steps = 10 }', [0.0, 2.0, 0.0], 2.0),
        ('beta = { kind = "exponential", rate = 0.1, floor = 0.5 }', [1.0, 0.6065306597, 0.5], 0.5),
        ('beta = { kind = "knots", knots = [[5, 3.0]] }', [3.0, 3.0, 3.0], 3.0),
        ("", [1.0, 1.0, 1.0], 1.0),
    ],
)
def test_one_language_for_every_number_in_a_recipe(tmp_path, toml, values, final):
    (tmp_path / "recipe.toml").write_text(toml)
    recipe = Numbers.create(read_toml(tmp_path / "recipe.toml"))
    assert [recipe.beta.at(step) for step in (0, 5, 10)] == pytest.approx(values)
    assert recipe.beta.final == final
    # what a run folder records is the same schedule
    assert Numbers.create(recipe.model_dump(mode="json")) == recipe


def test_shares_become_steps_when_the_length_of_the_run_is_known():
    shares = {"shares": [[0, 0.0], [0.4, 0.06]]}
    run = Run.create({"numbers": {"beta": shares}, "weights": {"properties": shares, "other": 3}})
    assert run.numbers.beta.used and run.numbers.beta.final == 0.06
    for total in (10, 1000):
        resolved = in_steps(run, total)
        for schedule in (resolved.numbers.beta, resolved.weights["properties"]):
            values = [schedule.at(int(share * total)) for share in (0, 0.2, 0.4, 1)]
            assert values == pytest.approx([0.0, 0.03, 0.06, 0.06])
        assert resolved.weights["other"] == Schedule(value=3) and resolved.temperature is None
    with pytest.raises(ConfigError, match="needs the number of steps of the run"):
        run.numbers.beta.at(0)
    # what a run folder records keeps the shares, so that it may be read before the data are
    assert run.model_dump(mode="json")["numbers"] == {"beta": shares}
    assert Run.create(run.model_dump(mode="json")) == run


def test_of_shares_that_fall_on_one_step_the_later_counts():
    schedule = Schedule.create({"shares": [[0, 1.0], [0.5, 2.0], [0.51, 3.0]]})
    assert in_steps(Numbers(beta=schedule), 10).beta == Schedule.create({"kind": "knots", "knots": [[0, 1], [5, 3]]})


def test_the_temperature_of_jang():
    """tau = max(0.5, exp(-3e-5 t)), in the experiments of Jang et al. 2016."""
    tau = Schedule(kind="exponential", rate=3e-5, floor=0.5)
    assert [round(tau.at(step), 3) for step in (0, 10_000, 20_000, 1_000_000)] == [1.0, 0.741, 0.549, 0.5]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "at least one knot"),
        ({"shares": []}, r"at least one knot \[share, value\]"),
        ({"shares": [[0.5, 0.1], [0.2, 0.2]]}, "shares rising"),
        ({"shares": [[0, 0.1], [400, 0.2]]}, "less than or equal to 1"),
        ({"shares": [[0, 0.1]], "value": 0.2}, "'shares' is made of shares, not of value"),
        ([[5, 0.1], [2, 0.2]], "steps rising"),
        ([[0, -0.1]], "not negative|greater than or equal to 0"),
        ([[0, float("nan")]], "finite number"),
        (-1.0, "greater than or equal to 0"),
        (float("inf"), "finite"),
        ("high", "a number, a list of knots"),
        (True, "a number, a list of knots"),
        ({"kind": "sine"}, "'constant', 'linear'"),
        ({"kind": "linear", "stpes": 3}, "did you mean 'steps'"),
        ({"kind": "linear", "rate": 0.1}, "'linear' is made of value and steps, not of rate"),
        ({"steps": 5}, "'constant' is made of value"),
        ({"kind": "exponential", "value": 0.1, "floor": 0.5}, "above its floor 0.5"),
    ],
)
def test_a_schedule_that_means_nothing_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        Numbers.create({"beta": given})
