"""Gated recurrent units over trees, level by level: from the leaves to the roots, and back.

Many trees are one forest whose nodes are numbered by depth, so that each level is one slice and a step of either pass
is one product of matrices. The inputs of all nodes are projected beforehand, at once.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class TreeRecurrence(nn.Module):
    """h_i = GRU(x_i, s_i), where s_i is the state that comes to node i from its children, or from its parent.

        r = s(x_r + W_r s)      u = s(x_u + W_u s)
        n = tanh(x_n + r (W_n s + b))
        h = (1 - u) n + u s

    The reset gate acts on the sum of what the children send; in Jin et al. 2018 each child has its own.

    Args:
        size: H
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.empty(3 * size, size))
        self.bias = nn.Parameter(torch.zeros(size))
        for gate in self.weight.data.chunk(3):
            nn.init.orthogonal_(gate)

    def step(self, inputs: Tensor, state: Tensor) -> Tensor:
        """Projected inputs (n, 3H), states (n, H) -> new states (n, H)."""
        projected = nn.functional.linear(state, self.weight)
        size = self.size
        gates = torch.sigmoid(inputs[:, : 2 * size] + projected[:, : 2 * size])
        candidate = torch.tanh(
            torch.addcmul(inputs[:, 2 * size :], gates[:, :size], projected[:, 2 * size :] + self.bias)
        )
        return torch.lerp(candidate, state, gates[:, size:])

    def upwards(self, inputs: Tensor, parent: Tensor, levels: Sequence[int]) -> tuple[Tensor, Tensor]:
        """From the leaves to the roots.

        Args:
            inputs: (N, 3H) projected inputs, nodes by depth.
            parent: (N,) of each node.
            levels: where each depth begins, and N.

        Returns:
            State of each node, and the sum of the states of its children, (N, H) each.
        """
        inputs = inputs.to(self.weight.dtype)
        # the passes are written out for one precision, that of the weights
        with torch.autocast(inputs.device.type, enabled=False):
            states: tuple[Tensor, Tensor] = _Upwards.apply(inputs, self.weight, self.bias, parent, tuple(levels))
        return states

    def downwards(self, inputs: Tensor, roots: Tensor, parent: Tensor, levels: Sequence[int]) -> Tensor:
        """From the roots to the leaves.

        Args:
            inputs: (N, 3H) projected inputs, nodes by depth; those of the roots are not used.
            roots: (B, H) their states.
            parent: (N,) of each node.
            levels: where each depth begins, and N.

        Returns:
            State of each node, (N, H).
        """
        inputs, roots = inputs.to(self.weight.dtype), roots.to(self.weight.dtype)
        with torch.autocast(inputs.device.type, enabled=False):
            states: Tensor = _Downwards.apply(inputs, roots, self.weight, self.bias, parent, tuple(levels))
        return states


class _Pass:
    """What a step of either pass has left for the backward pass, of all nodes.

    Written out since automatic differentiation would multiply and add a gradient of the weights at every level: here
    that is one product over all nodes.
    """

    def __init__(self, inputs: Tensor) -> None:
        total, size = len(inputs), inputs.shape[1] // 3
        self.size = size
        self.gates = torch.empty_like(inputs)  # r, u, n after their nonlinearities
        self.recurrent = inputs.new_empty(total, size)  # W_n s + b
        self.incoming = inputs.new_zeros(total, size)  # s
        self.states = inputs.new_empty(total, size)  # h

    def forward(self, inputs: Tensor, weight: Tensor, bias: Tensor, begin: int, end: int) -> None:
        size, state = self.size, self.incoming[begin:end]
        projected = torch.mm(state, weight.t())
        gates, candidate = self.gates[begin:end, : 2 * size], self.gates[begin:end, 2 * size :]
        torch.add(inputs[begin:end, : 2 * size], projected[:, : 2 * size], out=gates)
        gates.sigmoid_()
        torch.add(projected[:, 2 * size :], bias, out=self.recurrent[begin:end])
        torch.addcmul(inputs[begin:end, 2 * size :], gates[:, :size], self.recurrent[begin:end], out=candidate)
        candidate.tanh_()
        torch.lerp(candidate, state, gates[:, size:], out=self.states[begin:end])


def _step_back(
    saved: tuple[Tensor, ...], grad: Tensor, projected: Tensor, of_inputs: Tensor, begin: int, end: int
) -> Tensor:
    """Gradient of the states of a level -> that of what came to it; fills those of W s and of the inputs."""
    gates, recurrent, incoming, weight = saved
    reset, update, candidate = gates[begin:end].chunk(3, 1)
    to_reset, to_update, to_n = projected[begin:end].chunk(3, 1)
    kept = grad * update
    moved = grad - kept
    before = of_inputs[begin:end, 2 * weight.shape[1] :]
    torch.addcmul(moved, moved * candidate, candidate, value=-1, out=before)
    torch.mul(before, reset, out=to_n)
    gain = to_n * recurrent[begin:end]
    torch.addcmul(gain, gain, reset, value=-1, out=to_reset)
    gain = (incoming[begin:end] - candidate).mul_(kept)
    torch.addcmul(gain, gain, update, value=-1, out=to_update)
    return torch.addmm(kept, projected[begin:end], weight)


def _of_weights(projected: Tensor, of_inputs: Tensor, incoming: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of inputs, weight and bias."""
    size = incoming.shape[1]
    of_inputs[:, : 2 * size] = projected[:, : 2 * size]
    return of_inputs, projected.t() @ incoming, projected[:, 2 * size :].sum(0)


class _Upwards(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, parent: Tensor, levels: tuple[int, ...]
    ) -> tuple[Tensor, Tensor]:
        run = _Pass(inputs)
        for level in range(len(levels) - 2, -1, -1):
            begin, end = levels[level], levels[level + 1]
            if level < len(levels) - 2:
                rows = slice(end, levels[level + 2])
                run.incoming.index_add_(0, parent[rows], run.states[rows])
            run.forward(inputs, weight, bias, begin, end)
        ctx.save_for_backward(run.gates, run.recurrent, run.incoming, weight, parent)
        ctx.levels = levels
        return run.states, run.incoming

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_states: Tensor, of_sums: Tensor) -> tuple[Tensor | None, ...]:
        *saved, parent = ctx.saved_tensors
        levels, grad = ctx.levels, of_states.clone()
        projected, of_inputs = torch.empty_like(saved[0]), torch.empty_like(saved[0])
        for level in range(len(levels) - 1):
            begin, end = levels[level], levels[level + 1]
            below = _step_back(tuple(saved), grad[begin:end], projected, of_inputs, begin, end).add_(of_sums[begin:end])
            if level < len(levels) - 2:
                rows = slice(end, levels[level + 2])
                grad[rows] += below.index_select(0, parent[rows] - begin)
        return *_of_weights(projected, of_inputs, saved[2]), None, None


class _Downwards(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        roots: Tensor,
        weight: Tensor,
        bias: Tensor,
        parent: Tensor,
        levels: tuple[int, ...],
    ) -> Tensor:
        run = _Pass(inputs)
        run.states[: len(roots)] = roots
        run.gates[: len(roots)] = 0
        for level in range(1, len(levels) - 1):
            begin, end = levels[level], levels[level + 1]
            torch.index_select(run.states, 0, parent[begin:end], out=run.incoming[begin:end])
            run.forward(inputs, weight, bias, begin, end)
        ctx.save_for_backward(run.gates, run.recurrent, run.incoming, weight, parent)
        ctx.levels = levels
        return run.states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_states: Tensor) -> tuple[Tensor | None, ...]:
        *saved, parent = ctx.saved_tensors
        levels, grad = ctx.levels, of_states.clone()
        projected, of_inputs = torch.empty_like(saved[0]), torch.empty_like(saved[0])
        roots = levels[1]
        projected[:roots] = 0
        of_inputs[:roots] = 0
        for level in range(len(levels) - 2, 0, -1):
            begin, end = levels[level], levels[level + 1]
            above = _step_back(tuple(saved), grad[begin:end], projected, of_inputs, begin, end)
            grad.index_add_(0, parent[begin:end], above)
        inputs, weight, bias = _of_weights(projected, of_inputs, saved[2])
        return inputs, grad[:roots], weight, bias, None, None
