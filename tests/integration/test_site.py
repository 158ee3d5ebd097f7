"""The site of documentation: it builds without a warning, is made from the code, and loads nothing from elsewhere.

``MOLVAE_SITE`` names a folder that ``make docs`` has built; without it the site is built here. Set
``MOLVAE_SCREENSHOTS`` to a folder to keep pictures of pages.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import molvae
from molvae.cli import app
from molvae.cli.help import commands
from molvae.experiments.registry import KINDS

ROOT = Path(__file__).parents[2]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
VISITED = {
    "home": "index.html",
    "tutorial": "tutorials/first_campaign.html",
    "mathematics": "mathematics.html",
    "commands": "reference/commands.html",
    "settings": "reference/settings.html",
    "python": "reference/python.html",
    "module": "reference/modules/core.html",
}
_RESOURCE = re.compile(r"<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|data)=[\"']([^\"']*)")
_LINK = re.compile(r"<link\b[^>]*>")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    if built := os.environ.get("MOLVAE_SITE"):
        return Path(built)
    for extra in ("mkdocs", "material", "mkdocstrings", "latex2mathml"):
        pytest.importorskip(extra, reason="the site needs the extra docs")
    folder = tmp_path_factory.mktemp("site") / "site"
    nowhere = "http://127.0.0.1:9"  # whoever asks for the network is refused
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "https_proxy": nowhere, "http_proxy": nowhere}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_reference_is_the_code(site):
    text = {name: (site / page).read_text(encoding="utf-8") for name, page in VISITED.items()}
    for path, _ in commands(app):
        assert f'id="molvae-{path.replace(" ", "-")}"' in text["commands"], path
    for kind in KINDS:
        assert f'<h2 id="{kind}">' in text["settings"], kind
    assert "<code>oversample</code>" in text["settings"] and "<code>max_heavy_atoms</code>" in text["settings"]
    for name in set(molvae.__all__) - {"__version__"}:
        assert re.search(rf'id="molvae\.[\w.]+\.{name}"', text["python"]), name
    assert 'id="molvae.core.objectives.iwae"' in text["module"]


def test_formulas_are_drawn_by_the_browser_itself(site):
    page = (site / VISITED["mathematics"]).read_text(encoding="utf-8")
    assert page.count("<math") >= 20 and page.count('display="block"') >= 12
    assert "arithmatex" not in page and "$$" not in page and "\\mathbb" not in page
    assert "logsumexp" in page and "<!-- source" not in page  # the code beside them


def test_no_page_names_a_resource_of_another_host(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = _RESOURCE.findall(text)
        links = [link for link in _LINK.findall(text) if 'rel="canonical"' not in link]
        loaded += [href for link in links for href in re.findall(r"href=[\"']([^\"']*)", link)]
        assert [url for url in loaded if re.match(r"(?:\w+:)?//", url)] == [], page
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:\w+:)?//", text), sheet


def test_the_pages_in_a_browser(site):
    """Opened as files, as they lie after ``make docs``: no error, and no request that leaves this machine."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser test needs playwright (extra dev)")
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(f"no Chromium: none of {', '.join(_NAMES)} is installed")
    asked, problems = set(), []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(300_000)
        page.on("request", lambda request: asked.add(urlsplit(request.url)[:2]))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        for name, file in VISITED.items():
            page.goto((site / file).as_uri())
            assert page.locator("h1").first.is_visible(), file
            if folder := os.environ.get("MOLVAE_SCREENSHOTS"):
                page.screenshot(path=str(Path(folder) / f"site_{name}.png"))
        page.goto((site / "index.html").as_uri())
        page.get_by_role("textbox", name="Search").fill("trust region")
        page.locator(".md-search-result__item").first.wait_for()
        assert "region" in page.locator(".md-search-result__list").inner_text().lower()
        page.goto((site / VISITED["mathematics"]).as_uri())
        size = page.locator("math[display=block]").first.bounding_box()
        assert size is not None and size["width"] > 100 and size["height"] > 15
        browser.close()
    assert {scheme for scheme, _ in asked} <= {"file", "data", "blob"} and {host for _, host in asked} <= {""}
    assert problems == []
