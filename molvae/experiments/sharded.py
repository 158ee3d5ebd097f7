"""All shards of a verb by an executor: processes of this machine, or the workers of a cluster.

A shard travels as JSON text (the name of the verb, its settings, where the file goes), and its rows go straight to
that file: the executor carries neither molecules nor models, and every worker must see the files by the same names.
"""

import contextlib
import functools
import json
import os
from concurrent.futures import Executor, as_completed
from pathlib import Path

from molvae.design.oracle.cluster import open_cluster
from molvae.design.oracle.failures import TaskFailed
from molvae.design.oracle.tasks import work_in
from molvae.errors import InputError
from molvae.experiments.tables import Outcome, check_shard, execute, merge
from molvae.experiments.verbs import VERBS, Machine, Verb
from molvae.run.progress import Progress, silent, track
from molvae.run.shards import Shard, manifest_path

ONE_PROCESS = Machine(workers=1)
ROWS = 10_000
"""Rows of a shard, where nobody says how many shards there are."""
MOST = 200
"""Shards at most, where nobody says: each reads the whole input once, to count its rows."""


def run_shards(
    verb: Verb,
    output: Path,
    of: int,
    executor: Executor,
    machine: Machine = ONE_PROCESS,
    progress: Progress = silent,
) -> list[Path]:
    """Make all shards by an executor: a process pool, dask's ``client.get_executor()``, a pool of a cluster.

    Shards that are there already are left as they are: after a failure, the same call goes on.

    Args:
        verb: what is done.
        output: as in :func:`~molvae.experiments.tables.execute`.
        of: number of shards.
        executor: any; its workers import this package and work in this folder.
        machine: of each shard.
        progress: told how many shards are done.

    Returns:
        Their files in order, ready to be merged.

    Raises:
        MolvaeError: of the first shard that failed; those that wait are cancelled.
    """
    check_shard(verb, output)
    shards = [Shard(number, of) for number in range(1, of + 1)]
    waiting = {executor.submit(make_shard, _text(verb, output, shard, machine)): shard for shard in shards}
    try:
        for future in track(as_completed(waiting), f"shards of {verb.name}", of, progress):
            try:
                future.result()
            except TaskFailed as failure:
                raise InputError(f"shard {waiting[future]} failed: {failure}") from None
    finally:
        for future in waiting:
            future.cancel()
    return [shard.path(output) for shard in shards]


def make_shard(text: str) -> None:
    """Make one shard, wherever this runs.

    Args:
        text: JSON of its verb, settings, output, number and machine.
    """
    task = json.loads(text)
    verb = VERBS[task["verb"]].create(task["settings"])
    execute(verb, Path(task["output"]), Shard.parse(task["shard"]), Machine(task["device"], task["workers"]))


def _text(verb: Verb, output: Path, shard: Shard, machine: Machine) -> str:
    task = {"verb": verb.name, "settings": verb.model_dump(mode="json"), "output": str(output), "shard": str(shard)}
    return json.dumps(task | {"device": machine.device, "workers": machine.workers})


def run_on_cluster(
    verb: Verb, output: Path, cluster: str, of: int | None = None, device: str = "auto", progress: Progress = silent
) -> Outcome:
    """Make the rows on a cluster and join them; after a failure, the same call goes on.

    The shards lie in ``OUTPUT.parts`` beside the output until they are joined.

    Args:
        verb: what is done.
        output: file of the result, on a disk that all workers see.
        cluster: see :func:`~molvae.design.oracle.cluster.open_cluster`.
        of: number of shards; None: one for each :data:`ROWS` rows, at most :data:`MOST`.
        device: of each shard.
        progress: told how many shards are done.

    Raises:
        MolvaeError: the input, a model or the cluster cannot be used, or a shard failed.
    """
    parts = output.with_name(f"{output.name}.parts")
    check_shard(verb, output)
    total = verb.open(ONE_PROCESS).total  # what is wrong with the input or a model is said before anything is sent
    of = min(MOST, -(-total // ROWS)) or 1 if of is None else of
    Shard(1, of).rows(total)
    with open_cluster(cluster, progress) as workers:
        pool = workers.open_pool(functools.partial(work_in, os.getcwd()))
        try:
            paths = run_shards(verb, parts / output.name, of, pool, Machine(device, 1), progress)
        finally:
            pool.shutdown(cancel_futures=True)
    outcome = merge(paths, output, progress)
    for path in paths:
        path.unlink()
        manifest_path(path).unlink()
    with contextlib.suppress(OSError):  # something else lies there
        parts.rmdir()
    return outcome
