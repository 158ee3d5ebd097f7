"""Stages one and two, on proteins of all kinds: the transformer, then what compresses it, with the transformer frozen.

1. The encoder is shown a window with masked spans, the decoder writes the whole window (denoising in the form of
   Raffel et al. 2020, section 3.3.1, as ProtT5 does).
2. The encoder is shown the window as it is; eight learned queries make a code of it, a memory is made of the code, and
   the frozen decoder writes the window from that memory alone. What is trained are compression and decompression.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.checkpoint import load_model_folder, save_model_folder
from molvae.core.fit import FitConfig, fit
from molvae.errors import CheckpointError, ConfigError
from molvae.proteins.batches import MASK, PAD, ResidueBatch, WindowBatches
from molvae.proteins.compression import Compression, Decompression
from molvae.proteins.config import CompressionConfig, EncoderConfig, TransformerConfig
from molvae.proteins.likelihood import token_log_prob
from molvae.proteins.local_encoder import LocalEncoder
from molvae.proteins.transformer import ProteinTransformer
from molvae.run.config import Config
from molvae.run.progress import Progress, on_stderr

KIND = "protein-transformer"
_HELD_OUT = 512  # windows


class WindowConfig(Config):
    """Windows of proteins of all kinds, and how to train on them."""

    window: int = Field(128, ge=8, le=4096)
    """Residues of a window."""
    batch_size: int = Field(16, ge=1, le=100_000)
    """Windows a step."""
    part: float = Field(1.0, gt=0, le=1)
    """Share of the windows of the data that an epoch has."""
    masked: float = Field(0.15, ge=0, lt=1)
    """Share of the residues that the encoder is not shown (stage one)."""
    span: float = Field(3.0, ge=1, le=100)
    """Mean length of a masked span."""
    fit: FitConfig = FitConfig(epochs=1, learning_rate=2e-3, clip_norm=50.0)


class PretrainConfig(WindowConfig):
    """Stage one."""

    transformer: TransformerConfig = TransformerConfig()


class CompressConfig(WindowConfig):
    """Stage two."""

    masked: float = Field(0.0, ge=0, lt=1)
    """Share of the residues that the encoder is not shown."""
    compression: CompressionConfig = CompressionConfig()


class Backbone(nn.Module):
    """The pretrained transformer with its compression and decompression.

    Args:
        transformer: its shape.
        compression: of the code; before stage two its weights are random.
        local: an encoder that reads in place of the transformer's own, whose decoder still writes; or None.

    Raises:
        ConfigError: the heads of the transformer do not divide the width of that encoder.
    """

    def __init__(
        self,
        transformer: TransformerConfig,
        compression: CompressionConfig | None = None,
        local: EncoderConfig | None = None,
    ) -> None:
        super().__init__()
        self.transformer = ProteinTransformer(transformer)
        self.config, self.local = compression, local
        self.reader = None if local is None else LocalEncoder(local)
        width = transformer.width if local is None else local.width
        if width % transformer.heads:
            raise ConfigError(
                f"the encoder's width {width} is not a multiple of the {transformer.heads} heads of the transformer:"
                " pretrain one with another number of heads"
            )
        self.compression: Compression | None = None
        self.decompression: Decompression | None = None
        if compression is not None:
            self.compression = Compression(compression, width, transformer.heads)
            self.decompression = Decompression(
                compression, transformer.width, transformer.heads, transformer.max_length
            )

    def forward(self, batch: ResidueBatch) -> Tensor:
        """Logits (B, T, V) of the windows, written from their codes if there are any, else from all states."""
        if self.compression is None or self.decompression is None:
            logits: Tensor = self.transformer(batch.source, batch.inputs, batch.offset)
            return logits
        reader = self.transformer.encoder if self.reader is None else self.reader
        code = self.compression(*reader(batch.source, batch.offset))
        memory = self.decompression(code, batch.tokens.shape[1])
        logits = self.transformer.decoder(batch.inputs, memory, None, batch.offset)
        return logits

    def save(self, folder: Path, card: str = "") -> None:
        """Write a model folder of kind ``protein-transformer``."""
        settings: dict[str, Any] = {"kind": KIND, "transformer": self.transformer.config.model_dump(mode="json")}
        if self.config is not None:
            settings["compression"] = self.config.model_dump(mode="json")
        if self.local is not None:
            settings["encoder"] = self.local.model_dump(mode="json")
        save_model_folder(folder, self.state_dict(), settings, {"README.md": card} if card else {})

    @classmethod
    def load(cls, name: str | Path) -> "Backbone":
        """The backbone of a model folder, or of a run folder of either stage.

        Raises:
            CheckpointError: there is none.
        """
        folder = Path(name)
        folder = folder / "model" if (folder / "model").is_dir() else folder
        if not folder.is_dir():
            raise CheckpointError(f"no folder {name}: give the run folder of a pretrained protein transformer")
        tensors, settings = load_model_folder(folder)
        if settings.get("kind") != KIND:
            raise CheckpointError(f"{folder} holds a model of kind {settings.get('kind')!r}, not {KIND!r}")
        try:
            compression, local = settings.get("compression"), settings.get("encoder")
            backbone = cls(
                TransformerConfig.create(settings["transformer"]),
                None if compression is None else CompressionConfig.create(compression),
                None if local is None else EncoderConfig.create(local),
            )
            backbone.load_state_dict(tensors)
        except (KeyError, ConfigError, RuntimeError):
            raise CheckpointError(f"the config.json in {folder} cannot be used: get the folder again") from None
        return backbone


def denoising(
    model: nn.Module, batch: ResidueBatch, step: int, generator: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """log p of the windows (B,) in nats, and the share of residues that are right."""
    logits = model(batch)
    return token_log_prob(logits, batch.tokens).sum(1), accuracies(logits, batch)


def accuracies(logits: Tensor, batch: ResidueBatch) -> dict[str, Tensor]:
    """Share of the residues that are right under teacher forcing, and of the masked ones, if any were."""
    right, there = logits.argmax(-1) == batch.tokens, batch.tokens != PAD
    masked = batch.source == MASK
    values = {"accuracy": right[there].float().mean()}
    if bool(masked.any()):
        values["masked_accuracy"] = right[masked].float().mean()
    return values


class WindowValidator:
    """Held-out windows, always the same: nats a residue, and accuracy; ``objective`` is minus the former."""

    def __init__(self, batches: Sequence[ResidueBatch]) -> None:
        self.batches = batches

    @torch.no_grad()
    def __call__(self, model: nn.Module, step: int) -> dict[str, float]:
        """(model in eval mode, step) -> numbers."""
        total, residues, right, masked, masked_right = 0.0, 0, 0, 0, 0
        for given in self.batches:
            batch = given.to(next(model.parameters()).device)
            logits = model(batch)
            there, hidden = batch.tokens != PAD, batch.source == MASK
            good = logits.argmax(-1) == batch.tokens
            total += float(token_log_prob(logits, batch.tokens).sum())
            residues += int(there.sum())
            right += int((good & there).sum())
            masked += int(hidden.sum())
            masked_right += int((good & hidden).sum())
        values = {"nats_per_residue": -total / residues, "accuracy": right / residues, "objective": total / residues}
        return values | ({"masked_accuracy": masked_right / masked} if masked else {})


def pretrain(
    config: PretrainConfig,
    training: Sequence[str],
    held_out: Sequence[str],
    folder: Path,
    device: str = "auto",
    progress: Progress = on_stderr,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
) -> Backbone:
    """Stage one: train the transformer, or go on training it.

    Args:
        config: all settings.
        training, held_out: sequences.
        folder, device, progress, on_log: see :func:`molvae.core.fit.fit`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.fit.seed)  # torch's modules draw their weights from the global generator
        backbone = Backbone(config.transformer)
    return _trained(
        backbone, config, config.transformer.max_length, training, held_out, folder, device, progress, on_log
    )


def compress(
    config: CompressConfig,
    backbone: Backbone,
    training: Sequence[str],
    held_out: Sequence[str],
    folder: Path,
    device: str = "auto",
    progress: Progress = on_stderr,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
    local: EncoderConfig | None = None,
) -> Backbone:
    """Stage two: train compression and decompression of a transformer that stays as it is.

    Args:
        config: all settings.
        backbone: of stage one.
        training, held_out: sequences.
        folder, device, progress, on_log: see :func:`molvae.core.fit.fit`.
        local: an encoder whose states are compressed in place of those of the backbone's own.
    """
    transformer = backbone.transformer
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.fit.seed)
        both = Backbone(transformer.config, config.compression, local)
    both.transformer.load_state_dict(transformer.state_dict())
    both.transformer.requires_grad_(False)
    # windows begin at position 0, as the sequences of a family do
    return _trained(both, config, config.window, training, held_out, folder, device, progress, on_log)


def _trained(
    backbone: Backbone,
    config: WindowConfig,
    max_length: int,
    training: Sequence[str],
    held_out: Sequence[str],
    folder: Path,
    device: str,
    progress: Progress,
    on_log: Callable[[int, dict[str, float]], None] | None,
) -> Backbone:
    room = backbone.transformer.config.max_length
    if config.window > room:
        raise ConfigError(f"window {config.window} is longer than the {room} positions of the transformer")
    common = (config.window, max_length)
    batches = WindowBatches(
        training, *common, config.batch_size, config.fit.seed, config.masked, config.span, config.part
    )
    other = WindowBatches(held_out, *common, 64, config.fit.seed + 1, config.masked, config.span)
    validate = WindowValidator([other.batch(0, index) for index in range(min(len(other), _HELD_OUT // 64))])
    fit(backbone, batches, denoising, config.fit, folder, validate, device, progress, on_log)
    return backbone
