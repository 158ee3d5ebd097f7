"""Errors that molvae raises on purpose.

Each is a :class:`MolvaeError`, so one ``except`` catches them all, and also the builtin that a Python
programmer would expect. A message says what was found, what was expected, and what to do. The command
line prints the message alone and exits with status 1; anything else that escapes is a bug.
"""


class MolvaeError(Exception):
    """Base of every error that molvae raises on purpose."""


class InputError(MolvaeError, ValueError):
    """The user's data cannot be used: a file, a table, a molecule."""


class TokenError(InputError):
    """A SMILES cannot be tokenised: names molecule, token and position."""


class ConfigError(MolvaeError, ValueError):
    """A setting is unknown, out of range, or contradicts another."""


class CheckpointError(MolvaeError, OSError):
    """A model folder or checkpoint is missing, truncated, altered or of another version."""


class RunFolderError(MolvaeError, OSError):
    """A run folder cannot be created, read or resumed."""


class DownloadError(MolvaeError, OSError):
    """A download was cut, does not match its checksum, or could not be stored."""


class OracleError(MolvaeError, RuntimeError):
    """An oracle cannot be set up or called at all (a failure on one molecule is recorded, not raised)."""


class BudgetExhausted(MolvaeError, RuntimeError):
    """No oracle call is left; everything paid for so far is stored."""


class MissingDependencyError(MolvaeError, ImportError):
    """An optional package is needed: the message names the extra to install."""


class InvalidMoleculeWarning(UserWarning):
    """Some rows could not be used; their places are kept (NaN) and the warning names them."""


def abbreviate(text: str, length: int = 80) -> str:
    """Shorten a string for an error message, keeping its start and its end."""
    if len(text) <= length:
        return text
    head = (length - 3) * 2 // 3
    return f"{text[:head]}...{text[head + 3 - length :]}"
