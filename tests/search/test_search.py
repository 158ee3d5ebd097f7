"""The search knows no chemistry: it is tested on functions whose maximum is known."""

import numpy as np
import pytest
import torch

from molvae.search import Search, SearchConfig
from molvae.search.acquisition import ACQUISITIONS
from molvae.search.region import TrustRegion, near_centres
from molvae.search.surrogate import Feasibility, Posterior, Surrogate

D = 12


def hill(z: torch.Tensor) -> torch.Tensor:
    """Largest, 0, where the first four coordinates are 1 and the others 0."""
    return -(z[:, :4] - 1).square().sum(1) - 0.1 * z[:, 4:].square().sum(1)


def feasible(z: torch.Tensor) -> torch.Tensor:
    return z[:, 5] < 0.8


def start(seed: int, number: int = 40) -> torch.Tensor:
    return torch.randn(number, D, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


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


def test_feasibility_is_learnt():
    model = Feasibility()
    z = start(1, 300)
    model.fit(z, feasible(z))
    probe = start(2, 400)
    probability = model.predict(probe)
    assert ((probability > 0) & (probability < 1)).all()
    assert probability[feasible(probe)].mean() > probability[~feasible(probe)].mean() + 0.1
    assert model.predict(z[feasible(z)]).mean() > 0.8


def test_surrogate_predicts_and_knows_what_it_does_not_know():
    z = start(0, 150)
    model = Surrogate()
    model.fit(z, hill(z))
    near, far = model.predict(z + 0.01), model.predict(z + 20)
    assert torch.corrcoef(torch.stack([near.mean, hill(z)]))[0, 1] > 0.9
    assert near.std.mean() < 0.7 * far.std.mean()


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_every_acquisition_prefers_the_better_the_uncertain_and_the_feasible(name):
    def first(mean, std, probability):
        posterior = Posterior(torch.tensor(mean).double(), torch.diag(torch.tensor(std).double() ** 2))
        votes = [
            ACQUISITIONS[name](posterior, torch.tensor(probability).double(), 0.0, 1, torch.Generator().manual_seed(s))[
                0
            ][0]
            for s in range(30)
        ]
        return np.bincount(votes, minlength=2).argmax()

    assert first([0.0, 2.0], [0.3, 0.3], [0.9, 0.9]) == 1
    assert first([0.0, 0.0], [0.1, 1.0], [0.9, 0.9]) == 1 or name == "thompson"
    assert first([1.0, 1.0], [0.3, 0.3], [0.1, 0.99]) == 1


def test_the_trust_region_grows_shrinks_and_starts_again():
    region = TrustRegion(length=0.4, smallest=0.1, largest=0.8, patience=2)
    for _ in range(2):
        region.update(True)
    assert region.length == pytest.approx(0.6)
    for _ in range(10):
        region.update(False)
    assert region.restarts == 1 and region.length > 0.3
    assert TrustRegion.from_state(region.state()) == region


def test_candidates_stay_in_the_ball():
    centres = start(0, 3)
    z = near_centres(centres, torch.ones(3), 2.0, 500, 3.0, torch.Generator().manual_seed(0))
    assert z.shape == (500, D) and (z.norm(dim=1) <= 3.0 + 1e-9).all()
