"""ESM, ProtT5 or ProtBert in the place of our own small encoder: weights that lie in a folder of this machine.

The folder is one of the library ``transformers`` (extra ``proteins``): ``config.json``, the tokenizer's files, and the
weights as safetensors. Nothing is fetched, no code in the folder runs, and a folder that holds its weights as a pickle
only is refused. The weights stay where they are, and models that are built on them keep the name of the folder and its
SHA-256; they need it to encode, but not to decode.
"""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from molvae.errors import CheckpointError, MissingDependencyError
from molvae.proteins.batches import END, MASK, PAD, TOKENS
from molvae.proteins.config import EncoderConfig
from molvae.proteins.sequence import RESIDUES

_CLASSES = {"esm": "EsmModel", "t5": "T5EncoderModel", "bert": "BertModel"}
_SETTINGS = "config.json"
_CHUNK = 1 << 24  # bytes that are read at a time


class LocalEncoder(nn.Module):
    """Tokens -> a state of each residue, as :class:`~molvae.proteins.transformer.ResidueEncoder`.

    It has no weights of its own, so that neither checkpoints nor model folders hold them; all that are built on one
    folder share one copy in memory. They are frozen.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, source: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        """source (B, T) -> states (B, T, W), and where they are of something (B, 1, 1, T).

        ``offset`` is not read: these encoders have positions of their own.

        Raises:
            CheckpointError: the folder is gone, or holds other weights than when the model was built.
            MissingDependencyError: the extra is not installed.
        """
        loaded = _load(self.config, str(source.device))
        with torch.no_grad():
            states: Tensor = loaded(source)
        return states, (source != PAD)[:, None, None]


class _Loaded:
    """The weights in memory, and which token of theirs each of ours is."""

    def __init__(self, network: nn.Module, table: Tensor, first: int | None) -> None:
        self.network, self.table, self.first = network, table, first

    def __call__(self, source: Tensor) -> Tensor:
        tokens, there = self.table[source], source != PAD
        if self.first is not None:  # a mark that stands before the sequence and has no state here
            tokens = nn.functional.pad(tokens, (1, 0), value=self.first)
            there = nn.functional.pad(there, (1, 0), value=True)
        states: Tensor = self.network(input_ids=tokens, attention_mask=there.long()).last_hidden_state
        return states if self.first is None else states[:, 1:]


def adopt(name: str | Path) -> EncoderConfig:
    """What a model keeps of a folder of weights.

    Raises:
        CheckpointError: it is no such folder, of another architecture, or has no safetensors.
    """
    folder = Path(name).expanduser().resolve()
    settings = _settings(folder)
    kind = str(settings.get("model_type"))
    if kind not in _CLASSES:
        raise CheckpointError(f"{folder} holds a model of type {kind!r}; encoders here are {', '.join(_CLASSES)}")
    width = settings.get("d_model" if kind == "t5" else "hidden_size")
    if not isinstance(width, int):
        raise CheckpointError(f"{folder / _SETTINGS} does not say how wide the model is: get the folder again")
    return EncoderConfig(folder=str(folder), family=kind, width=width, sha256=_checksum(folder))


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / _SETTINGS
    if not path.is_file():
        raise CheckpointError(f"{folder} is no folder of an encoder: it has no {_SETTINGS}; nothing is downloaded here")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise CheckpointError(f"{path} is damaged: get the folder again")
    return settings


def _checksum(folder: Path) -> str:
    """SHA-256 of all files with weights and of ``config.json``."""
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise CheckpointError(
            f"{folder} has no .safetensors file. Weights in a pickle (.bin) are never read here: convert them where you"
            " trust them, with from_pretrained(FOLDER).save_pretrained(OTHER) of the library transformers"
        )
    digest = hashlib.sha256()
    for path in [folder / _SETTINGS, *weights]:
        with path.open("rb") as file:
            while part := file.read(_CHUNK):
                digest.update(part)
    return digest.hexdigest()


@functools.lru_cache(maxsize=1)  # such a model may fill the memory: one at a time
def _load(config: EncoderConfig, device: str) -> _Loaded:
    try:
        import transformers
    except ModuleNotFoundError:
        raise MissingDependencyError(
            f'the encoder in {config.folder} needs transformers: pip install "molvae[proteins]"'
        ) from None
    folder = Path(config.folder)
    if not folder.is_dir():
        raise CheckpointError(
            f"the encoder of this model lay in {folder}, which is gone: put it there again, or write its new place into"
            " config.json of the model folder (encoder, folder)"
        )
    if _checksum(folder) != config.sha256:
        raise CheckpointError(f"{folder} holds other weights than this model was built on: get those again")
    transformers.utils.logging.disable_progress_bar()
    # the weights are used inside and outside of inference mode, so they must not be made inside
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
        tokenizer = _read(transformers.AutoTokenizer, folder)
        pool = {} if config.family == "t5" else {"add_pooling_layer": False}
        network, report = _read(
            getattr(transformers, _CLASSES[config.family]),
            folder,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            **pool,
        )
        if missing := sorted(report["missing_keys"]):
            raise CheckpointError(f"the weights in {folder} are incomplete: {missing[0]} is missing; get them again")
        table = _table(tokenizer, folder)
    return _Loaded(network.eval().requires_grad_(False).to(device), table.to(device), tokenizer.cls_token_id)


def _read(kind: Any, folder: Path, **options: Any) -> Any:
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(f"{folder} cannot be read by transformers ({reason}): get the folder again") from None


def _table(tokenizer: Any, folder: Path) -> Tensor:
    """For each token of ours the number of theirs, (V,)."""
    vocabulary = tokenizer.get_vocab()
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    hidden = tokenizer.mask_token_id
    hidden = vocabulary.get("<extra_id_0>", tokenizer.unk_token_id) if hidden is None else hidden
    table = torch.zeros(TOKENS, dtype=torch.long)
    for token, number in ((PAD, tokenizer.pad_token_id), (END, end), (MASK, hidden)):
        if number is None:
            raise CheckpointError(f"the tokenizer in {folder} has no mark for padding, end or mask: get it again")
        table[token] = number
    for token, residue in enumerate(RESIDUES, start=TOKENS - len(RESIDUES)):
        # SentencePiece writes a letter with a mark of the space before it
        number = vocabulary.get(residue, vocabulary.get(f"▁{residue}"))
        if number is None:
            raise CheckpointError(f"the tokenizer in {folder} does not know the residue {residue}: is it of proteins?")
        table[token] = number
    return table
