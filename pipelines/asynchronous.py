"""What an asynchronous search costs and gains: how busy it keeps its workers, calls needed, and what the driver takes.

    python pipelines/asynchronous.py search [--strategy evolved] [--workers 8 64] [--seeds 0 1 2] [--budget 400]
    python pipelines/asynchronous.py driver [--workers 1 8 64]

``search`` runs campaigns on a simulated clock: the scores are real (5*QED - SAS), what a call takes is drawn from a
log-normal distribution with a heavy tail, mean 60 s, one in a hundred longer than 370 s. Utilisation is that of the
simulated schedule: the share of all workers' time in which an oracle works, until the last call is begun, and until the
last has ended. The time of the driver is no part of it, and is told beside. Beside steps of ten, which wait for the
slowest, stand the calls that a search needs for the mean of its ten best to reach what steps of ten had reached after
three quarters of their budget.

``driver`` runs an oracle that does nothing through dask on this machine, so many calls at a time: calls a second, and
the driver's own processor time for each; and the same for a whole campaign with a strategy that costs nothing.
"""

import argparse
import functools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path

import numpy as np
import pandas as pd

from molvae.chemistry.domain import MOLECULES
from molvae.design.campaign import Campaign
from molvae.design.curves import area_under_curve, mean_of_best
from molvae.design.latent_space import load_searchable
from molvae.design.objective import Objective
from molvae.design.oracle.cluster import Cluster
from molvae.design.oracle.scorers import CallableScorer, PropertyScorer
from molvae.design.oracle.simulated import SimulatedScorer
from molvae.run.progress import silent

SIGMA, MEAN = 1.0, 60.0  # of the logarithm of the seconds of a call; their mean


def seconds(seed: int, smiles: str) -> float:
    """What a call takes: a function of the molecule, so that every search meets the same times."""
    return random.Random(f"{seed} {smiles}").lognormvariate(np.log(MEAN) - SIGMA**2 / 2, SIGMA)


def run(
    options: argparse.Namespace, model: object, seed: int, workers: int, in_flight: int | None
) -> dict[str, object]:
    """One campaign; its numbers, its curve, and the molecules of its steps."""
    objective = Objective.parse("5*QED - SAS", domain=MOLECULES)
    scorer = SimulatedScorer(PropertyScorer(objective, num_workers=0), workers, functools.partial(seconds, seed))
    refill = min(options.refill, workers) if in_flight else None
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with Campaign(
            model,
            oracle=scorer,
            folder=Path(folder) / "run",
            budget=options.budget,
            strategy=options.strategy,
            seed=seed,
            in_flight=in_flight,
            refill=refill,
            progress=silent,
        ) as campaign:
            prepared, start = time.perf_counter() - began, time.process_time()
            campaign.run()
            taken = time.process_time() - start
            answers = campaign.store.answers()
    score = np.array([np.nan if answer.score is None else answer.score for answer in answers])
    steps: dict[int, list[str]] = {}
    for answer in answers:
        steps.setdefault(answer.step, []).append(answer.identity)
    print(
        f"  {options.strategy} seed {seed} in flight {in_flight}: {prepared:.0f} s, CPU {taken:.0f} s", file=sys.stderr
    )
    return {
        "score": score,
        "steps": list(steps.values()),
        "scorer": scorer,
        "driver": taken / len(answers),
    }


def in_steps(steps: Sequence[Sequence[str]], workers: int, seed: int) -> SimulatedScorer:
    """The clock of a search in steps, on so many workers: what it finds is the same on any number."""
    scorer = SimulatedScorer(CallableScorer(lambda smiles: 0.0), workers, functools.partial(seconds, seed))
    for step in steps:
        scorer.score(step)
    return scorer


def search(options: argparse.Namespace) -> None:
    """Print a row for each search, means over seeds."""
    model = load_searchable(options.model, "cpu")
    rows = []
    curves: dict[tuple[int, str], list[np.ndarray]] = {}
    for seed in options.seeds:
        batch = run(options, model, seed, 10, None)
        level = mean_of_best(batch["score"])[3 * options.budget // 4 - 1]

        def row(name: str, workers: int, scorer: SimulatedScorer, result: dict, seed: int = seed, level: float = level):
            curve = mean_of_best(result["score"])
            curves.setdefault((workers, name), []).append(curve)
            reached = np.flatnonzero(curve >= level)
            rows.append(
                {
                    "search": name,
                    "workers": workers,
                    "seed": seed,
                    "used, %": 100 * scorer.used(scorer.last_begun),
                    "used to the end, %": 100 * scorer.used(),
                    "hours": scorer.clock / 3600,
                    "best": np.nanmax(result["score"]),
                    "top 10": curve[-1],
                    "AUC top 10": area_under_curve(result["score"], options.budget),
                    "calls to the level": reached[0] + 1 if len(reached) else np.inf,
                    "driver, CPU s a call": result["driver"],
                }
            )

        for workers in options.workers:
            row("steps of 10", workers, in_steps(batch["steps"], workers, seed), batch)
            flight = run(options, model, seed, workers, workers)
            row("in flight", workers, flight["scorer"], flight)
        print(pd.DataFrame(rows).to_string(index=False, float_format="{:.3f}".format), flush=True)
    table = pd.DataFrame(rows).groupby(["workers", "search"], sort=False).mean().drop(columns="seed")
    print(f"\n{options.strategy}, {options.budget} calls, refill {options.refill}, mean of {len(options.seeds)} seeds")
    print(table.to_string(float_format="{:.3f}".format))
    for workers in options.workers:
        calls = loss(curves[workers, "steps of 10"], curves[workers, "in flight"], 3 * options.budget // 4)
        low, high = np.quantile(calls[1:], [0.05, 0.95])
        print(f"{workers} in flight: {calls[0]:+.1f} % calls to the level on the mean of the seeds", end=", ")
        print(f"{low:+.1f} to {high:+.1f} % (90 %, seeds drawn with replacement)")


def loss(steps: Sequence[np.ndarray], flights: Sequence[np.ndarray], at: int, draws: int = 2000) -> np.ndarray:
    """How many more calls, in %, the mean curve of asynchronous searches takes to where that of searches in steps is at
    a call, and the same for draws of the seeds with replacement; what is not reached counts as if it were at the end.
    """
    rng = np.random.default_rng(0)
    chosen = [np.arange(len(steps)), *rng.integers(len(steps), size=(draws, len(steps)))]
    result = []
    for rows in chosen:
        level = np.mean([steps[row] for row in rows], axis=0)[at - 1]
        reached = np.flatnonzero(np.mean([flights[row] for row in rows], axis=0) >= level)
        result.append(100 * ((reached[0] + 1 if len(reached) else len(flights[0])) / at - 1))
    return np.array(result)


def nothing(text: str) -> dict[str, float]:
    """An oracle that does nothing."""
    return {"score": float(len(text))}


def keep_running(submit: Callable[[], object], number: int, in_flight: int) -> None:
    """So many calls, so many at a time."""
    running: set = set()
    begun = 0
    while begun < number or running:
        while begun < number and len(running) < in_flight:
            running.add(submit())
            begun += 1
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()


def driver(options: argparse.Namespace) -> None:
    """Print calls a second."""
    import distributed

    rows = []
    for workers in options.workers:
        owned = distributed.LocalCluster(
            n_workers=1, threads_per_worker=workers, memory_limit=0, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        )
        client = distributed.Client(owned, set_as_default=False)
        with Cluster(client, owned, silent) as cluster:
            pool = cluster.open_pool(print)
            submit = functools.partial(pool.submit, len, "CCO")
            keep_running(submit, workers, workers)  # each has a process now
            number = options.calls
            began, cpu = time.perf_counter(), time.process_time()
            keep_running(submit, number, workers)
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu
            rows.append(
                {"workers": workers, "calls/s": number / wall, "driver and scheduler, CPU ms": 1e3 * cpu / number}
            )
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.2f}".format))
    model = load_searchable("zinc250k-small", "cpu")
    times = []
    for in_flight in options.workers:
        with tempfile.TemporaryDirectory() as folder:
            scorer = SimulatedScorer(CallableScorer(nothing), in_flight, lambda smiles: 1.0)
            settings = {"strategy": "screening", "budget": 400, "in_flight": in_flight, "progress": silent}
            with Campaign(model, oracle=scorer, folder=Path(folder) / "run", **settings) as campaign:
                cpu = time.process_time()
                campaign.run()
                times.append(1e3 * (time.process_time() - cpu) / campaign.oracle.calls)
    print(f"campaign and store without dask: {statistics.mean(times):.2f} ms of CPU a call")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["search", "driver"])
    parser.add_argument("--strategy", default="evolved")
    parser.add_argument("--model", default="zinc250k-small")
    parser.add_argument("--workers", type=int, nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budget", type=int, default=400)
    parser.add_argument("--refill", type=int, default=1)
    parser.add_argument("--calls", type=int, default=300)
    options = parser.parse_args()
    options.workers = options.workers or ([8, 64] if options.what == "search" else [1, 8, 64])
    {"search": search, "driver": driver}[options.what](options)


if __name__ == "__main__":
    main()
