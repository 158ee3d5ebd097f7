"""The table by which benchmarks of many tasks are read: a row a task, a column a method, published ones beside ours."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from molvae.experiments.benchmark_panels import with_interval
from molvae.run.panels import Panel

_SCORE = "AUC top 10"
FINE_AREA = "AUC top 10, every 10 calls"
"""The same curve read every 10 calls instead of every 100: from (0, 0) to the first reading its area counts half, so at
1,000 calls the rule of PMO cannot exceed 0.95 of the best score, and published figures that do were read more often.
"""


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
            values = scores.get((task, strategy))
            line[strategy] = "" if values is None else with_interval(values)
        for method, others in published.items():
            line[f"{method} (published)"] = f"{others[task]:.3f}" if task in others else ""
        if library_best:
            line["best of the library"] = f"{library_best[task]:.3f}" if task in library_best else ""
            line["passed after"] = _passed(rows[rows["objective"] == task], strategies)
        lines.append(line)
    total = {"task": f"sum of {len(tasks)}"}
    for strategy in strategies:
        total[strategy] = _sum(
            [float(scores[task, strategy].mean()) if (task, strategy) in scores else None for task in tasks]
        )
    for method, others in published.items():
        total[f"{method} (published)"] = _sum([others.get(task) for task in tasks])
    fine: dict[str, str] = {"task": "the same, curve read every 10 calls"}
    for strategy in strategies:
        values = [
            rows[(rows["objective"] == task) & (rows["strategy"] == strategy)][FINE_AREA].mean() for task in tasks
        ]
        fine[strategy] = _sum([float(value) if np.isfinite(value) else None for value in values])
    frame = pd.DataFrame([*lines, total, fine]).fillna("")
    caption = (
        "Area under the top-10 curve as PMO defines it, read every 100 calls from (0, 0); ours is the mean over seeds"
        " with its 95 % bootstrap interval."
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
