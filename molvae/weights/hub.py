"""Models on the Hugging Face Hub, named ``hf:owner/name`` or ``hf:owner/name@revision``.

The network is asked only for an address that somebody wrote, and not at all for a commit (40 hexadecimal digits) that
was had before. A repository that holds anything but safetensors, JSON and Markdown is refused before a file of it is
downloaded: nothing that comes from there can run. ``$HF_ENDPOINT``, ``$HF_HUB_CACHE``, ``$HF_HUB_OFFLINE`` and the
token of ``hf auth login`` hold as for every other program.
"""

import functools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from molvae.errors import CheckpointError, ConfigError, DownloadError, MissingDependencyError, abbreviate

PREFIX = "hf:"
ALLOWED = (".safetensors", ".json", ".md")
_OF_THE_HUB = (".gitattributes",)  # the hub puts it into every repository; never downloaded
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Address:
    """Where a model lies on the hub.

    Attributes:
        repository: ``owner/name``.
        revision: a branch, a tag or a commit.
    """

    repository: str
    revision: str = "main"

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read ``hf:owner/name`` or ``hf:owner/name@revision``.

        Raises:
            ConfigError: it is neither.
        """
        repository, at, revision = text.removeprefix(PREFIX).partition("@")
        if not _NAME.fullmatch(repository) or (at and not revision):
            raise ConfigError(
                f"{abbreviate(text)!r} is no model on the hub: write {PREFIX}owner/name or {PREFIX}owner/name@revision"
            )
        return cls(repository, revision or "main")

    def __str__(self) -> str:
        return f"{PREFIX}{self.repository}@{self.revision}"


@functools.cache  # a process that asks twice gets the same commit, and asks the hub once
def download(text: str) -> Path:
    """The folder of a model on the hub, in the hub's cache.

    Raises:
        ConfigError: not an address.
        CheckpointError: the repository holds what a model does not consist of.
        DownloadError: it cannot be had.
        MissingDependencyError: the extra ``hub`` is not installed.
    """
    address, hub = Address.parse(text), _library()
    where = {
        "repo_id": address.repository,
        "cache_dir": os.environ.get("HF_HUB_CACHE"),
        "allow_patterns": [f"*{suffix}" for suffix in ALLOWED],
    }
    try:
        if _COMMIT.fullmatch(address.revision) and (folder := _cached(hub, where, address.revision)):
            return folder
        try:
            info = _api(hub).model_info(address.repository, revision=address.revision)
        except _failures(hub) as error:
            # without network, what was had before will do; but where the hub has answered, its answer counts
            answered = isinstance(error, hub.errors.HfHubHTTPError)
            if not answered and (folder := _cached(hub, where, address.revision)):
                return folder
            raise
        check_names(address, [file.rfilename for file in info.siblings or ()])
        folder = Path(hub.snapshot_download(**where, revision=info.sha, endpoint=os.environ.get("HF_ENDPOINT")))
    except CheckpointError:
        raise
    except _failures(hub) as error:
        raise DownloadError(f"cannot get {address}: {_reason(error)}") from None
    check_names(address, _files(folder))
    return folder


def _cached(hub: ModuleType, where: dict[str, Any], revision: str) -> Path | None:
    """What was had before, without network."""
    try:
        folder = Path(hub.snapshot_download(**where, revision=revision, local_files_only=True))
    except (hub.errors.LocalEntryNotFoundError, OSError):
        return None
    check_names(Address(where["repo_id"], revision), _files(folder))
    return folder


def upload(folder: Path, repository: str, revision: str = "main", private: bool = False, message: str = "") -> str:
    """Put the files of a model folder into a repository, which is made if need be.

    Returns:
        The address with the commit, which always means these very files.

    Raises:
        ConfigError: not a name of a repository.
        CheckpointError: the folder holds a file of another kind than safetensors, JSON and Markdown.
        DownloadError: the hub refuses, or cannot be reached.
        MissingDependencyError: the extra ``hub`` is not installed.
    """
    address, hub = Address.parse(f"{PREFIX}{repository.removeprefix(PREFIX)}@{revision}"), _library()
    names = _files(folder)
    check_names(address, names)
    try:
        api = _api(hub)
        api.create_repo(address.repository, private=private, exist_ok=True)
        done = api.create_commit(
            address.repository,
            [hub.CommitOperationAdd(name, folder / name) for name in sorted(names)],
            commit_message=message or "A model of molvae",
            revision=address.revision,
        )
    except _failures(hub) as error:
        raise DownloadError(f"cannot put the model into {address}: {_reason(error)}") from None
    return str(Address(address.repository, done.oid))


def check_names(address: Address, names: Iterable[str]) -> None:
    """Refuse a repository that holds more than the files of a model.

    Raises:
        CheckpointError: names what is refused.
    """
    refused = sorted(name for name in names if name not in _OF_THE_HUB and ("/" in name or not name.endswith(ALLOWED)))
    if refused:
        raise CheckpointError(
            f"{address} is refused: it holds {abbreviate(', '.join(refused), 200)}; a model consists of safetensors, "
            "JSON and Markdown, and nothing else is loaded, least of all a pickle"
        )


def address_of(folder: Path) -> str | None:
    """The address of a folder in the hub's cache, with its commit; None of any other folder."""
    if len(folder.parts) < 3:
        return None
    repository, snapshots, commit = folder.parts[-3:]
    if not repository.startswith("models--") or snapshots != "snapshots":
        return None
    return str(Address(repository.removeprefix("models--").replace("--", "/", 1), commit))


def _files(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]


def _api(hub: ModuleType) -> Any:
    return hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="molvae")


def _failures(hub: ModuleType) -> tuple[type[Exception], ...]:
    """What the library raises: a connection that fails is an error of its HTTP library, whose base it extends."""
    return hub.errors.HfHubHTTPError.__bases__[0], hub.errors.OfflineModeIsEnabled, OSError, ValueError


def _library() -> ModuleType:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise MissingDependencyError("models of the hub need the extra hub: pip install 'molvae[hub]'") from None
    return huggingface_hub


def _reason(error: BaseException) -> str:
    """The first line of what went wrong."""
    name = type(error).__name__
    known = {
        "RepositoryNotFoundError": "there is no such repository, or it is private: check the name, or hf auth login",
        "RevisionNotFoundError": "it has no such revision",
        "GatedRepoError": "its owner must give you access first",
        "LocalEntryNotFoundError": "there is no network, and it was not downloaded before",
        "OfflineModeIsEnabled": "HF_HUB_OFFLINE is set, and it was not downloaded before",
    }
    return known.get(name) or f"{name}: {(str(error).strip().splitlines() or [''])[0]}"
