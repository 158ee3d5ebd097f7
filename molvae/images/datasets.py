"""MNIST and Frey faces: where they come from, and a reader of their idx files."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from molvae.core.fetch import RemoteDataset, RemoteFile
from molvae.errors import InputError

_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist")


def _mnist(name: str, content_sha256: str) -> RemoteFile:
    # mirrors compress the same bytes differently, so the checksum is that of the content
    urls = tuple(f"{mirror}/{name}.gz" for mirror in _MIRRORS)
    return RemoteFile(f"mnist/{name}.gz", urls, content_sha256=content_sha256)


MNIST = RemoteDataset(
    "mnist",
    {
        "train_images": _mnist(
            "train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        "train_labels": _mnist(
            "train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        "test_images": _mnist(
            "t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        "test_labels": _mnist(
            "t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    },
    licence="Creative Commons Attribution-Share Alike 3.0 (LeCun & Cortes)",
)

FREYFACES = RemoteDataset(
    "freyfaces",
    {
        "images": RemoteFile(
            "freyfaces/frey-faces-idx3-ubyte.gz",
            (),  # the upstream file is in MATLAB's format, so its bytes cannot be held against this checksum
            sha256="4dcc2b060e51264dbcab9dfe4493d2078dbda1950840089c90f13be4f9a47eb8",
        )
    },
    licence="no licence known (Roweis, https://cs.nyu.edu/~roweis/data.html): never redistribute",
)


def read_idx(path: Path) -> np.ndarray:
    """Read a gzipped idx file of bytes: images (n, height, width) or labels (n,), uint8.

    Raises:
        InputError: no such file, damaged, or not of this kind.
    """
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read or is damaged ({error}): fetch it again") from None
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or len(data) < 4 + 4 * data[3]:
        raise InputError(f"{path} is no idx file of bytes")
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    values = np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * data[3])
    if values.size != int(np.prod(shape)):
        raise InputError(f"{path} is cut short: {values.size} values instead of {int(np.prod(shape))}")
    return values.reshape(shape)
