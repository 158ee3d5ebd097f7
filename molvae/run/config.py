"""Configuration: TOML in, a frozen and validated model out.

An unknown key is an error that names the nearest known one, so that a misspelt setting never passes silently. Every
number has a lower and an upper bound, so that a slip of the pen does not ask for more memory or time than there is.
A table changes only what it names: where a field has settings of its own as its default, the others stay.
"""

import difflib
import re
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from molvae.errors import ConfigError, abbreviate

Count = Annotated[int, Field(ge=1, le=1_000_000)]
"""A number of things."""
Step = Annotated[int, Field(ge=0, le=1_000_000_000)]
"""A step of a training run, or a number of steps."""
Weight = Annotated[float, Field(ge=0, le=1e6)]
"""Weight of a term of an objective."""
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""What generators of random numbers take; see also :mod:`molvae.run.seeds`."""
_MAX_BYTES = 1_000_000  # of a TOML file
_MAX_PROBLEMS = 20  # of a configuration that are told at once
_DEEP_KEY = re.compile(r"(?<![^\s.=])(?:[^\s.=]++[ \t]*+\.[ \t]*+){50}")
"""A key such as ``a.a.a. ... .a``, for which the parser takes quadratic time."""


class Config(BaseModel):
    """Base of every configuration: immutable, and it refuses keys that it does not know, NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
    whole: ClassVar[bool] = False
    """Whether a table replaces a default as a whole, because its settings mean nothing without each other."""

    @model_validator(mode="before")
    @classmethod
    def _complete_tables(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields
        return {name: _over(fields[name].default, value) if name in fields else value for name, value in values.items()}

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


def one_of(names: Collection[str]) -> AfterValidator:
    """Of a setting, ``Annotated[str, one_of(NAMES)]``: it is refused if it is not among the names."""

    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"there are {', '.join(names)}")
        return name

    return AfterValidator(check)


def read_toml(path: Path | str) -> dict[str, Any]:
    """Parse a TOML file.

    Raises:
        ConfigError: the file is missing, not a regular file, larger than a megabyte, or not TOML; names file and line.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path} is a folder or a device: give a regular file")
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path} is larger than a megabyte: it is not a recipe")
        text = path.read_text(encoding="utf-8")
        if _DEEP_KEY.search(text):
            raise RecursionError
        return tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(f"no such file: {path}") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply") from None
    except ConfigError:
        raise
    except ValueError as error:  # of TOML, of UTF-8, or a number with thousands of digits
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None


def _over(default: Any, value: Any) -> Any:
    """A table of settings, completed by what the default sets; anything else as it is."""
    if not (isinstance(default, Config) and not default.whole and isinstance(value, dict)):
        return value
    chosen = {name: getattr(default, name) for name in default.model_fields_set}
    return {**chosen, **{name: _over(chosen.get(name), part) for name, part in value.items()}}


def _explain(cls: type[BaseModel], error: ValidationError) -> str:
    lines = []
    problems = error.errors()
    for item in problems[:_MAX_PROBLEMS]:
        where = abbreviate(".".join(abbreviate(str(part)) for part in item["loc"]), 200)
        if item["type"] == "extra_forbidden":
            known = sorted(_fields_at(cls, item["loc"][:-1]))
            near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(known)}"
            lines.append(f"unknown setting {where!r}{hint}")
        else:
            message = abbreviate(item["msg"].removeprefix("Value error, "), 4000)
            # of a whole table, the message says what is wrong in it
            got = "" if isinstance(item["input"], dict) else f" (got {_shown(item['input'])})"
            lines.append(f"setting {where!r}: {message}{got}" if where else message)
    if len(problems) > _MAX_PROBLEMS:
        lines.append(f"and {len(problems) - _MAX_PROBLEMS} more")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    try:
        return abbreviate(repr(value), 200)
    except (RecursionError, ValueError):
        return "something too large to be shown"


def _fields_at(cls: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Names that are known where an unknown key stood, following nested models."""
    current: type[BaseModel] = cls
    for part in location:
        annotation = current.model_fields[str(part)].annotation if str(part) in current.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        current = annotation
    return list(current.model_fields)
