"""Start the server: streamlit, bound to this machine, without telemetry.

One request of streamlit's own is left: to a page that comes from an origin it does not know, it asks
checkip.amazonaws.com for this machine's address before it refuses. No setting of streamlit 1.67 switches that off.
"""

import importlib.util
import signal
import subprocess
import sys
from pathlib import Path

from molvae.app.environment import child_environment
from molvae.app.uploads import MAX_MEGABYTES
from molvae.app.workspace import VARIABLE, Workspace
from molvae.errors import ConfigError, MissingDependencyError

LOCAL = "127.0.0.1"
_MAIN = Path(__file__).parent / "main.py"


def serve(workspace: Path, host: str = LOCAL, port: int = 8501, browser: bool = False) -> int:
    """Serve the page until it is interrupted; returns the exit status of the server.

    Args:
        workspace: folder of the runs.
        host: address to listen on.
        port: to listen on.
        browser: open one.

    Raises:
        MissingDependencyError: streamlit is not installed.
        RunFolderError: the workspace cannot be made.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise MissingDependencyError('the page needs streamlit: pip install "molvae[app]"')
    place = Workspace.open(workspace)
    # -P: nothing that lies in the workspace is imported
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(_MAIN), *options(host, port, browser)]
    process = subprocess.Popen(command, env=environment(place), cwd=place.root)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends with us, however we are ended
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        return process.wait()
    finally:
        signal.signal(signal.SIGTERM, before)


def options(host: str = LOCAL, port: int = 8501, browser: bool = False) -> list[str]:
    """Settings of streamlit; given on its command line they win over any file of settings.

    Raises:
        ConfigError: no port.
    """
    if not 1 <= port <= 65535:
        raise ConfigError(f"a port is a number from 1 to 65535, not {port}")
    settings = {
        "server.address": host,
        "server.port": port,
        "server.headless": not browser,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.enableStaticServing": False,
        "server.enableCORS": True,  # True: other origins are refused
        "server.enableXsrfProtection": True,
        "server.maxUploadSize": MAX_MEGABYTES,
        "browser.gatherUsageStats": False,  # streamlit's own telemetry
        "browser.serverAddress": "localhost" if host == LOCAL else host,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",  # a traceback is for the terminal
        "theme.primaryColor": "#0072B2",
        "theme.baseRadius": "0.6rem",
    }
    return [f"--{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in settings.items()]


def environment(workspace: Workspace) -> dict[str, str]:
    """Of the server: it finds this package and its workspace, and no formula reads a folder."""
    return {**child_environment(), VARIABLE: str(workspace.root), "MOLVAE_MODEL_FOLDERS": ""}
