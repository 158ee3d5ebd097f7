"""A campaign by clicking, in a real Chromium: no error in its console, and no request that leaves this machine.

Set MOLVAE_SCREENSHOTS to a folder to keep the pictures of the pages.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("streamlit", reason="the page needs the extra app")
playwright = pytest.importorskip("playwright.sync_api", reason="the browser test needs playwright (extra dev)")

_PATIENCE = 300  # seconds; a machine of tests is busy
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
HOSTILE = "<img src=http:--evil.example onerror=alert(1)>.csv"


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(f"no Chromium: none of {', '.join(_NAMES)} is installed")
    with playwright.sync_playwright() as driver:
        # a sandbox of Chromium's own is not to be had as root
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address and workspace of ``molvae app``."""
    workspace = tmp_path_factory.mktemp("work")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "molvae", "app", str(workspace), "--port", str(port), "--no-browser"]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _answers(f"{address}/_stcore/health"):
            assert process.poll() is None and time.monotonic() < deadline, "the server does not start"
            time.sleep(0.2)
        yield address, workspace
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Visitor:
    """A browser of its own, which writes down what goes wrong."""

    def __init__(self, chromium, address: str, pictures: Path) -> None:
        self.context = chromium.new_context(viewport={"width": 1280, "height": 900})
        self.context.set_default_timeout(_PATIENCE * 1000)
        self.pictures, self.problems, self.hosts = pictures, [], set()
        self.page = self.context.new_page()
        self.context.on("request", lambda request: self._note(request.url))
        self.page.on("websocket", lambda socket: self._note(socket.url))
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("console", self._listen)
        self.page.goto(address)

    def _note(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob", "about"):
            self.hosts.add(urlsplit(url).hostname)

    def _listen(self, message) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text}")

    def button(self, name: str):
        return self.page.get_by_role("button", name=re.compile(rf"{re.escape(name)}$"))

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_role("combobox", name=label).click()
        self.page.get_by_role("option", name=re.compile(rf"^{re.escape(option)}")).click()

    def fill(self, label: str, value: int) -> None:
        self.page.get_by_role("spinbutton", name=label).fill(str(value))
        self.page.keyboard.press("Enter")
        self.settle()

    def settle(self) -> None:
        """Wait until the page has been drawn."""
        self.page.wait_for_timeout(400)
        self.page.wait_for_function(
            "document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"
            " && !document.querySelector('[data-testid=stSkeleton]')"
        )

    def picture(self, name: str, height: int = 900) -> None:
        self.page.set_viewport_size({"width": 1280, "height": height})
        self.settle()
        path = self.pictures / f"{name}.png"
        self.page.screenshot(path=path)
        assert path.stat().st_size > 10_000  # an empty page is smaller
        self.page.set_viewport_size({"width": 1280, "height": 900})


@pytest.fixture
def visit(chromium, server, tmp_path) -> Iterator[object]:
    """Open the page as a new visitor; in the end, nothing may have gone wrong for anybody."""
    pictures = Path(os.environ.get("MOLVAE_SCREENSHOTS", tmp_path))
    visitors: list[Visitor] = []

    def come() -> Visitor:
        visitors.append(Visitor(chromium, server[0], pictures))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.context.close()
        assert visitor.problems == []
        assert visitor.hosts == {"localhost"}


def test_a_campaign_by_clicking(visit, server):
    one = visit()
    one.button("Start").wait_for()
    one.settle()
    one.picture("design")
    one.fill("Budget", 16)
    one.fill("Start", 8)
    one.choose("Model", "zinc250k-small")
    one.settle()
    one.button("Start").click()

    one.button("Stop").click()  # while it still loads its model
    one.button("Resume").wait_for()
    assert one.page.get_by_text("stopped").is_visible()
    one.button("Resume").click()
    one.page.get_by_text("of 16 calls").wait_for()
    one.page.get_by_text("best score").wait_for()
    one.page.get_by_text("ended").wait_for()
    one.page.get_by_text("16 / 16").first.wait_for()
    one.page.locator(".mv-card img").nth(11).wait_for()
    one.page.locator(".vega-embed, [data-testid=stVegaLiteChart]").first.wait_for()
    one.settle()
    assert one.page.get_by_text("16 / 16").count() == 1  # what was drawn while it ran is gone
    one.picture("run", 1300)

    one.button("Report").click()
    report = one.page.frame_locator("iframe")
    report.get_by_text("Calibration of the Gaussian process").or_(
        report.get_by_text("How it was made")
    ).first.wait_for()
    with one.page.expect_download() as download:
        one.button("molecules.csv").click()
    assert download.value.suggested_filename.endswith("-molecules.csv")
    assert len(Path(download.value.path()).read_text().splitlines()) == 17
    assert any(server[1].glob("design-*/report.html"))


def test_a_path_by_clicking(visit):
    one = visit()
    one.page.get_by_role("link", name="Interpolate").click()
    one.choose("Model", "zinc250k-small")
    one.settle()
    one.button("Interpolate").click()
    one.page.locator(".mv-card").nth(11).wait_for()
    one.picture("interpolate", 1700)


def test_a_hostile_upload_is_text_and_stays_with_its_session(visit):
    one, other = visit(), visit()
    for visitor in (one, other):
        visitor.page.get_by_role("link", name="Score").click()
        visitor.button("Score").wait_for()
    one.page.get_by_role("radio", name="Upload a file").or_(one.button("Upload a file")).first.click()
    table = 'smiles,id\nCCO,"</script><script>alert(1)</script>"\n"<img src=x onerror=alert(1)>",two\n'
    one.page.locator("input[type=file]").set_input_files(
        files=[{"name": HOSTILE, "mimeType": "text/csv", "buffer": table.encode()}]
    )
    one.page.get_by_text("1 of 2 rows are molecules").wait_for()
    one.settle()
    one.button("Score").click()
    one.page.get_by_role("button", name="scores.csv").wait_for()
    one.picture("score", 1300)
    assert one.page.locator("img[src='x']").count() == 0
    other.page.get_by_role("link", name="Runs").click()
    other.page.get_by_role("link", name="Score").click()
    other.button("Score").wait_for()
    other.settle()
    assert "evil" not in other.page.content() and "alert(1)" not in other.page.content()
