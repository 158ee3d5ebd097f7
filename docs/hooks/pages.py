"""Pages that are made when the site is built: the commands, the settings, the modules, and files of the repository.

They come from the command line itself, from the classes of settings and from the docstrings, so that they cannot fall
behind the code.
"""

import re
import sys
from pathlib import Path

from mkdocs.structure.files import File
from mkdocs.utils import get_relative_url

sys.path.insert(0, str(Path(__file__).parent))
from commands_page import commands_page
from modules_pages import modules_pages, python_page
from settings_page import settings_page

_ROOT = Path(__file__).resolve().parents[2]
_SHIM = "https://unpkg.com/iframe-worker/shim"
_LINK = re.compile(r"(\]\()(?!https?:|#)([^)\s]+)(\))")


def on_files(files, config):
    """Add the made pages to those of the folder."""
    pages = {
        "reference/commands.md": commands_page(),
        "reference/settings.md": settings_page(),
        "reference/python.md": python_page(),
        **modules_pages(),
        "contributing.md": _of_repository("CONTRIBUTING.md"),
        "changelog.md": _of_repository("CHANGELOG.md"),
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_config(config):
    """Put the pages of the modules into the navigation."""
    rooms = [{Path(path).stem: path} for path in modules_pages()]
    for section in config.nav:
        for entries in section.values():
            if isinstance(entries, list):
                entries[:] = [
                    {"Modules": rooms} if entry == {"Modules": "reference/modules/"} else entry for entry in entries
                ]
    return config


def on_post_page(output, page, config):
    """The theme would have the search of pages opened as files come from another host: ours does it."""
    return output.replace(_SHIM, get_relative_url("assets/file_worker.js", page.url))


def on_post_template(output_content, template_name, config):
    """The same for the page that says that there is no such page."""
    return output_content.replace(_SHIM, "assets/file_worker.js")


def _of_repository(name):
    """A page from the top of the repository, its links turned to where they lead from the site."""
    text = (_ROOT / name).read_text(encoding="utf-8")

    def turned(match):
        target = match[2].removeprefix("docs/") if match[2].startswith("docs/") else None
        return f"{match[1]}{target}{match[3]}" if target else match[0]

    return _LINK.sub(turned, text)
