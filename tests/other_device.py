"""A second device on a machine that has none, so that tests see what stays behind on the processor.

Inside :func:`other_device` torch's device ``lazy``, for which nobody has a driver, computes on the processor, and
refuses what an accelerator refuses: to mix its tensors with those of the processor (single numbers and indices may), to
draw with a generator of the processor, and to show its numbers to numpy.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

OTHER = torch.device("lazy")


class _Elsewhere(torch.Tensor):
    """A tensor that says it is on the other device."""

    content: Tensor

    @staticmethod
    def __new__(cls, content: Tensor) -> "_Elsewhere":
        wrapper = torch.Tensor._make_wrapper_subclass(
            cls, content.shape, content.stride(), content.storage_offset(), dtype=content.dtype, device=OTHER
        )
        wrapper.content = content
        return wrapper

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        return _run(function, arguments, keywords or {})


def _content(value: Any) -> Any:
    return value.content if isinstance(value, _Elsewhere) else value


def _run(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    name = function.overloadpacket.__name__
    tensors = [value for value in tree_leaves((arguments, keywords)) if isinstance(value, Tensor)]
    away = any(isinstance(tensor, _Elsewhere) for tensor in tensors)
    if "index" in name and isinstance(arguments[0], _Elsewhere):
        left = []  # an index may stay on the processor
    else:
        left = [tensor for tensor in tensors if tensor.dim() and not isinstance(tensor, _Elsewhere)]
    if away and left and name not in ("_to_copy", "copy_"):
        raise RuntimeError(f"{name}: expected all tensors to be on the same device, but found lazy and cpu")
    if keywords.get("device") is not None:
        away = torch.device(keywords["device"]) == OTHER
        keywords = {**keywords, "device": torch.device("cpu")}
    if away and isinstance(keywords.get("generator"), torch.Generator):
        raise RuntimeError(f"{name}: expected a generator on lazy, but found one on cpu")
    result = function(*tree_map(_content, arguments), **tree_map(_content, keywords))
    before = {id(_content(tensor)): tensor for tensor in tensors}

    def placed(value: Any) -> Any:
        if id(value) in before:
            return before[id(value)]  # changed in place
        return _Elsewhere(value) if away and isinstance(value, Tensor) else value

    return tree_map(placed, result)


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        return _run(function, arguments, keywords or {})


@contextmanager
def other_device() -> Iterator[str]:
    """The name of the device, which works inside the block."""
    optimizer, autocast = torch.optim.AdamW, torch.autocast

    def not_fused(*arguments: Any, **keywords: Any) -> torch.optim.Optimizer:
        return optimizer(*arguments, **{**keywords, "fused": False})  # torch fuses on devices that it knows

    def in_float32(device: str, *arguments: Any, **keywords: Any) -> Any:
        return nullcontext() if device == OTHER.type else autocast(device, *arguments, **keywords)

    with patch.object(torch.optim, "AdamW", not_fused), patch.object(torch, "autocast", in_float32), _Mode():
        yield str(OTHER)
