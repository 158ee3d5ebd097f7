"""Text of strangers in a page: streamlit's widgets take Markdown, in which a name could be a picture from elsewhere."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from molvae.errors import MolvaeError, abbreviate

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")  # all of ASCII: CommonMark takes a backslash before each


def plain(text: object, length: int = 2000) -> str:
    """Markdown that shows a text as it is; line breaks stay, indentation, which means code, does not."""
    lines = [line.strip() for line in abbreviate(str(text), length).splitlines()]
    return "  \n".join(_PUNCTUATION.sub(r"\\\1", line) for line in lines if line)


@contextmanager
def explained() -> Iterator[None]:
    """An error of ours inside the block is shown where it stands, and the page goes on below it."""
    try:
        yield
    except MolvaeError as error:
        show_error(error)


def show_error(error: object) -> None:
    """What is wrong and what to do, as the error says it."""
    st.error(plain(error), icon=":material/error:")
