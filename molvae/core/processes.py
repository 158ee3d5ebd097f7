"""Training on several processes: each computes its part of every batch, and all take the same step.

Processes are started by ``python -m torch.distributed.run`` and have joined a group (:func:`joined`) before a training
begins; without a group everything here is of one process and costs nothing. A step is that of one process with the
whole batch: sums over examples are added up before anything is divided, and the noise of an example is the one that it
would have there (:class:`SharedNoise`). What differs is the order in which floating-point numbers are added.

Process 0 alone writes, validates and tells of progress; the others follow what it finds.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, distributed

from molvae.errors import ConfigError, MolvaeError

Answer = TypeVar("Answer")
_PATIENCE = timedelta(days=2)  # a validation, or the preparation of the data, may take that long


@dataclass(frozen=True)
class Share:
    """A process's examples of a batch.

    Attributes:
        rows: which.
        of: size of the whole batch.
        counts: whether they count; where there are fewer examples than processes, some compute one for nothing.
    """

    rows: slice
    of: int
    counts: bool = True

    def __len__(self) -> int:
        return self.rows.stop - self.rows.start


class SharedNoise(torch.Generator):
    """A generator whose draws for a batch, (S, B, ...), are a process's part of those of the whole batch; see
    :func:`molvae.core.distributions.standard_normal_like`.
    """

    share: Share | None = None


@dataclass(frozen=True)
class Processes:
    """The group, as one of its members sees it.

    Attributes:
        rank: which one this is, from 0.
        number: how many there are.
    """

    rank: int = 0
    number: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def share(self, size: int) -> Share:
        """This process's part of a batch of so many examples."""
        ends = [index * size // self.number for index in range(self.number + 1)]
        start, stop = ends[self.rank], ends[self.rank + 1]
        return Share(slice(start, stop), size) if stop > start else Share(slice(0, 1), size, counts=False)

    def add_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Replace each gradient by its sum over all processes."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.number == 1 or not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        self.add(flat)
        for gradient, summed in zip(gradients, flat.split([one.numel() for one in gradients]), strict=True):
            gradient.copy_(summed.view_as(gradient))

    def add(self, tensor: Tensor) -> Tensor:
        """Replace a tensor by its sum over all processes, the same to the last bit in each."""
        if self.number > 1:
            with _told():
                distributed.all_reduce(tensor)
        return tensor

    def of_first(self, work: Callable[[], Answer]) -> Answer:
        """What the first process answers, known to all; the others wait for it."""
        if self.number == 1:
            return work()
        answer = [work() if self.first else None]
        with _told():
            distributed.broadcast_object_list(answer, device=torch.device("cpu"))
        return answer[0]  # type: ignore[return-value]

    def first_before_others(self, work: Callable[[], Answer]) -> Answer:
        """The first process does it, then the others: they find in a cache what it has left there."""
        if self.first:
            answer = work()
            self.wait()
            return answer
        self.wait()
        return work()

    def wait(self) -> None:
        """Until all are here."""
        self.of_first(lambda: None)


@contextmanager
def _told() -> Iterator[None]:
    """A process that is gone ends the others with a message instead of a traceback."""
    try:
        yield
    except RuntimeError as error:
        raise MolvaeError(
            f"another process of this training has ended; what it said is the reason ({str(error).splitlines()[0]})"
        ) from None


def here() -> Processes:
    """The group of this process; one of its own if it has joined none."""
    if distributed.is_available() and distributed.is_initialized():
        return Processes(distributed.get_rank(), distributed.get_world_size())
    return Processes()


def launched() -> int:
    """How many processes ``torch.distributed.run`` has started; 1 if it was not used."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "MASTER_ADDR" in os.environ else 1


@contextmanager
def joined(device: torch.device) -> Iterator[tuple[Processes, torch.device]]:
    """Inside, the processes that were launched are one group: by NCCL on GPUs, one for each process, else by gloo.

    Args:
        device: what was asked for; GPUs are handed out in their order on each machine.

    Raises:
        ConfigError: a kind of device that processes cannot share, or fewer GPUs than processes.
    """
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"training on several processes takes CPUs or NVIDIA GPUs, not {device}: use --device cpu")
    if device.type == "cuda":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise ConfigError(
                f"process {local} of this machine has no GPU: it has {torch.cuda.device_count()}; start as many "
                "processes (--nproc-per-node) or use --device cpu"
            )
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with _told():
        distributed.init_process_group(backend, timeout=_PATIENCE)
    yield here(), device
    distributed.destroy_process_group()  # not after an error: it would wait for those who wait for this one


def part_of_batch(batch: Any, rows: slice) -> Any:
    """Some examples of a batch: a tensor, or what has a method ``part``.

    Raises:
        ConfigError: it cannot be taken apart.
    """
    if isinstance(batch, Tensor | np.ndarray):
        return batch[rows]
    part = getattr(batch, "part", None)
    if part is None:
        raise ConfigError(f"batches of {type(batch).__name__} cannot be shared by several processes: train with one")
    return part(rows)
