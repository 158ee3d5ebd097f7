"""Rows of a training log as TensorBoard events."""

from collections.abc import Callable
from pathlib import Path

from molvae.errors import MissingDependencyError
from molvae.run.recipe import Context


def tensorboard_log(context: Context, folder: Path) -> Callable[[int, dict[str, float]], None] | None:
    """What a training run tells every row of its log, or None if no events are asked for.

    Raises:
        MissingDependencyError: TensorBoard is not installed.
    """
    if not context.tensorboard:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingDependencyError('TensorBoard is not installed: pip install "molvae[tensorboard]"') from None
    writer = SummaryWriter(folder / "tensorboard")

    def on_log(step: int, row: dict[str, float]) -> None:
        for name, value in row.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return on_log
