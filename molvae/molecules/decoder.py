"""Recurrent decoder: z -> p(x|z), all at once under teacher forcing, or token by token."""

import torch
from torch import Tensor, nn

from molvae.core.flows import CouplingFlow
from molvae.core.nn.convolution import SequenceConvolution, sequence_first
from molvae.core.nn.recurrent import GatedRecurrence, gated_step
from molvae.molecules.config import MoleculeVAEConfig
from molvae.molecules.likelihood import SequenceLikelihood


class PositionFeatures(nn.Module):
    """z -> what is likely to stand at each position, before any token is known (Semeniuta et al. 2017).

    A dense layer gives every position some numbers of its own, causal convolutions relate it to the positions before
    it. All positions are made at once, in large matrix products. The recurrence then need not keep in mind where
    in the molecule it stands; what remains for it is to make the tokens agree with each other.

    Args:
        latent_size: D
        positions: P, longest sequence with its end.
        channels: C
        narrow_channels: numbers of each position out of the dense layer.
        dilations: one residual block each.
    """

    def __init__(
        self,
        latent_size: int,
        positions: int,
        channels: int,
        narrow_channels: int = 32,
        dilations: tuple[int, ...] = (1, 2, 4),
    ) -> None:
        super().__init__()
        self.narrow_channels = narrow_channels
        self.dense = nn.Linear(latent_size, positions * narrow_channels)
        self.stem = SequenceConvolution(narrow_channels, channels, width=5, causal=True)
        self.blocks = nn.ModuleList(
            SequenceConvolution(channels, channels, 5, dilation, causal=True) for dilation in dilations
        )

    def forward(self, z: Tensor, positions: int) -> Tensor:
        """z (N, D) -> features of the first T positions (T, N, C); they do not depend on T."""
        size = positions * self.narrow_channels
        raw = nn.functional.linear(z, self.dense.weight[:size], self.dense.bias[:size])
        hidden = self.stem(sequence_first(torch.relu(raw).view(len(z), positions, self.narrow_channels)))
        for convolution in self.blocks:
            hidden = hidden + convolution(torch.relu(hidden))
        return torch.relu(hidden).squeeze(2).permute(2, 0, 1)


class RecurrentDecoder(nn.Module):
    """GRU that sees z at every step, through its initial state and through its gates.

    A step's input is a token, z and, where there are position features, those of the step. All are projected outside
    the recurrence, in one matrix product.

    Args:
        config: ``latent_size`` (D), ``hidden_size`` (H), ``position_channels`` (C of the :class:`PositionFeatures`; 0:
            none).
        vocabulary_size: V
        max_length: longest molecule in tokens (``<eos>`` comes on top).
        flow: z is first mapped through its inverse, see :mod:`molvae.core.flows`.
    """

    def __init__(
        self, config: MoleculeVAEConfig, vocabulary_size: int, max_length: int, flow: CouplingFlow | None = None
    ) -> None:
        super().__init__()
        latent_size, hidden_size, channels = config.latent_size, config.hidden_size, config.position_channels
        self.vocabulary_size = vocabulary_size
        self.max_length = max_length
        self.flow = flow
        self.token_gates = nn.Linear(vocabulary_size, 3 * hidden_size, bias=False)
        nn.init.normal_(self.token_gates.weight, std=0.5)
        self.latent_gates = nn.Linear(latent_size, 3 * hidden_size)
        self.latent_state = nn.Linear(latent_size, hidden_size)
        self.recurrence = GatedRecurrence(hidden_size)
        self.output = nn.Linear(hidden_size, vocabulary_size)
        self.positions: PositionFeatures | None = None
        if channels:
            self.positions = PositionFeatures(latent_size, max_length + 1, channels)
            self.position_gates = nn.Linear(channels, 3 * hidden_size, bias=False)
            self.position_output = nn.Linear(channels, vocabulary_size, bias=False)

    def forward(self, z: Tensor) -> SequenceLikelihood:
        """z (S, B, D) -> p(x|z)"""
        return SequenceLikelihood(self, z)

    def logits(self, z: Tensor, inputs: Tensor) -> Tensor:
        """Teacher forcing: z (N, D), inputs (N, T) -> logits of the next token (T, N, V)."""
        return self.logits_of_codes(self.codes(z), inputs)

    def logits_of_codes(self, code: Tensor, inputs: Tensor) -> Tensor:
        """As :meth:`logits`, from codes (N, D)."""
        # the time axis comes first, so that each step of the recurrence reads one block of memory
        tokens = nn.functional.one_hot(inputs.t(), self.vocabulary_size)
        parts = [tokens, code.expand(len(tokens), *code.shape)]
        weights = [self.token_gates.weight, self.latent_gates.weight]
        features = None if self.positions is None else self.positions(code, inputs.shape[1])
        if features is not None:
            parts.append(features)
            weights.append(self.position_gates.weight)
        # under autocast the features come in its precision: the others follow, so that nothing is made in float32
        dtype = parts[-1].dtype
        inputs_of_gates = torch.cat([part.to(dtype) for part in parts], -1)
        gates = nn.functional.linear(inputs_of_gates, torch.cat(weights, 1), self.latent_gates.bias)
        logits = self.output(self.recurrence(gates, self.initial_state(code)))
        return logits if features is None else logits + self.position_output(features)

    def begin(self, z: Tensor, dtype: torch.dtype = torch.float32) -> "Generation":
        """Empty sequences at z (N, D), to be written token by token; ``dtype`` of the matrix products."""
        return Generation(self, z, dtype)

    def codes(self, z: Tensor) -> Tensor:
        """Latent points (N, D) -> what the recurrence and the position features see (N, D)."""
        code: Tensor = z if self.flow is None else self.flow.inverse(z)[0]
        return code

    def initial_state(self, code: Tensor) -> Tensor:
        """code (N, D) -> h_0 (N, H)"""
        return torch.tanh(self.latent_state(code))


class Generation:
    """N sequences that grow by one token at each call of :meth:`step`.

    Weights and states are kept in one precision, converted once.

    Args:
        decoder: the decoder.
        z: (N, D)
        dtype: of the matrix products.
    """

    def __init__(self, decoder: RecurrentDecoder, z: Tensor, dtype: torch.dtype) -> None:
        code = decoder.codes(z)
        self.rows = torch.arange(len(z), device=z.device)
        self.written = 0
        self.state = decoder.initial_state(code).to(dtype)
        self.gates = decoder.latent_gates(code).to(dtype)
        self.token_gates = decoder.token_gates.weight.t().to(dtype, memory_format=torch.contiguous_format)
        self.recurrence = decoder.recurrence.weight.to(dtype), decoder.recurrence.bias.to(dtype)
        self.output = decoder.output.weight.to(dtype), decoder.output.bias.to(dtype)
        self.features: Tensor | None = None
        if decoder.positions is not None:
            self.features = decoder.positions(code, decoder.max_length + 1).to(dtype)
            self.position_gates = decoder.position_gates.weight.to(dtype)
            self.position_output = decoder.position_output.weight.to(dtype)

    def step(self, tokens: Tensor) -> Tensor:
        """The last tokens (N,) -> logits of the next (N, V), float32."""
        gates = self.gates + self.token_gates[tokens]
        features = None if self.features is None else self.features[self.written, self.rows]
        if features is not None:
            gates = torch.addmm(gates, features, self.position_gates.t())
        self.state = gated_step(gates, self.state, *self.recurrence)
        logits = nn.functional.linear(self.state, *self.output)
        if features is not None:
            logits = torch.addmm(logits, features, self.position_output.t())
        self.written += 1
        return logits.float()

    def select(self, going: Tensor) -> None:
        """Go on with the sequences of a mask (N,)."""
        self.rows, self.state, self.gates = self.rows[going], self.state[going], self.gates[going]
