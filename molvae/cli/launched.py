"""A command that ``python -m torch.distributed.run`` has started several times: who works on what, and who speaks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from molvae.errors import ConfigError
from molvae.run.folder import new_run_name
from molvae.run.progress import silent

if TYPE_CHECKING:
    from molvae.run.recipe import Context, Recipe


@contextmanager
def as_one(recipe: "Recipe", context: "Context") -> Iterator[tuple["Context", bool]]:
    """The context of this process, and whether it is the one that speaks.

    Raises:
        ConfigError: several processes, and the recipe is for one.
    """
    if "WORLD_SIZE" not in os.environ:  # torch need not be imported
        yield context, True
        return
    from molvae.core.processes import joined, launched
    from molvae.run.device import choose_device

    if launched() == 1:
        yield context, True
        return
    if "processes" not in recipe.uses:
        raise ConfigError(f"a run of kind {recipe.kind!r} is for one process: start it without torch.distributed.run")
    with joined(choose_device(context.device)) as (group, device):
        folder = group.of_first(lambda: context.folder or new_run_name(recipe.kind))
        progress = context.progress if group.first else silent
        yield replace(context, folder=folder, device=str(device), progress=progress), group.first
