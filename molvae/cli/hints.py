"""The command that helps after a mistake."""

import re

_NEXT = {
    r"unknown property ": "molvae list properties",
    r"no strategy ": "molvae list strategies",
    r"no model '": "molvae list models",
    r"no data set ": "molvae list data",
    r"no study ": "molvae list studies",
    r"no kind of run ": "molvae list kinds",
    r"oracle cannot be set up": "molvae list oracles",
    r"is not a run folder": "molvae design -o FOLDER makes one",
    r"give the input file with -i": "molvae COMMAND --help ends with an example",
}
"""Part of a message -> what to type next."""


def next_command(message: str) -> str | None:
    """What to type after an error with this message, if a command is known that helps."""
    return next((command for part, command in _NEXT.items() if re.search(part, message)), None)
