"""``molvae app``: the page in the browser."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from molvae.cli import options

app = options.new_app()


@app.command("app")
def app_(
    workspace: Annotated[Path, typer.Argument(help="Folder of the runs; made if need be.")] = Path("runs"),
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default only this machine sees it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Design molecules in the browser (extra app)."""
    from molvae.app.launch import LOCAL, serve

    if host not in (LOCAL, "localhost", "::1"):
        print(
            f"anybody who reaches {host}:{port} can begin campaigns and open the runs in {workspace}: there is no "
            "password. Put a proxy with a login before it, or leave --host out",
            file=sys.stderr,
        )
    raise typer.Exit(serve(workspace, host, port, browser))
