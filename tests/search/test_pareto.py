"""The search for a front: it finds the trade-off between two peaks, and keeps what it knows in a state."""

import pytest
import torch

from molvae.search import SearchConfig
from molvae.search.pareto import ParetoSearch, front, hypervolume

PEAKS = torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], dtype=torch.double)


def two_peaks(z: torch.Tensor) -> torch.Tensor:
    """(n, 3) -> (n, 2): each objective falls with the distance from its own peak; the front is the line between."""
    return -torch.cdist(z.double(), PEAKS).square()


def begun(seed: int = 0) -> ParetoSearch:
    search = ParetoSearch(3, 2, SearchConfig(max_iterations=5), seed=seed)
    z = torch.randn(15, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    search.tell(z, two_peaks(z), torch.ones(15, dtype=torch.bool))
    return search


def test_the_front_is_what_nothing_dominates():
    y = torch.tensor([[0.0, 2.0], [2.0, 0.0], [1.0, 1.0], [0.5, 0.5], [0.0, 0.0]])
    assert front(y).tolist() == [True, True, True, False, False]


def test_hypervolume_of_boxes():
    reference = torch.zeros(2)
    assert hypervolume(torch.tensor([[1.0, 2.0], [2.0, 1.0]]), reference) == pytest.approx(3.0)
    assert hypervolume(torch.tensor([[torch.nan, 1.0]]), reference) == 0.0


def test_it_dominates_more_than_random_points_do():
    search, reference = begun(), torch.tensor([-6.0, -6.0])
    for step in range(1, 6):
        search.state()
        z = search.ask(4, step).z
        search.tell(z, two_peaks(z), torch.ones(len(z), dtype=torch.bool))
    random = torch.randn(35, 3, generator=torch.Generator().manual_seed(5), dtype=torch.double)
    assert hypervolume(search.y, reference) > hypervolume(two_peaks(random), reference)
    assert search.z[search.front_rows, 1:].abs().mean() < 0.5  # near the line between the peaks


def test_a_search_restored_from_its_state_goes_on_the_same():
    search = begun()
    state = search.state()
    other = ParetoSearch(3, 2, search.config, seed=0)
    other.tell(search.z, search.y, search.feasible)
    other.load_state(state)
    candidates = torch.randn(20, 3, generator=torch.Generator().manual_seed(9), dtype=torch.double)
    assert search.select(candidates, 5, 3)[0] == other.select(candidates, 5, 3)[0]
    assert torch.equal(search.ask(3, 4).z, other.ask(3, 4).z)


def test_without_a_known_value_it_looks_anywhere():
    search = ParetoSearch(3, 2, seed=0)
    assert search.ask(4, 1).z.shape == (4, 3)
    search.tell(torch.zeros(2, 3), torch.full((2, 2), torch.nan), torch.zeros(2, dtype=torch.bool))
    assert search.ask(4, 2).z.shape == (4, 3)
