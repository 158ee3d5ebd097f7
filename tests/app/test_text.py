"""Text of strangers is shown as it is: no Markdown, no HTML, nothing fetched."""

import re

import pytest
from markdown_it import MarkdownIt

_EXTRA = "the page needs the extra app"
cards = pytest.importorskip("molvae.app.cards", reason=_EXTRA, exc_type=ImportError)
plain = pytest.importorskip("molvae.app.text", reason=_EXTRA, exc_type=ImportError).plain

HOSTILE = [
    "![x](http://evil.example/x.png)",
    "<img src=http://evil.example/x.png onerror=alert(1)>",
    "[click](javascript:alert(1)) **bold** `code` $x^2$ :red[x] :material/home:",
    "http://evil.example",
    "# title\n- list\n> quote\n1. one\n\n    code",
    "a & b < c > d \\ *",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_the_text(text):
    html = MarkdownIt("commonmark").render(plain(text))
    for mark in ("<img", "<a ", "<strong", "<code", "<h1", "<li", "<blockquote"):
        assert mark not in html
    shown = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    assert all(line.strip() in shown for line in text.splitlines())


@pytest.mark.parametrize("text", HOSTILE)
def test_cards_escape_everything(text):
    html = cards._card(cards.Card(text, text, text, text, text))
    assert set(re.findall(r"<(\w+)", html)) == {"div", "span"}  # no molecule, so no drawing: only what we wrote


def test_a_drawing_is_an_image():
    assert 'src="data:image/svg+xml;base64,' in cards._card(cards.Card("CCO"))
