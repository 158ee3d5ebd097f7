"""How far a campaign has come after each oracle call: the one definition behind the report and the benchmark.

Everything here takes utilities, to be maximised, in the order of the calls; NaN where an answer failed. A failed answer
was a call all the same, but it is never among the best.
"""

import bisect

import numpy as np

TOP = 10  # items whose mean is followed, as in the benchmark of Gao et al. 2022


def best_so_far(utility: np.ndarray) -> np.ndarray:
    """Largest utility after each of n calls, (n,); NaN before the first answer."""
    best = np.maximum.accumulate(np.where(np.isfinite(utility), utility, -np.inf))
    return np.where(np.isfinite(best), best, np.nan)


def mean_of_best(utility: np.ndarray, count: int = TOP) -> np.ndarray:
    """Mean of the ``count`` largest utilities after each of n calls, (n,).

    Of all answers while there are fewer; NaN before the first.
    """
    best: list[float] = []  # rising, at most ``count``
    means = np.full(len(utility), np.nan)
    for call, value in enumerate(utility):
        if np.isfinite(value):
            bisect.insort(best, float(value))
            del best[:-count]
        if best:
            means[call] = sum(best) / len(best)
    return means


def area_under_curve(utility: np.ndarray, budget: int, every: int = 100) -> float:
    """Area under :func:`mean_of_best` over ``budget`` calls, divided by the budget (PMO; Gao et al. 2022).

    By the trapezoidal rule over every ``every``-th call and the last one, from (0, 0). A run that ends early keeps its
    last value; NaN if nothing was answered.
    """
    curve = mean_of_best(utility[:budget])
    if not len(curve) or np.isnan(curve[-1]):
        return float("nan")
    calls = np.array([*range(every, len(curve), every), len(curve)])
    heights = np.nan_to_num(curve[calls - 1])  # nothing answered yet: still at the origin
    area = np.trapezoid([0.0, *heights], [0, *calls]) + (budget - len(curve)) * heights[-1]
    return float(area / budget)
