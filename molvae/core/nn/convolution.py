"""One-dimensional convolution whose channels lie side by side in memory.

A sequence model reads and writes (N, length, channels); ``torch.nn.Conv1d`` wants (N, channels, length) and copies both
ways at every layer. A two-dimensional convolution of height one has a memory format for channels last: the same
numbers, on CPU about a third faster forwards and backwards in bfloat16.
"""

import torch
from torch import Tensor, nn


class SequenceConvolution(nn.Conv1d):
    """``torch.nn.Conv1d`` of stride 1 on (N, C, 1, L) in ``channels_last`` memory format, length kept.

    Args:
        inputs, outputs: channels.
        width: taps.
        dilation: distance between them.
        causal: position t sees positions up to t only; else the window is centred.
    """

    def __init__(self, inputs: int, outputs: int, width: int, dilation: int = 1, causal: bool = False) -> None:
        super().__init__(inputs, outputs, width, dilation=dilation)
        reach = (width - 1) * dilation
        self.ends = (reach, 0) if causal else (reach // 2, reach - reach // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 1, L) -> (N, C', 1, L)"""
        weight = self.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        left, right = self.ends
        if left == right:
            return nn.functional.conv2d(x, weight, self.bias, padding=(0, left), dilation=(1, *self.dilation))
        x = nn.functional.pad(x, self.ends)
        return nn.functional.conv2d(x, weight, self.bias, dilation=(1, *self.dilation))


def sequence_first(x: Tensor) -> Tensor:
    """(N, L, C) contiguous -> (N, C, 1, L) in ``channels_last`` memory format, without a copy."""
    return x.transpose(1, 2).unsqueeze(2)
