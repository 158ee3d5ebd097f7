"""A model folder as it goes to the Hugging Face Hub: safetensors, JSON and a card, nothing else."""

import shutil
from pathlib import Path

from molvae.core.checkpoint import read_settings, seal
from molvae.core.training_set import KNOWN_TENSORS, TrainingSet, known_file
from molvae.errors import ConfigError
from molvae.run.files import write_text
from molvae.weights.hub import ALLOWED

_CARD = "README.md"
_FRONT = """---
library_name: molvae
tags:
- {kind}
- variational-autoencoder
---

"""


def export(saved: Path, target: Path, known_in: Path | None = None) -> None:
    """Make of a model folder one for the hub.

    The card gets the lines that the hub reads (YAML), and the hashes of the training molecules, a ``.npy`` file in
    other model folders, become safetensors.

    Args:
        saved: a folder of :meth:`~molvae.core.pretrained.Pretrained.save_pretrained`.
        target: made here.
        known_in: the folder whose training molecules the model knows.

    Raises:
        ConfigError: the model keeps a file that is neither safetensors nor JSON nor Markdown.
    """
    settings = read_settings(saved)
    names = [name for name in settings.pop("sha256", {}) if name != _CARD]
    if refused := [name for name in names if not name.endswith(ALLOWED)]:
        raise ConfigError(f"{', '.join(refused)} cannot go to the hub: only {', '.join(ALLOWED)} do")
    target.mkdir(parents=True)
    for name in names:
        shutil.copyfile(saved / name, target / name)
    kind = settings.get("kind")
    card = (saved / _CARD).read_text(encoding="utf-8") if (saved / _CARD).is_file() else f"# A model of kind `{kind}`\n"
    write_text(target / _CARD, card if card.startswith("---\n") else _FRONT.format(kind=kind) + card)
    names.append(_CARD)
    if known_in is not None and (hashes := known_file(known_in)) is not None:
        TrainingSet.load(hashes).save(target / KNOWN_TENSORS)
        names.append(KNOWN_TENSORS)
    seal(target, settings, names)
