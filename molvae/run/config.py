"""Configuration: TOML in, a frozen and validated model out.

An unknown key is an error that names the nearest known one, so that a misspelt setting never passes silently.
"""

import difflib
import stat
import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from molvae.errors import ConfigError, abbreviate

_LARGEST_FILE = 1_000_000  # bytes


class Config(BaseModel):
    """Base of every configuration: immutable, and it refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def create(cls, values: dict[str, Any] | None = None, /, **overrides: Any) -> Self:
        """Build from a mapping; ``overrides`` that are not ``None`` win.

        Raises:
            ConfigError: naming the key, what it was given, and for an unknown key the nearest known one.
        """
        merged = {**(values or {}), **{key: value for key, value in overrides.items() if value is not None}}
        try:
            return cls.model_validate(merged)
        except ValidationError as error:
            raise ConfigError(_explain(cls, error)) from None

    @classmethod
    def from_toml(cls, path: Path | str, **overrides: Any) -> Self:
        """Read a TOML file (an empty one gives the defaults) and build from it."""
        return cls.create(read_toml(path), **overrides)


def read_toml(path: Path | str) -> dict[str, Any]:
    """Parse a TOML file.

    Raises:
        ConfigError: the file is missing, is not a file of at most 1 MB, or is not TOML; names file and line.
    """
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device may never end
            raise ConfigError(f"{path} is not a file but a folder, a pipe or a device: settings come from a TOML file")
        if status.st_size > _LARGEST_FILE:
            raise ConfigError(f"{path} has {status.st_size:,} bytes; a file of settings has at most {_LARGEST_FILE:,}")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no such file: {path}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except ConfigError:
        raise
    except RecursionError:
        raise ConfigError(f"{path} is not a file of settings: its values are nested too deeply") from None
    except ValueError as error:  # TOML and UTF-8 that cannot be decoded, and integers of more than 4300 digits
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _explain(cls: type[BaseModel], error: ValidationError) -> str:
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            known = sorted(_fields_at(cls, item["loc"][:-1]))
            near = difflib.get_close_matches(str(item["loc"][-1])[:100], known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(known)}"
            lines.append(f"unknown setting {abbreviate(where)!r}{hint}")
        else:
            message = item["msg"].removeprefix("Value error, ")
            given = abbreviate(repr(item["input"]), 200)
            lines.append(f"setting {where!r}: {message} (got {given})" if where else message)
    return "\n".join(lines)


def _fields_at(cls: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Names that are known where an unknown key stood, following nested models."""
    current: type[BaseModel] = cls
    for part in location:
        annotation = current.model_fields[str(part)].annotation if str(part) in current.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        current = annotation
    return list(current.model_fields)
