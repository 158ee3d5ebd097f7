"""A gated recurrent unit whose input is already projected, with its own backward pass.

``torch.nn.GRU`` multiplies the input of every step by a matrix. In a decoder whose input is a token (a row of
a table) plus a code z that stays the same at all steps, that product can be done once, outside the recurrence;
what remains is one matrix product a step. The backward pass below takes the gates as the forward pass has left them,
and does the elementwise work of a step with a dozen operations, while the step lies in the cache.

Use it for decoders conditioned on z. For a plain recurrent encoder ``torch.nn.GRU`` is as good.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class GatedRecurrence(nn.Module):
    """h_t = GRU(x_t, h_{t-1}) in the form of Cho et al. 2014 as cuDNN computes it, from projected inputs.

        r = s(x_r + W_r h)      u = s(x_u + W_u h)
        n = tanh(x_n + r (W_n h + b))
        h' = (1 - u) n + u h

    Args:
        hidden_size: H
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.weight = nn.Parameter(torch.empty(3 * hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))
        for gate in self.weight.data.chunk(3):
            nn.init.orthogonal_(gate)

    def forward(self, inputs: Tensor, hidden: Tensor) -> Tensor:
        """Run all steps.

        Args:
            inputs: (T, N, 3H) projected inputs of the gates r, u, n
            hidden: (N, H) state before the first step

        Returns:
            (T, N, H) the state after each step, in the precision of ``inputs``.
        """
        dtype = inputs.dtype
        return _Recurrence.apply(inputs, hidden.to(dtype), self.weight.to(dtype), self.bias.to(dtype))


def gated_step(inputs: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """One step of :class:`GatedRecurrence` without gradient: inputs (N, 3H), hidden (N, H) -> (N, H)."""
    size = hidden.shape[1]
    projected = torch.mm(hidden, weight.t())
    gates = torch.add(inputs[:, : 2 * size], projected[:, : 2 * size]).sigmoid_()
    candidate = torch.addcmul(inputs[:, 2 * size :], gates[:, :size], projected[:, 2 * size :] + bias).tanh_()
    return torch.lerp(candidate, hidden, gates[:, size:])


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        steps, batch, size = inputs.shape[0], hidden.shape[0], hidden.shape[1]
        states = inputs.new_empty(steps + 1, batch, size)
        states[0] = hidden
        gates = torch.empty_like(inputs)  # r, u, n after their nonlinearities
        recurrent_n = inputs.new_empty(steps, batch, size)  # W_n h + b
        projected = inputs.new_empty(batch, 3 * size)
        # tanh of bfloat16 is computed in float32: six times faster on CPU
        wide = inputs.new_empty(batch, size, dtype=torch.promote_types(inputs.dtype, torch.float32))
        for t in range(steps):
            torch.mm(states[t], weight.t(), out=projected)
            reset_update, candidate = gates[t, :, : 2 * size], gates[t, :, 2 * size :]
            torch.add(inputs[t, :, : 2 * size], projected[:, : 2 * size], out=reset_update)
            reset_update.sigmoid_()
            torch.add(projected[:, 2 * size :], bias, out=recurrent_n[t])
            torch.addcmul(inputs[t, :, 2 * size :], reset_update[:, :size], recurrent_n[t], out=candidate)
            candidate.copy_(wide.copy_(candidate).tanh_())
            torch.lerp(candidate, states[t], reset_update[:, size:], out=states[t + 1])
        ctx.save_for_backward(gates, recurrent_n, states, weight)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor, ...]:
        gates, recurrent_n, states, weight = ctx.saved_tensors
        steps, batch, size = grad_states.shape
        grad_projected = torch.empty_like(gates)  # with respect to W h, for r, u, n
        grad_n = torch.empty_like(recurrent_n)  # with respect to x_n
        grad = grad_states[steps - 1]  # with respect to h_t, from the output and from the next step
        # Everything elementwise is done step by step, while the step lies in the cache: over all steps at once it would
        # be bound by memory. (1 - a) b is written as b - a b, one fused operation.
        for t in range(steps - 1, -1, -1):
            reset, update, candidate = gates[t].view(batch, 3, size).unbind(1)
            to_reset, to_update, to_n = grad_projected[t].view(batch, 3, size).unbind(1)
            kept = grad * update
            moved = grad - kept
            torch.addcmul(moved, moved * candidate, candidate, value=-1, out=grad_n[t])
            torch.mul(grad_n[t], reset, out=to_n)
            gain = to_n * recurrent_n[t]
            torch.addcmul(gain, gain, reset, value=-1, out=to_reset)
            gain = (states[t] - candidate).mul_(kept)
            torch.addcmul(gain, gain, update, value=-1, out=to_update)
            if t > 0:
                kept += grad_states[t - 1]
            grad = torch.addmm(kept, grad_projected[t], weight)

        flat = grad_projected.view(steps * batch, 3 * size)
        grad_weight = flat.t() @ states[:-1].view(steps * batch, size)
        grad_bias = grad_projected[:, :, 2 * size :].sum((0, 1))
        grad_projected[:, :, 2 * size :] = grad_n  # x_n enters outside the reset gate
        return grad_projected, grad, grad_weight, grad_bias
