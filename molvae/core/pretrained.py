"""Trained models as folders, of whatever kind: saved, found by name, and loaded again.

model = load_model("zinc250k-flow")      # a shipped model
model = load_model("runs/mnist_vae")     # a run folder, or a model folder
model = load_model("hf:owner/name")      # of the Hugging Face Hub
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

from torch import Tensor

from molvae.core.checkpoint import load_model_folder, read_settings, save_model_folder
from molvae.core.hub import export
from molvae.core.vae import VAE
from molvae.errors import CheckpointError
from molvae.run.config import Config
from molvae.run.device import choose_device
from molvae.run.registry import Registry
from molvae.weights import model_name, weights_folder
from molvae.weights.hub import upload

CARD = "README.md"


class Pretrained(VAE):
    """A VAE that is kept in a folder. A subclass names its kind, and says what it takes to build it again.

    Attributes:
        kind: by which ``config.json`` names the class, see :data:`MODELS`.
        config: its architecture.
        card: what the folder's README says.
        folder: where it was loaded from or saved to last.
    """

    kind: ClassVar[str]
    config: Config
    card: str = ""
    folder: Path | None = None

    def settings(self) -> dict[str, Any]:
        """What it takes to build the model again, as JSON."""
        return {"model": self.config.model_dump(mode="json")}

    def texts(self) -> dict[str, str]:
        """Further text files of the model folder by name, such as a vocabulary."""
        return {}

    @classmethod
    def build(cls, settings: Mapping[str, Any], folder: Path) -> Self:
        """The model without its weights, from what :meth:`settings` and :meth:`texts` said."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """By which :func:`load_model` finds it again: a shipped name or a folder; empty if it was never saved."""
        return "" if self.folder is None else model_name(self.folder)

    def fingerprint(self) -> str:
        """SHA-256 of all weights: two models with the same one are the same."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.identifying_weights().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def identifying_weights(self) -> dict[str, Tensor]:
        """The weights that make the model what it is, by name: what :meth:`fingerprint` is of."""
        weights: dict[str, Tensor] = self.state_dict()
        return weights

    def save_pretrained(self, folder: str | Path, half: bool = False, extra_files: Sequence[str] = ()) -> None:
        """Write a model folder: weights, config, the texts that belong to it, card.

        Args:
            folder: created if need be.
            half: store float16 weights.
            extra_files: files that lie in the folder already and belong to the model; their checksums are kept too.
        """
        state = {
            name: value.half() if half and value.is_floating_point() else value
            for name, value in self.state_dict().items()
        }
        texts = {**self.texts(), **({CARD: self.card} if self.card else {})}
        save_model_folder(Path(folder), state, {"kind": self.kind, **self.settings()}, texts, extra_files)
        self.folder = Path(folder)

    def push_to_hub(
        self, repository: str, revision: str = "main", private: bool = False, half: bool = False, message: str = ""
    ) -> str:
        """Put the model into a repository of the Hugging Face Hub, which is made if need be (extra ``hub``).

        Args:
            repository: ``owner/name``.
            revision: branch.
            private: whether a repository that is made is yours alone.
            half: store float16 weights.
            message: of the commit.

        Returns:
            The address with the commit, ``hf:owner/name@commit``: :func:`load_model` then gives this very model.

        Raises:
            ConfigError: not a name of a repository, or the model keeps a file of a kind that does not go to the hub.
            DownloadError: the hub refuses, or cannot be reached.
            MissingDependencyError: the extra is not installed.
        """
        known_in = self.folder
        with TemporaryDirectory() as temporary:
            saved, target = Path(temporary) / "saved", Path(temporary) / "hub"
            try:
                self.save_pretrained(saved, half)
            finally:
                self.folder = known_in
            export(saved, target, known_in)
            return upload(target, repository, revision, private, message)

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path, device: str = "auto") -> Self:
        """Load a shipped model by name, any model folder or run folder of this kind, or one of the hub by its address.

        Raises:
            CheckpointError: no such model, one of another kind, or its folder is incomplete, damaged or altered.
            ConfigError: the device cannot be used.
        """
        folder = weights_folder(name_or_folder)
        tensors, settings = load_model_folder(folder)
        if settings.get("kind") != cls.kind:
            raise CheckpointError(f"{folder} holds a model of kind {settings.get('kind')!r}, not {cls.kind!r}")
        try:
            model = cls.build(settings, folder)
            model.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise CheckpointError(f"the config.json in {folder} cannot be used ({reason}): get it again") from None
        except RuntimeError:
            raise CheckpointError(f"the weights in {folder} do not fit its config.json: get the folder again") from None
        card = folder / CARD
        model.card = card.read_text(encoding="utf-8") if card.is_file() else ""
        model.folder = folder
        return model.to(choose_device(device)).eval()


MODELS: Registry[type[Pretrained]] = Registry(
    "kind of model",
    {
        "molecule-vae": ("molvae.molecules.vae:MoleculeVAE", "SMILES, with a property predictor on the latent space"),
        "graph-vae": ("molvae.molecules.graph_vae:GraphVAE", "molecules as junction trees of their rings and bonds"),
        "protein-vae": ("molvae.proteins.vae:ProteinVAE", "a protein family over a pretrained transformer"),
        "image-vae": ("molvae.images.vae:ImageVAE", "images, with or without classes"),
        "sketch-vae": ("molvae.images.sketch_vae:SketchVAE", "sketches, stroke by stroke"),
    },
)
"""Kinds of models by the ``kind`` in their ``config.json``."""


def load_model(name_or_folder: str | Path, device: str = "auto") -> Pretrained:
    """Load a model of any kind.

    Args:
        name_or_folder: a shipped name, a model folder, a run folder that has trained one, or the address of a model
            on the Hugging Face Hub, ``hf:owner/name`` or ``hf:owner/name@revision``, which is then downloaded.
        device: ``auto`` or a torch device.

    Raises:
        CheckpointError: no such model, of a kind that is not known here, or its folder is damaged.
        DownloadError: a model of the hub cannot be had.
        ConfigError: the device cannot be used.
    """
    folder = weights_folder(name_or_folder)
    kind = str(read_settings(folder).get("kind"))
    if kind not in MODELS:
        raise CheckpointError(f"{folder} holds a model of kind {kind!r}; this molvae knows {', '.join(MODELS)}")
    return MODELS[kind].from_pretrained(folder, device)
