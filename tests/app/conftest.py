"""A workspace of its own for every test, and pages in streamlit's own harness."""

from collections.abc import Callable
from pathlib import Path

import pytest

from molvae.app.workspace import VARIABLE, Workspace

MAIN = Path(__file__).resolve().parents[2] / "molvae" / "app" / "main.py"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty one, which is that of the server."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "work"))
    return Workspace.open()


@pytest.fixture
def open_page(workspace: Workspace) -> Callable[[str], object]:
    """A page as a browser gets it, by its name."""
    from streamlit.testing.v1 import AppTest

    def open_it(name: str = "design") -> AppTest:
        page = AppTest.from_file(str(MAIN), default_timeout=120).run()
        if name != "design":
            page.switch_page(f"views/{name}.py").run()
        assert not page.exception, page.exception
        return page

    return open_it
