"""Data sets from their upstream, or from a folder that mirrors it; every file is checked against its SHA-256.

Nothing here touches the network unless it is called. A file is whole and right, or it is not there. pooch does the
download and knows the platform's cache folder; its registry has one URL and one checksum for each file as served, so
several upstreams that compress differently, and a folder in place of an upstream, are dealt with here.
"""

import gzip
import hashlib
import os
import shutil
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import requests

from molvae.errors import DownloadError
from molvae.run.files import atomic_path

with warnings.catch_warnings():
    # in a notebook tqdm, which pooch may use, warns of a widget that nobody asked for
    warnings.simplefilter("ignore")
    import pooch


@dataclass(frozen=True)
class RemoteFile:
    """One file of a data set.

    Attributes:
        path: where it lies below the cache or a mirror.
        urls: where it can be had, tried in turn.
        sha256: of the file as served, or None if mirrors compress differently.
        content_sha256: of the uncompressed content, for those.
    """

    path: str
    urls: tuple[str, ...]
    sha256: str | None = None
    content_sha256: str | None = None

    def matches(self, file: Path) -> bool:
        """Whether a file on disk is the one meant."""
        if self.sha256 is not None:
            with file.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256:
                    return True
        if self.content_sha256 is None:
            return False
        try:
            with gzip.open(file) as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest() == self.content_sha256
        except (OSError, EOFError, zlib.error):
            return False


@dataclass(frozen=True)
class RemoteDataset:
    """Files by the name of their part (``train``, ``test``, ...), and what a user should know of them."""

    name: str
    files: dict[str, RemoteFile]
    licence: str


def default_cache() -> Path:
    """``$MOLVAE_CACHE``, or the platform's cache folder."""
    return Path(os.environ.get("MOLVAE_CACHE") or pooch.os_cache("molvae"))


def fetch(dataset: RemoteDataset, mirror: Path | None = None, cache_dir: Path | None = None) -> dict[str, Path]:
    """Have every file of a data set on disk.

    Args:
        dataset: what to get.
        mirror: a folder with the same files below it; no network is used.
        cache_dir: where the files go; default: :func:`default_cache`.

    Returns:
        Path of each part.

    Raises:
        DownloadError: a file cannot be had or stored, or does not match its checksum; no half file is left.
    """
    cache = cache_dir or default_cache()
    return {part: _fetch_file(dataset, file, cache / file.path, mirror) for part, file in dataset.files.items()}


def _fetch_file(dataset: RemoteDataset, file: RemoteFile, target: Path, mirror: Path | None) -> Path:
    if target.is_file() and file.matches(target):
        return target
    try:
        if mirror is not None:
            _copy(file, mirror / file.path, target)
        else:
            _download(dataset, file, target)
    except OSError as error:
        if isinstance(error, DownloadError):
            raise
        raise DownloadError(f"cannot store {target}: {error.strerror or error}; nothing was left behind") from None
    return target


def _copy(file: RemoteFile, source: Path, target: Path) -> None:
    if not source.is_file():
        raise DownloadError(f"the mirror has no {source}")
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
        if not file.matches(temporary):
            raise DownloadError(f"{source} does not match its checksum: it is another file, cut short, or altered")


def _download(dataset: RemoteDataset, file: RemoteFile, target: Path) -> None:
    if not file.urls:
        raise DownloadError(
            f"{dataset.name} has no upstream that can be checked ({dataset.licence}): use --mirror FOLDER"
        )
    problems = []
    for url in file.urls:
        try:
            with atomic_path(target) as temporary:
                pooch.HTTPDownloader(progressbar=False, timeout=60)(url, str(temporary), None)
                if not file.matches(temporary):
                    raise ValueError("does not match its checksum (cut short, or changed upstream)")
            return
        except (requests.RequestException, ValueError) as error:
            problems.append(f"{url}: {str(error).splitlines()[0]}")
    raise DownloadError(f"cannot get {file.path}; try again later, or --mirror FOLDER:\n  " + "\n  ".join(problems))
