"""``molvae app``: how the server is started; what it shows is tested in tests/app."""

import os
import sys
from pathlib import Path

import pytest

import molvae as molvae_package

pytest.importorskip("streamlit", reason="the page needs the extra app")


@pytest.fixture
def started(monkeypatch):
    """How streamlit would be started."""
    from molvae.app import launch

    calls = {}

    class Process:
        def __init__(self, command, env, cwd):
            calls.update(command=command, env=env, cwd=cwd)

        def wait(self):
            return 0

    monkeypatch.setattr(launch.subprocess, "Popen", Process)
    return calls


def test_local_and_silent_by_default(molvae, started, tmp_path):
    done = molvae("app", "--no-browser")
    assert done.returncode == 0 and done.stderr == ""
    assert started["command"][:5] == [sys.executable, "-P", "-m", "streamlit", "run"]
    for setting in (
        "--server.address=127.0.0.1",
        "--browser.gatherUsageStats=false",
        "--server.enableXsrfProtection=true",
        "--server.enableCORS=true",
        "--server.maxUploadSize=20",
        "--client.showErrorDetails=none",
        "--server.headless=true",
    ):
        assert setting in started["command"]
    assert started["env"]["MOLVAE_APP_WORKSPACE"] == str((tmp_path / "runs").resolve())
    package = str(Path(molvae_package.__file__).resolve().parents[1])
    assert started["env"]["PYTHONPATH"].split(os.pathsep)[0] == package  # the children run the same molvae
    assert started["env"]["MOLVAE_MODEL_FOLDERS"] == ""  # formulas read no folder
    assert (tmp_path / "runs").is_dir()


def test_streamlit_knows_every_setting():
    from streamlit import config

    from molvae.app.launch import options

    known = set(config.get_config_options())
    assert {option[2:].split("=")[0] for option in options()} <= known


def test_other_machines_only_with_a_warning(molvae, started):
    done = molvae("app", "mine", "--host", "0.0.0.0", "--port", "9000", "--no-browser")
    assert done.returncode == 0 and "no password" in done.stderr
    assert "--server.address=0.0.0.0" in started["command"] and "--server.port=9000" in started["command"]


def test_a_workspace_that_cannot_be(molvae, started, tmp_path):
    (tmp_path / "file").write_text("")
    done = molvae("app", "file", "--no-browser")
    assert done.returncode == 1 and "cannot work in file" in done.stderr


def test_without_streamlit_it_says_what_to_install(molvae, monkeypatch):
    from molvae.app import launch

    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    done = molvae("app")
    assert done.returncode == 1 and 'pip install "molvae[app]"' in done.stderr
