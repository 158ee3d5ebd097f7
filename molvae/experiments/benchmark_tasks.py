"""The table by which benchmarks of many tasks are read: a row a task, a column a method, published ones beside ours."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from molvae.experiments.benchmark_panels import bootstrap_interval
from molvae.run.panels import Panel

_SCORE = "AUC top 10"


def task_table(
    rows: pd.DataFrame, published: Mapping[str, Mapping[str, float]], library_best: Mapping[str, float]
) -> Panel:
    """Area under the top-10 curve of each strategy on each task, mean over seeds with its 95 % interval, and their sum.

    Args:
        rows: of :func:`molvae.experiments.benchmark.run_benchmark`.
        published: method -> objective -> area; a sum is taken over the tasks of the table that a method has, and says
            so if these are not all.
        library_best: objective -> score of the best molecule of a library.
    """
    tasks = list(dict.fromkeys(rows["objective"]))
    strategies = list(dict.fromkeys(rows["strategy"]))
    scores = {key: part[_SCORE].to_numpy(float) for key, part in rows.groupby(["objective", "strategy"], sort=False)}
    lines = []
    for task in tasks:
        line = {"task": task}
        for strategy in strategies:
            line[strategy] = _with_interval(scores.get((task, strategy)))
        for method, areas in published.items():
            line[f"{method} (published)"] = f"{areas[task]:.3f}" if task in areas else ""
        if library_best:
            line["best of the library"] = f"{library_best[task]:.3f}" if task in library_best else ""
            line["passed after"] = _passed(rows[rows["objective"] == task], strategies)
        lines.append(line)
    total = {"task": f"sum of {len(tasks)}"}
    for strategy in strategies:
        total[strategy] = _sum(
            [float(scores[task, strategy].mean()) if (task, strategy) in scores else None for task in tasks]
        )
    for method, areas in published.items():
        total[f"{method} (published)"] = _sum([areas.get(task) for task in tasks])
    frame = pd.DataFrame([*lines, total]).fillna("")
    caption = (
        "Area under the top-10 curve as PMO defines it; ours is the mean over seeds with its 95 % bootstrap interval."
    )
    if published:
        caption += " Columns marked as published are others' figures, for other starting molecules."
    if library_best:
        caption += (
            " The best of the library is the score of its best molecule, had all of them been scored; beside it the"
            " calls, starting molecules included, after which a campaign had a better one (median of the seeds that"
            " had one)."
        )
    return Panel("tasks", "table", "Task by task", caption, frame=frame)


def _with_interval(values: np.ndarray | None) -> str:
    if values is None:
        return ""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    low, high = bootstrap_interval(values)
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def _sum(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    return f"{sum(known):.2f}" + ("" if len(known) == len(values) else f" (of {len(known)})")


def _passed(part: pd.DataFrame, strategies: list[str]) -> str:
    """Of each strategy, the median number of calls, and how many of the seeds did it."""
    if "calls to pass the library" not in part:
        return ""
    texts = []
    for strategy in strategies:
        calls = part[part["strategy"] == strategy]["calls to pass the library"]
        done = calls.dropna()
        if len(calls):
            share = "" if len(done) == len(calls) else f" ({len(done)} of {len(calls)})"
            texts.append(f"{strategy} {done.median():.0f}{share}" if len(done) else f"{strategy} never")
    return ", ".join(texts)
