"""Ask and tell: the search comes closer than chance, goes on from its state, and survives odd data."""

import pytest
import torch

from molvae.search import Search, SearchConfig

from .hills import D, feasible, hill, start


def begun(config: SearchConfig | None = None, seed: int = 0, **more) -> Search:
    search = Search(D, config, seed=seed, **more)
    z = start(seed)
    search.tell(z, hill(z), feasible(z))
    search.state()
    return search


@pytest.mark.parametrize("acquisition", ["logei", "thompson"])
@pytest.mark.parametrize("region", ["trust", "global"])
def test_every_strategy_beats_random_search(acquisition, region):
    search = begun(SearchConfig(acquisition=acquisition, region=region, candidates=400))
    for step in range(1, 9):
        asked = search.ask(5, step)
        search.tell(asked.z, hill(asked.z), feasible(asked.z))
        search.state()
    drawn = torch.cat([start(seed) for seed in range(1, 11)])  # ten times as many points
    assert search.best > float(hill(drawn[feasible(drawn)]).max())


def test_a_prior_mean_helps_if_it_is_right_and_hardly_hurts_if_it_is_noise():
    def noise(z):
        return torch.sin(37 * z.sum(1))

    reached = {}
    for name, mean in (("none", None), ("right", hill), ("noise", noise)):
        search = begun(SearchConfig(candidates=400), prior_mean=mean)
        for step in range(1, 6):
            asked = search.ask(5, step)
            search.tell(asked.z, hill(asked.z), feasible(asked.z))
            search.state()
        reached[name] = search.best
    assert reached["right"] > reached["none"]
    assert reached["noise"] > reached["none"] - 1.0


def test_a_search_restored_from_its_state_goes_on_exactly():
    whole, told = begun(), []
    for step in range(1, 4):
        asked = whole.ask(4, step)
        told.append((asked.z, hill(asked.z), feasible(asked.z)))
        whole.tell(*told[-1])
        state = whole.state()
    restored = Search(D, seed=0)
    z = start(0)
    restored.tell(z, hill(z), feasible(z))
    for item in told:
        restored.tell(*item)
    restored.load_state(state)
    a, b = whole.ask(4, 4), restored.ask(4, 4)
    for name in ("z", "mean", "std", "acquisition", "feasibility"):
        assert torch.equal(getattr(a, name), getattr(b, name))


def test_points_of_a_batch_differ_and_keep_away_from_pending_ones():
    search = begun()
    first = search.ask(6, 1)
    assert len(torch.unique(first.z, dim=0)) == 6
    rows, _ = search.select(torch.cat([first.z, first.z + 1e-3]), 3, 1)
    search.add_pending(first.z[rows[0] % 6].unsqueeze(0))
    again, _ = search.select(torch.cat([first.z, first.z + 1e-3]), 1, 1)
    assert again[0] % 6 != rows[0] % 6


@pytest.mark.parametrize(
    ("number", "values"),
    [(0, "hill"), (1, "hill"), (2, "hill"), (30, "constant"), (30, "nan"), (30, "infinite")],
)
def test_odd_data_never_breaks_a_step(number, values):
    search = Search(D, SearchConfig(candidates=50))
    z = start(0, number)
    y = {
        "hill": hill(z),
        "constant": torch.ones(number),
        "nan": torch.full((number,), torch.nan),
        "infinite": torch.full((number,), torch.inf),
    }[values]
    search.tell(z, y, torch.ones(number, dtype=torch.bool))
    search.state()
    asked = search.ask(3, 1)
    assert asked.z.shape == (3, D) and torch.isfinite(asked.z).all()


def test_the_same_point_told_twice_and_nothing_feasible():
    search = Search(D, SearchConfig(candidates=50))
    z = start(0, 10)
    search.tell(torch.cat([z, z]), torch.cat([hill(z), hill(z)]), torch.ones(20, dtype=torch.bool))
    search.state()
    assert torch.isfinite(search.ask(3, 1).mean).all()
    barren = Search(D, SearchConfig(candidates=50))
    barren.tell(z, hill(z), torch.zeros(10, dtype=torch.bool))
    barren.state()
    assert barren.best is None and barren.ask(3, 1).z.shape == (3, D)


def test_of_too_many_points_the_surrogate_sees_the_best_and_the_latest():
    search = Search(D, SearchConfig(max_points=10, candidates=50))
    z = start(0, 40)
    y = torch.arange(40, dtype=torch.double).flip(0)  # the first are the best
    search.tell(z, y, torch.ones(40, dtype=torch.bool))
    search.state()
    asked = search.ask(2, 1)
    seen = search.surrogate.model.train_inputs[0]
    assert torch.equal(seen, torch.cat([z[:5], z[35:]]))
    assert torch.isfinite(asked.acquisition).all()


def test_feasibility_is_one_where_it_is_not_to_be_learnt():
    z = start(0)
    for learnt in (True, False):
        search = begun(SearchConfig(feasibility=learnt, candidates=50))
        assert bool((search.feasibility_of(z) == 1).all()) is not learnt
