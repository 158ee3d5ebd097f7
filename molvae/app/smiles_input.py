"""One molecule as text, drawn as soon as it is typed."""

import streamlit as st

from molvae.app.cards import show_molecule
from molvae.app.text import plain
from molvae.chemistry.molecule import parse_smiles

_LONGEST = 1000


def ask_smiles(label: str, default: str, key: str) -> str | None:
    """A text field with the drawing of what stands in it; None if it is no molecule."""
    text = st.text_input(label, default, key=key, max_chars=_LONGEST).strip()
    mol, reason = parse_smiles(text)
    if mol is None:
        st.error(f"Not a molecule: {plain(reason)}. Correct the SMILES.", icon=":material/error:")
        return None
    show_molecule(text)
    return text
