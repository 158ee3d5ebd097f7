"""Parts of a table that are made apart, by processes or machines that know nothing of each other, and joined again.

Shard 3/100 is the third of a hundred equal parts of the rows, which follow one another. Its file lies beside a
manifest that says what it is a part of, what made it, and how many rows and bytes it has; the manifest comes last, so
that a shard with one is whole.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from molvae.errors import ConfigError, InputError, abbreviate
from molvae.run.files import write_text
from molvae.version import __version__

SUFFIX = ".manifest.json"
FORMAT = 1
MOST = 1_000_000


@dataclass(frozen=True, order=True)
class Shard:
    """One of several parts, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """``3/100``.

        Raises:
            ConfigError: it is not of this form, or there is no such part.
        """
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip())
        number, of = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= number <= of <= MOST:
            raise ConfigError(f"a shard is NUMBER/OF, such as 3/100, from 1/100 to 100/100, not {abbreviate(text)!r}")
        return cls(number, of)

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def rows(self, total: int) -> tuple[int, int]:
        """Where the part begins among so many rows, and where it ends.

        Raises:
            ConfigError: there are fewer rows than parts.
        """
        if total < self.of:
            raise ConfigError(f"{total} rows cannot be cut into {self.of} shards: take {max(total, 1)} at most")
        return (self.number - 1) * total // self.of, self.number * total // self.of

    def path(self, output: Path) -> Path:
        """Where the part of an output lies: ``scores.csv.gz`` -> ``scores-003-of-100.csv.gz``."""
        stem, dot, suffixes = output.name.partition(".")
        return output.with_name(f"{stem}-{self.number:0{len(str(self.of))}}-of-{self.of}{dot}{suffixes}")


@dataclass(frozen=True)
class Manifest:
    """What is known of a shard.

    Attributes:
        verb: what made it, ``score``.
        settings: of the verb; what the rows depend on beside the input.
        input: ``name``, ``bytes`` and ``sha256`` of the input file; empty if there is none.
        total: rows of the whole.
        shard: which part it is.
        rows: how many rows it has.
        refused: how many of them were refused.
        sha256: of the shard's file.
        version: of molvae.
    """

    verb: str
    settings: Mapping[str, Any]
    input: Mapping[str, Any]
    total: int
    shard: Shard
    rows: int
    refused: int
    sha256: str
    version: str = __version__

    @property
    def run(self) -> dict[str, Any]:
        """What all shards of one run have in common."""
        common = {"verb": self.verb, "molvae": self.version, "input": dict(self.input), "rows of the whole": self.total}
        return {**common, "shards": self.shard.of, "settings": dict(self.settings)}

    def write(self, path: Path) -> None:
        """Write it beside the file of the shard."""
        values = {
            "format": FORMAT,
            "molvae": self.version,
            "verb": self.verb,
            "settings": dict(self.settings),
            "input": dict(self.input),
            "total": self.total,
            "shard": str(self.shard),
            "rows": self.rows,
            "refused": self.refused,
            "sha256": self.sha256,
        }
        write_text(manifest_path(path), json.dumps(values, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The manifest of a shard's file.

        Raises:
            InputError: there is none, or it cannot be used.
        """
        place = manifest_path(path)
        if not place.is_file():
            raise InputError(
                f"{path} has no {place.name} beside it: it is no shard, or its run did not end; make it again"
            )
        try:
            values = json.loads(place.read_text(encoding="utf-8"))
            version = values["format"]
            if version == FORMAT:
                numbers = [int(values[name]) for name in ("total", "rows", "refused")]
                shard = Shard.parse(values["shard"])
                texts = [str(values[name]) for name in ("verb", "sha256", "molvae")]
                settings, source = dict(values["settings"]), dict(values["input"])
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            raise InputError(f"{place} is damaged: make the shard again") from None
        if version != FORMAT:
            raise InputError(f"{place} has format {version}; this molvae reads format {FORMAT}: upgrade molvae")
        verb, sha256, molvae = texts
        return cls(verb, settings, source, numbers[0], shard, numbers[1], numbers[2], sha256, molvae)


def manifest_path(path: Path) -> Path:
    """Where the manifest of a shard's file lies."""
    return path.with_name(path.name + SUFFIX)


def checksum(path: Path) -> str:
    """SHA-256 of a file, read in pieces.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def describe_input(path: Path) -> dict[str, Any]:
    """What a manifest says of the input file."""
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": checksum(path)}


def find_shards(paths: Sequence[Path]) -> list[Path]:
    """The files of shards that are named, or lie in folders that are named.

    Raises:
        InputError: no such file, or a folder without shards.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(place.with_name(place.name.removesuffix(SUFFIX)) for place in path.glob(f"*{SUFFIX}"))
            if not inside:
                raise InputError(f"{path} holds no shard: none of its files has a {SUFFIX}")
            found += inside
        elif path.name.endswith(SUFFIX):
            found.append(path.with_name(path.name.removesuffix(SUFFIX)))
        else:
            found.append(path)
    for path in found:
        if not path.is_file():
            raise InputError(f"no such file: {path}")
    return found


def complete_run(paths: Sequence[Path]) -> tuple[list[Path], list[Manifest]]:
    """All shards of one run in their order, checked.

    Raises:
        InputError: one is missing, there twice, of another run, or not what its manifest says.
    """
    manifests = {path: Manifest.read(path) for path in dict.fromkeys(paths)}
    if not manifests:
        raise InputError("name the shards, or the folder that they lie in")
    first = next(iter(manifests))
    by_number: dict[int, Path] = {}
    for path, manifest in manifests.items():
        if change := _difference(manifests[first].run, manifest.run):
            raise InputError(f"{path} is of another run than {first} ({change}): merge each run by itself")
        if manifest.shard.number in by_number:
            raise InputError(
                f"shard {manifest.shard} is there twice: {by_number[manifest.shard.number]} and {path}; leave one out"
            )
        by_number[manifest.shard.number] = path
    of = manifests[first].shard.of
    if missing := [number for number in range(1, of + 1) if number not in by_number]:
        shown = ", ".join(map(str, missing[:10])) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        raise InputError(f"{len(missing)} of {of} shards are missing: {shown}; make them, then merge again")
    ordered = [by_number[number] for number in range(1, of + 1)]
    for path in ordered:
        if checksum(path) != manifests[path].sha256:
            raise InputError(f"{path} is cut or altered: its SHA-256 is not that of its manifest; make it again")
    return ordered, [manifests[path] for path in ordered]


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The first entry in which two runs differ, in words; empty if they agree."""
    for key in {**one, **other}:
        mine, theirs = one.get(key), other.get(key)
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            if change := _difference(mine, theirs):
                return f"{key}: {change}"
        elif mine != theirs:
            return abbreviate(f"{key} {mine!r} and {theirs!r}", 200)
    return ""
