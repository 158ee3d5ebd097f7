"""The command line: parse, build a recipe or call one function, print where the result lies.

torch, rdkit and pandas are imported inside the commands, so that ``molvae --help`` answers at once. A result table goes
to ``-o`` or, without it, to stdout; everything else goes to stderr.
"""

import sys
from typing import Annotated

import typer

from molvae.cli import app as page
from molvae.cli import data, images, laboratory, listing, molecules, runs, tables
from molvae.cli.help import complete_help
from molvae.cli.hints import next_command
from molvae.cli.options import new_app
from molvae.errors import MolvaeError
from molvae.version import __version__

app = new_app("Design molecules in the latent space of a variational autoencoder.", completion=True)
for part in (runs, laboratory, molecules, tables, listing, page):
    app.registered_commands += part.app.registered_commands
app.add_typer(data.app, name="data")
app.add_typer(images.app, name="images")
complete_help(app)


def main() -> None:
    """Entry point: an error of ours is one message and exit status 1."""
    try:
        _check_arguments()
        app(prog_name="molvae", standalone_mode=True)
    except MolvaeError as error:
        _fail(str(error))
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None
    except OSError as error:
        _fail(f"{error.filename or 'file system'}: {error.strerror or error}")


def _fail(message: str) -> None:
    # a file name from a folder may hold what the terminal cannot show
    print(f"error: {message}".encode(errors="backslashreplace").decode(), file=sys.stderr)
    if command := next_command(message):
        print(f"next: {command}", file=sys.stderr)
    raise SystemExit(1) from None


def _check_arguments() -> None:
    for text in sys.argv[1:]:
        try:
            text.encode()
        except UnicodeEncodeError:
            shown = text.encode(errors="backslashreplace").decode()
            _fail(f"the argument {shown} is not valid UTF-8: rename the file, or correct the text")


def _version(value: bool) -> None:
    if value:
        print(f"molvae {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...
