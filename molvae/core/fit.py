"""The only training loop. It knows a module, batches and an objective; pixels and molecules are the same to it.

Everything that a step depends on is a function of (seed, step): the batches, the noise of z, the KL weight and the
learning rate. A run killed at any moment therefore resumes from its last checkpoint and ends with the very
weights of an uninterrupted one.

Several players may train against or beside each other (:class:`Player`): each has parameters, an objective and an
optimizer of its own, and in every step they move in turn, on the same batch and with one generator.

Several processes share each batch and take the steps of one (:mod:`molvae.core.processes`): the first of them writes.
"""

import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from molvae.core.checkpoint import load_tensors, optimizer_tensors, restore_optimizer, save_tensors
from molvae.core.processes import Processes, SharedNoise, here, part_of_batch
from molvae.core.schedules import warmup_cosine
from molvae.errors import ConfigError, MolvaeError
from molvae.run.config import Config, Seed
from molvae.run.device import choose_device, gains_from_bfloat16
from molvae.run.files import atomic_path
from molvae.run.progress import Event, Progress, on_stderr
from molvae.run.seeds import step_seed

LAST, BEST, METRICS = "last.safetensors", "best.safetensors", "metrics.csv"

Objective = Callable[[nn.Module, Any, int, torch.Generator], tuple[Tensor, dict[str, Tensor]]]
"""(model, batch, step, generator) -> objective to maximise (B,) in nats per example, and further terms to log (B,)."""

Validation = Callable[[nn.Module, int], dict[str, float]]
"""(model in eval mode, step) -> numbers for the log."""


class Batches(Protocol):
    """A data set that can be gone through again and again, each epoch in an order of its own."""

    def __len__(self) -> int: ...

    def epoch(self, number: int, skip: int = 0) -> Iterator[Any]: ...


class Memory(Protocol):
    """What an objective keeps from step to step; it is part of every checkpoint."""

    def tensors(self) -> dict[str, Tensor]:
        """All of it."""

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take it up where :meth:`tensors` left it."""


@dataclass(frozen=True)
class Player:
    """One of several that are trained together, such as a generator and what judges its images.

    Attributes:
        name: in the log and the checkpoint.
        parameters: those that it moves, all of the model that is trained.
        objective: what it maximises by them, see :data:`Objective`; it is computed anew after the player before it has
            moved.
        learning_rate: peak of its schedule.
        betas: of its optimizer: how long the means of the gradient and of its square remember.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    objective: Objective
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)


class FitConfig(Config):
    """How to train."""

    epochs: int = Field(20, ge=1, le=1_000_000)
    """Passes over the data; the learning rate falls to its floor at the end of the last."""
    learning_rate: float = Field(1e-3, gt=0, le=10)
    """Peak of the schedule (Adam)."""
    warmup_steps: int = Field(200, ge=0, le=1_000_000_000)
    """Steps over which the learning rate rises; at most a tenth of the run."""
    hold: float = Field(0.0, ge=0, le=1)
    """Share of the run before which the learning rate does not fall."""
    weight_decay: float = Field(0.0, ge=0, le=10)
    """Decoupled weight decay (AdamW)."""
    clip_norm: float = Field(5.0, gt=0, le=1e6)
    """Largest norm of the gradient."""
    average: float = Field(0.0, ge=0, lt=1)
    """Decay of a running mean of the weights (Polyak averaging): what is validated and kept is the mean; 0: none."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of matrix products; ``auto`` takes bfloat16 where the processor gains from it."""
    validate_every: int = Field(0, ge=0, le=1_000_000_000)
    """Steps between validations; 0: after every epoch."""
    checkpoint_every: int = Field(500, ge=1, le=1_000_000_000)
    """Steps between checkpoints."""
    patience: int = Field(0, ge=0, le=1_000_000)
    """Stop after this many validations without a new best; 0: never."""
    monitor: str = "objective"
    """The validation number that decides which weights are best; larger is better."""
    seed: Seed = 0
    """Of the order of the batches and of the noise."""

    def steps(self, batches: Sized) -> int:
        """All steps of the run."""
        return self.epochs * len(batches)


def fit(
    model: nn.Module,
    batches: Batches,
    objective: Objective | Sequence[Player],
    config: FitConfig,
    folder: Path,
    validate: Validation | None = None,
    device: str = "auto",
    progress: Progress = on_stderr,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
    memory: Memory | None = None,
) -> None:
    """Train ``model`` in place and leave ``last.safetensors``, ``best.safetensors`` and ``metrics.csv`` in ``folder``.

    If ``folder`` holds a checkpoint, training goes on from there. At the end the model has the best weights if
    there was a validation, else the last. Where several processes train, all must see the folder.

    Args:
        model: module with parameters; moved to the device.
        batches: training data; a batch has ``.to(device)``.
        objective: what to maximise, see :data:`Objective`; or the players, each with its own. Their terms are logged
            under ``name.term``, those of the first without its name, and that one's learning rate is the log's.
        config: settings.
        folder: where checkpoints and metrics go.
        validate: called every ``validate_every`` steps; its ``config.monitor`` decides on the best weights.
        device: ``auto`` or a torch device.
        progress: told how far it has come.
        on_log: also told every logged row (TensorBoard).
        memory: what the objective keeps from step to step, if anything.

    Raises:
        MolvaeError: an objective became NaN or infinite.
        ConfigError: two players of one name, or without one.
    """
    target, group = choose_device(device), here()
    model.to(target)
    if callable(objective):
        players = [Player("", list(model.parameters()), objective, config.learning_rate)]
    else:
        players = list(objective)
        names = [player.name for player in players]
        if not all(names) or len({*names}) < len(names) or any("." in name for name in names):
            raise ConfigError(
                f"players need a name each, without dots, not {names}: a checkpoint tells them apart by it"
            )
    optimizers = {
        player.name: torch.optim.AdamW(
            player.parameters,
            lr=player.learning_rate,
            betas=player.betas,
            weight_decay=config.weight_decay,
            fused=True,
        )
        for player in players
    }
    average = _averaged(model, config.average) if config.average else None
    total = config.steps(batches)
    warmup = min(config.warmup_steps, total // 10)
    state, pending = _State(), None
    if (folder / LAST).is_file():
        state, pending = _resume(folder, model, optimizers, average, memory)
    group.wait()  # all have read the checkpoint before it is replaced
    log = _MetricsLog(folder / METRICS, state.step, total, progress, on_log)
    if pending:
        log.sums, log.count = pending["sums"], pending["count"]
    interval = config.validate_every or len(batches)
    use_bfloat16 = config.precision == "bfloat16" or (config.precision == "auto" and gains_from_bfloat16(target))
    generator = SharedNoise()

    while state.step < total and not state.stopped:
        epoch, skip = divmod(state.step, len(batches))
        for batch in batches.epoch(epoch, skip):
            model.train()
            generator.manual_seed(step_seed(config.seed, state.step))
            share = None if group.number == 1 else group.share(len(batch))
            if share is not None:
                generator.share, batch = share, part_of_batch(batch, share.rows)
            batch = batch.to(target)
            row: dict[str, float] = {}
            for place, player in enumerate(players):
                optimizer = optimizers[player.name]
                for options in optimizer.param_groups:
                    options["lr"] = warmup_cosine(state.step, player.learning_rate, warmup, total, hold=config.hold)
                with torch.autocast(target.type, torch.bfloat16) if use_bfloat16 else nullcontext():
                    values, logged = player.objective(model, batch, state.step, generator)
                # of several processes each has its part of the mean over the whole batch
                weight = 1.0 if share is None else share.counts * len(values) / share.of
                loss = -values.mean() * weight
                terms = _over_all(group, {"objective": values, **logged}, weight)
                if not math.isfinite(terms["objective"]):
                    raise MolvaeError(
                        f"the objective{f' of {player.name}' if player.name else ''} is {terms['objective']} at step "
                        f"{state.step}: lower learning_rate or clip_norm; the last good weights are in {folder / LAST}"
                    )
                optimizer.zero_grad(set_to_none=True)  # also what the player before has left in these parameters
                loss.backward()
                group.add_gradients(player.parameters)
                norm = nn.utils.clip_grad_norm_(player.parameters, config.clip_norm)
                optimizer.step()
                terms["gradient_norm"] = float(norm)
                row |= {name if place == 0 else f"{player.name}.{name}": value for name, value in terms.items()}
            if average is not None:
                average.update_parameters(model)
            state.step += 1
            log.add(state.step, row, len(values) if share is None else share.of)

            at_end = state.step == total
            if state.step % interval == 0 or at_end:
                rate = optimizers[players[0].name].param_groups[0]["lr"]
                row = log.means(state.step, state.step / len(batches), rate)
                if validate is not None:
                    weights = (model if average is None else average.module).eval()
                    with torch.no_grad():
                        found = group.of_first(partial(validate, weights, state.step))
                    row |= {f"valid_{name}": value for name, value in found.items()}
                    if _is_best(state, row[f"valid_{config.monitor}"], config.patience) and group.first:
                        _save_best(folder, weights, state)
                if group.first:
                    log.write(row)
                    _save(folder, model, optimizers, average, state, memory)
            elif state.step % config.checkpoint_every == 0 and group.first:
                _save(folder, model, optimizers, average, state, memory, log.pending())
            if state.stopped or at_end:
                break
    group.wait()  # until the first has written
    if validate is not None and (folder / BEST).is_file():
        model.load_state_dict(load_tensors(folder / BEST)[0])
    elif average is not None:
        model.load_state_dict(average.module.state_dict())
    model.eval()


def _averaged(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the model with an exponential running mean of its weights (Polyak & Juditsky 1992)."""

    def update(means: Sequence[Tensor], latest: Sequence[Tensor], updates: Tensor | int) -> None:
        # early on the mean is young: a shorter memory forgets the initial weights
        young = (1 + int(updates)) / (10 + int(updates))
        get_ema_multi_avg_fn(min(decay, young))(list(means), list(latest), updates)

    average = AveragedModel(model, multi_avg_fn=update)
    average.n_averaged.fill_(1)  # the initial weights are the first that it has seen
    return average


class _State:
    """Where training stands; saved in the header of every checkpoint."""

    def __init__(self, step: int = 0, best: float | None = None, worse: int = 0, stopped: bool = False) -> None:
        self.step, self.best, self.worse, self.stopped = step, best, worse, stopped


def _over_all(group: Processes, terms: dict[str, Tensor], weight: float) -> dict[str, float]:
    """The mean of each term over the batches of all processes; ``weight`` is the share of this one."""
    means = torch.tensor([float(value.detach().mean()) for value in terms.values()], dtype=torch.float64)
    return dict(zip(terms, group.add(means * weight).tolist(), strict=True))


def _is_best(state: _State, value: float, patience: int) -> bool:
    if state.best is None or value > state.best:
        state.best, state.worse = value, 0
        return True
    state.worse += 1
    state.stopped = 0 < patience <= state.worse
    return False


def _save_best(folder: Path, model: nn.Module, state: _State) -> None:
    save_tensors(folder / BEST, model.state_dict(), {"step": state.step, "value": state.best})


def _save(
    folder: Path,
    model: nn.Module,
    optimizers: Mapping[str, torch.optim.Optimizer],
    average: AveragedModel | None,
    state: _State,
    memory: Memory | None,
    pending: dict[str, Any] | None = None,
) -> None:
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for player, optimizer in optimizers.items():
        tensors |= {f"{_of(player)}{name}": tensor for name, tensor in optimizer_tensors(optimizer).items()}
    if average is not None:
        tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    if memory is not None:
        tensors |= {f"memory.{name}": tensor for name, tensor in memory.tensors().items()}
    save_tensors(folder / LAST, tensors, {**vars(state), "pending": pending})


def _of(player: str) -> str:
    """What the names of an optimizer's tensors begin with in a checkpoint."""
    return f"optimizer.{player}." if player else "optimizer."


def _resume(
    folder: Path,
    model: nn.Module,
    optimizers: Mapping[str, torch.optim.Optimizer],
    average: AveragedModel | None,
    memory: Memory | None,
) -> tuple[_State, dict[str, Any] | None]:
    tensors, header = load_tensors(folder / LAST)
    model.load_state_dict(_part(tensors, "model."))
    for player, optimizer in optimizers.items():
        restore_optimizer(optimizer, _part(tensors, _of(player)))
    if average is not None:
        average.load_state_dict(_part(tensors, "average."))
    if memory is not None:
        memory.restore(_part(tensors, "memory."))
    pending = header.pop("pending")
    return _State(**header), pending


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


class _MetricsLog:
    """Means since the last row, rows as CSV and as events of progress."""

    def __init__(
        self,
        path: Path,
        step: int,
        total: int,
        progress: Progress,
        on_log: Callable[[int, dict[str, float]], None] | None,
    ) -> None:
        self.path, self.total, self.progress, self.on_log = path, total, progress, on_log
        self.sums: dict[str, float] = {}
        self.count = 0
        self.started = self.shown = time.monotonic()
        self.rows = [row for row in self._read() if float(row["step"]) <= step]  # what came after the checkpoint goes

    def _read(self) -> list[dict[str, str]]:
        if not self.path.is_file():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def add(self, step: int, terms: dict[str, float], examples: int) -> None:
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * examples
        self.count += examples
        if time.monotonic() - self.shown > 1:
            self.shown = time.monotonic()
            rate = self.count / (self.shown - self.started)
            means = "  ".join(f"{name} {value / self.count:.3f}" for name, value in self.sums.items())
            self.progress(Event("training", step, self.total, f"{rate:.0f} examples/s  {means}"))

    def pending(self) -> dict[str, Any]:
        return {"sums": self.sums, "count": self.count}

    def means(self, step: int, epoch: float, learning_rate: float) -> dict[str, float]:
        seconds = time.monotonic() - self.started
        row = {"step": step, "epoch": round(epoch, 4), "learning_rate": learning_rate}
        row |= {"seconds": seconds, "examples_per_second": self.count / seconds}
        row |= {f"train_{name}": value / self.count for name, value in self.sums.items()}
        self.sums, self.count = {}, 0
        return row

    def write(self, row: dict[str, float]) -> None:
        self.rows.append({name: f"{value:.6g}" for name, value in row.items()})
        columns = list(dict.fromkeys(name for known in self.rows for name in known))
        with atomic_path(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "step")
        self.progress(Event("training", int(row["step"]), self.total, shown, milestone=True))
        if self.on_log is not None:
            self.on_log(int(row["step"]), row)
        self.started = self.shown = time.monotonic()
