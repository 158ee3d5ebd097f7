"""Every command with its arguments and options, from the command line itself."""

import typer.main

from molvae.cli import app
from molvae.cli.help import EXAMPLES, GROUPS


def commands_page() -> str:
    """Markdown of the page."""
    root = typer.main.get_command(app)
    lines = [
        "# Commands",
        "",
        "Made from the command line itself: `molvae COMMAND --help` says the same. `molvae --install-completion` lets "
        "the shell complete commands, options, and the names of models, strategies, objectives and data sets.",
        "",
    ]
    order = [name for names in GROUPS.values() for name in names.split()]
    headings = {names.split()[0]: heading for heading, names in GROUPS.items()}
    for name in [*order, *(other for other in root.commands if other not in order)]:
        if name in headings:
            lines += [f"## {headings[name]}", ""]
        lines += _command(root.commands[name], name)
    return "\n".join(lines)


def _command(command, path):
    if hasattr(command, "commands"):
        lines = [f"{command.help}", ""]
        for name, inner in command.commands.items():
            lines += _command(inner, f"{path} {name}")
        return lines
    context = command.make_context(path, [], resilient_parsing=True)
    usage = " ".join(["molvae", path, *command.collect_usage_pieces(context)])
    lines = [f"### molvae {path}", "", _text(command.help or ""), "", "```text", usage, "```", ""]
    if path in EXAMPLES:
        lines += ["<!-- run by tests/cli/test_help.py -->", "```console", EXAMPLES[path], "```", ""]
    rows = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        names, text = parameter.get_help_record(context)
        rows.append(f"| `{_cell(names)}` | {_cell(_text(text))} |")
    if rows:
        lines += ["| argument or option | what it is |", "|---|---|", *rows, ""]
    return lines


def _text(text):
    """Plain text as Markdown: nothing in it is markup."""
    for character in "\\*_[":
        text = text.replace(character, "\\" + character)
    return text.replace("<", "&lt;")


def _cell(text):
    return " ".join(text.replace("|", "\\|").split())
