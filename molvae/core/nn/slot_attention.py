"""Slot attention: a set of K vectors that compete for the parts of an input (Locatello et al. 2020, algorithm 1)."""

import math

import torch
from torch import Tensor, nn


class SlotAttention(nn.Module):
    """(B, N, F) -> K slots (B, K, F), in an order that means nothing.

        a_nk   = softmax over k of k(x_n) . q(s_k) / sqrt(F)      the slots compete for each input
        u_k    = sum_n a_nk v(x_n) / sum_n a_nk                   what each has won
        s_k    = GRU(u_k, s_k), then s_k + MLP(s_k)               three times

    The slots begin as draws of one learned N(mu, diag(sigma^2)), so their number may change from call to call.

    Args:
        size: F
        hidden_size: of the MLP.
        iterations: T
    """

    def __init__(self, size: int, hidden_size: int, iterations: int = 3) -> None:
        super().__init__()
        self.size, self.iterations = size, iterations
        self.mu = nn.Parameter(torch.randn(size) / math.sqrt(size))
        self.log_sigma = nn.Parameter(torch.full((size,), -0.5 * math.log(size)))
        self.norm_inputs, self.norm_slots, self.norm_mlp = (nn.LayerNorm(size) for _ in range(3))
        self.key, self.value, self.query = (nn.Linear(size, size, bias=False) for _ in range(3))
        self.update = nn.GRUCell(size, size)
        self.mlp = nn.Sequential(nn.Linear(size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, size))

    def forward(self, inputs: Tensor, noise: Tensor) -> Tensor:
        """Run all iterations.

        Args:
            inputs: (B, N, F)
            noise: (B, K, F) standard normal, which the slots begin with.
        """
        inputs = self.norm_inputs(inputs)
        keys, values = self.key(inputs), self.value(inputs)
        state = self.mu + self.log_sigma.exp() * noise
        for _ in range(self.iterations):
            scores = keys @ self.query(self.norm_slots(state)).transpose(-1, -2) / math.sqrt(self.size)  # (B, N, K)
            attention = torch.softmax(scores, -1) + 1e-8
            won = (attention / attention.sum(-2, keepdim=True)).transpose(-1, -2) @ values
            state = self.update(won.flatten(0, 1), state.flatten(0, 1)).view_as(state)
            state = state + self.mlp(self.norm_mlp(state))
        return state
