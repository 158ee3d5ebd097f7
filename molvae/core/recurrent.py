"""A gated recurrent unit whose input is already projected, with its own backward pass.

``torch.nn.GRU`` multiplies the input of every step by a matrix. In a decoder whose input is a token (a row of
a table) plus a code z that stays the same at all steps, that product can be done once, outside the recurrence;
what remains is one matrix product a step. The backward pass below keeps the elementwise work of a step to two
operations, since all factors that do not depend on the incoming gradient are formed for all steps at once.

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

    def step(self, inputs: Tensor, hidden: Tensor) -> Tensor:
        """One step without gradient: inputs (N, 3H), hidden (N, H) -> (N, H)."""
        projected = torch.nn.functional.linear(hidden, self.weight.to(hidden.dtype))
        size = self.hidden_size
        gates = torch.sigmoid(inputs[:, : 2 * size] + projected[:, : 2 * size])
        candidate = torch.addcmul(
            inputs[:, 2 * size :], gates[:, :size], projected[:, 2 * size :] + self.bias.to(hidden.dtype)
        ).tanh_()
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
        for t in range(steps):
            torch.mm(states[t], weight.t(), out=projected)
            reset_update, candidate = gates[t, :, : 2 * size], gates[t, :, 2 * size :]
            torch.add(inputs[t, :, : 2 * size], projected[:, : 2 * size], out=reset_update)
            reset_update.sigmoid_()
            torch.add(projected[:, 2 * size :], bias, out=recurrent_n[t])
            torch.addcmul(inputs[t, :, 2 * size :], reset_update[:, :size], recurrent_n[t], out=candidate)
            candidate.tanh_()
            torch.lerp(candidate, states[t], reset_update[:, size:], out=states[t + 1])
        ctx.save_for_backward(gates, recurrent_n, states, weight)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor, ...]:
        gates, recurrent_n, states, weight = ctx.saved_tensors
        steps, batch, size = grad_states.shape
        reset, update, candidate = gates.view(steps, batch, 3, size).unbind(2)

        # dL/d(pre-activation) = factor * dL/dh', for each gate; the factors of all steps at once
        factor_n = (1 - update) * (1 - candidate * candidate)
        factors = torch.empty_like(gates).view(steps, batch, 3, size)
        torch.mul(factor_n, reset, out=factors[:, :, 2])
        torch.mul(factors[:, :, 2], recurrent_n * (1 - reset), out=factors[:, :, 0])
        torch.mul((states[:-1] - candidate) * update, 1 - update, out=factors[:, :, 1])

        grad_projected = torch.empty_like(factors)  # with respect to W h
        grad_hidden = torch.empty_like(states)  # with respect to h, after each step
        grad_hidden[steps] = grad_states[steps - 1]
        for t in range(steps - 1, -1, -1):
            grad = grad_hidden[t + 1]
            torch.mul(factors[t], grad.unsqueeze(1), out=grad_projected[t])
            passed_on = grad * update[t] if t == 0 else torch.addcmul(grad_states[t - 1], grad, update[t])
            torch.addmm(passed_on, grad_projected[t].view(batch, 3 * size), weight, out=grad_hidden[t])

        flat = grad_projected.view(steps * batch, 3 * size)
        grad_weight = flat.t() @ states[:-1].reshape(steps * batch, size)
        grad_bias = grad_projected[:, :, 2].sum((0, 1))
        # x_n enters outside the reset gate, so its gradient lacks the factor r
        torch.mul(factor_n, grad_hidden[1:], out=grad_projected[:, :, 2])
        return grad_projected.view_as(gates), grad_hidden[0], grad_weight, grad_bias
