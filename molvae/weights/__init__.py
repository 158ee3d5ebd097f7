"""Models that ship with the package, each trained by the recipe that its card names."""

from pathlib import Path

from molvae.errors import CheckpointError
from molvae.weights.hub import PREFIX, address_of, download

DEFAULT_MODEL = "zinc250k-flow"
"""For encoding, decoding and sampling: of those that ship it has the most valid prior and the smoothest space."""
SEARCH_MODEL = "zinc250k"
"""For campaigns: the one with which the search has been measured."""
LANGUAGE_MODEL = "zinc250k-smiles"
"""From which ``reinvent`` starts: no latent space, only p(x)."""
DESCRIPTIONS = {
    "zinc250k": "CNN encoder, GRU decoder, 64 dimensions; the default of campaigns",
    "zinc250k-flow": "the same with position features and a learned map of the code; the default elsewhere",
    "zinc250k-graph": "junction trees: every point is a valid molecule, without a mask; no stereo marks",
    "zinc250k-small": "32 dimensions, 1.9 MB, for trials",
    "sh3": "proteins: SH3 domains, 16 dimensions, with a model of their measured function",
}
PROTEINS = frozenset({"sh3"})
"""Those that are of proteins; the others are of molecules."""
_HERE = Path(__file__).parent


def shipped_models() -> list[str]:
    """Names that :func:`molvae.core.pretrained.load_model` knows."""
    return sorted({path.parent.name for path in _HERE.glob("*/config.json")} - {LANGUAGE_MODEL})


def weights_folder(name_or_folder: str | Path) -> Path:
    """The folder of a shipped model, of ``hf:owner/name``, the model in a run folder, or the folder itself.

    Raises:
        CheckpointError: neither a shipped name nor a folder.
        DownloadError: the model of the hub cannot be had.
    """
    name = str(name_or_folder)
    if name.startswith(PREFIX):
        return download(name)
    if name in (*shipped_models(), LANGUAGE_MODEL):
        return _HERE / name
    folder = Path(name)
    if folder.is_dir():
        return folder / "model" if (folder / "model").is_dir() else folder
    raise CheckpointError(
        f"no model {name!r}: give a folder, or one of the shipped models: {', '.join(shipped_models())}"
    )


def model_name(folder: Path) -> str:
    """What to call a model folder so that it is found again: the name of a shipped model, its address with the commit
    if it came from the hub, or the whole path.
    """
    return folder.name if folder.parent == _HERE else address_of(folder) or str(folder.resolve())
