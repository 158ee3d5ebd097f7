"""How fast training and greedy decoding are, beside the plain way of computing the very same network.

    python pipelines/benchmark_speed.py [--threads 1] [--model zinc250k] [--input molecules.smi]

Plain is what one writes first: ``torch.nn.GRU`` over the concatenated inputs, ``torch.nn.Conv1d`` in (N, channels,
length), for decoding one call a step in float32 for all sequences until the last has ended. Weights and batches are the
same, and the results are compared before anything is timed. Plain training is timed twice: in float32, as it is written
first, and under the same bfloat16 autocast as ours. All figures are of one run; read the ratios.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from molvae.chemistry.domain import nci_molecules
from molvae.chemistry.io import read_molecules
from molvae.core.nn.convolution import SequenceConvolution
from molvae.core.objectives import elbo
from molvae.molecules.dataset import BucketedBatches, MoleculeDataset, TokenBatch
from molvae.molecules.decoder import RecurrentDecoder
from molvae.molecules.decoding import generate
from molvae.molecules.vae import MoleculeVAE
from molvae.molecules.vocabulary import BOS_INDEX, EOS_INDEX, PAD_INDEX
from molvae.run.device import gains_from_bfloat16


def plain_convolution(self: SequenceConvolution, x: Tensor) -> Tensor:
    """(N, C, 1, L) as ``torch.nn.Conv1d`` would compute it, from and to contiguous memory."""
    padded = nn.functional.pad(x.squeeze(2).contiguous(), self.ends)
    return nn.functional.conv1d(padded, self.weight, self.bias, dilation=self.dilation).unsqueeze(2)


class PlainGRU:
    """A decoder's recurrence as ``torch.nn.GRU``; shares its weights."""

    def __init__(self, decoder: RecurrentDecoder) -> None:
        self.decoder = decoder
        weights = [decoder.token_gates.weight, decoder.latent_gates.weight]
        if decoder.positions is not None:
            weights.append(decoder.position_gates.weight)
        inputs, hidden = sum(weight.shape[1] for weight in weights), decoder.recurrence.hidden_size
        self.gru = nn.GRU(inputs, hidden)
        with torch.no_grad():
            self.gru.weight_ih_l0.copy_(torch.cat(weights, 1))
            self.gru.bias_ih_l0.copy_(decoder.latent_gates.bias)
            self.gru.weight_hh_l0.copy_(decoder.recurrence.weight)
            self.gru.bias_hh_l0.zero_()
            self.gru.bias_hh_l0[2 * hidden :].copy_(decoder.recurrence.bias)

    def _run(self, tokens: Tensor, code: Tensor, features: Tensor | None, state: Tensor) -> tuple[Tensor, Tensor]:
        """tokens (T, N), code (N, D), features (T, N, C), state (N, H) -> logits (T, N, V), state."""
        one_hot = nn.functional.one_hot(tokens, self.decoder.vocabulary_size).to(code.dtype)
        parts = [one_hot, code.expand(len(tokens), *code.shape)] + ([] if features is None else [features])
        states, last = self.gru(torch.cat(parts, -1), state.unsqueeze(0))
        logits = self.decoder.output(states)
        return logits if features is None else logits + self.decoder.position_output(features), last[0]

    def logits(self, z: Tensor, inputs: Tensor) -> Tensor:
        decoder = self.decoder
        code = z if decoder.flow is None else decoder.flow.inverse(z)[0]
        features = None if decoder.positions is None else decoder.positions(code, inputs.shape[1])
        return self._run(inputs.t(), code, features, torch.tanh(decoder.latent_state(code)))[0]

    @torch.inference_mode()
    def generate(self, z: Tensor) -> Tensor:
        """Greedy, (N, T)."""
        decoder = self.decoder
        code = z if decoder.flow is None else decoder.flow.inverse(z)[0]
        features = None if decoder.positions is None else decoder.positions(code, decoder.max_length + 1)
        state = torch.tanh(decoder.latent_state(code))
        last, ended = torch.full((len(z),), BOS_INDEX), torch.zeros(len(z), dtype=torch.bool)
        made = []
        for place in range(decoder.max_length + 1):
            here = None if features is None else features[place : place + 1]
            logits, state = self._run(last.unsqueeze(0), code, here, state)
            logits[..., [PAD_INDEX, BOS_INDEX]] = -torch.inf
            last = logits[0].argmax(-1)
            made.append(torch.where(ended, PAD_INDEX, last))
            ended |= last == EOS_INDEX
            if bool(ended.all()):
                break
        return torch.stack(made, 1)


@contextmanager
def plain(model: MoleculeVAE) -> Iterator[PlainGRU]:
    """Inside, the model is computed the plain way."""
    gru = PlainGRU(model.decoder)
    with (
        mock.patch.object(SequenceConvolution, "forward", plain_convolution),
        mock.patch.object(model.decoder, "logits", gru.logits),
    ):
        yield gru


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median time of a call, after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def matrix_rate() -> float:
    """Multiplications and additions a second of a large matrix product, in the precision of training."""
    dtype = torch.bfloat16 if gains_from_bfloat16(torch.device("cpu")) else torch.float32
    a, b = torch.randn(2048, 2048).to(dtype), torch.randn(2048, 2048).to(dtype)
    return 2 * 2048**3 / seconds(lambda: a @ b, 10)


def train_epoch(
    model: MoleculeVAE, batches: list[TokenBatch], extra: list[nn.Parameter], bfloat16: bool
) -> Callable[[], None]:
    """A function that takes one step with each batch, as the training loop does."""
    optimizer = torch.optim.AdamW([*model.parameters(), *extra], lr=1e-6, fused=True)

    def steps() -> None:
        for number, batch in enumerate(batches):
            generator = torch.Generator().manual_seed(number)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                terms = model.terms(batch, 1, generator)
                values = elbo(terms, 0.05) + terms.aux["properties"]
            optimizer.zero_grad(set_to_none=True)
            (-values.mean()).backward()
            nn.utils.clip_grad_norm_([*model.parameters(), *extra], 5.0)
            optimizer.step()

    return steps


def counted(work: Callable[[], object]) -> int:
    """Multiplications and additions in the matrix products and convolutions of a call."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--threads", type=int, default=1, help="threads of torch")
    options.add_argument("--model", default="zinc250k", help="a shipped model or a model folder")
    options.add_argument("--input", type=Path, help="file of molecules; default: RDKit's NCI compounds")
    options.add_argument("--repeats", type=int, default=5)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    model = MoleculeVAE.from_pretrained(chosen.model, device="cpu")
    smiles = (read_molecules(chosen.input).frame if chosen.input else nci_molecules())["smiles"].astype(str).tolist()
    properties = np.zeros((len(smiles), len(model.predictor.names)), dtype=np.float32)
    dataset, _ = MoleculeDataset.build(smiles, model.vocabulary, properties)
    batches = list(BucketedBatches(dataset, 128, seed=0).epoch(0))[:10]
    molecules = sum(len(batch) for batch in batches)
    points = torch.randn(1000, model.config.latent_size, generator=torch.Generator().manual_seed(0))

    with torch.no_grad(), plain(model) as gru:
        expected = gru.logits(points[: len(batches[0])], batches[0].inputs)
        strings = gru.generate(points)
    with torch.no_grad():
        torch.testing.assert_close(
            model.decoder.logits(points[: len(batches[0])], batches[0].inputs), expected, atol=1e-3, rtol=1e-3
        )
    ours = generate(model.decoder, points).tokens[:, : strings.shape[1]]
    same = float((ours == strings).all(1).float().mean())

    rate = matrix_rate()
    print(f"matrix product                {rate / 1e12:8.2f} TFLOP/s on {torch.get_num_threads()} thread(s)")
    bfloat16 = gains_from_bfloat16(torch.device("cpu"))
    work = train_epoch(model, batches, [], bfloat16)
    flops = counted(work)
    taken = seconds(work, chosen.repeats)
    with plain(model) as gru:
        extra = list(gru.gru.parameters())
        plain_taken = seconds(train_epoch(model, batches, extra, bfloat16), chosen.repeats)
        plain_float32 = seconds(train_epoch(model, batches, extra, False), chosen.repeats)
    for name, value in (
        ("training", taken),
        ("training, plain, autocast", plain_taken),
        ("training, plain, float32", plain_float32),
    ):
        print(f"{name:28s}  {molecules / value:8.0f} molecules/s  {flops / value / rate:6.1%} of the matrix rate")
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    chunks = points.split(512)
    exact = seconds(lambda: [generate(model.decoder, part) for part in chunks], chosen.repeats)
    taken_decoding = seconds(lambda: [generate(model.decoder, part, dtype=dtype) for part in chunks], chosen.repeats)
    with plain(model) as gru:
        plain_decoding = seconds(lambda: gru.generate(points), chosen.repeats)
    for name, value in (
        (f"greedy decoding, {str(dtype).removeprefix('torch.')}", taken_decoding),
        ("greedy decoding, float32", exact),
        ("greedy decoding, plain", plain_decoding),
    ):
        print(f"{name:28s}  {len(points) / value:8.0f} molecules/s")
    print(
        f"ratio of training {plain_float32 / taken:.2f} to plain float32, {plain_taken / taken:.2f} to plain autocast"
    )
    print(f"ratio of greedy decoding {plain_decoding / taken_decoding:.2f}")
    print(f"the same strings from both in float32: {same:.1%}")


if __name__ == "__main__":
    main()
