"""What a page is drawn with: the workspace of the server, and what belongs to this browser alone."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from molvae.app import uploads
from molvae.app.workspace import Workspace

if TYPE_CHECKING:
    from molvae.molecules.base import MolecularModel

MODEL_LOCK = threading.Lock()
"""Held while a model works in the server itself: its threads would only be in each other's way."""


def workspace() -> Workspace:
    """The workspace of this server."""
    return Workspace.open()


def upload_session() -> str:
    """The secret name of the uploads of this browser tab; no other tab has it."""
    if "uploads" not in st.session_state:
        st.session_state["uploads"] = uploads.new_session()
    return str(st.session_state["uploads"])


@st.cache_resource(max_entries=3, show_spinner="Loading the model ...")
def model(name_or_folder: str) -> "MolecularModel":
    """A model of molecules, of SMILES or of graphs, loaded once for all pages."""
    from molvae.core.pretrained import load_model
    from molvae.molecules.base import as_molecular

    return as_molecular(load_model(name_or_folder), name_or_folder)


def page_file(name: str) -> str:
    """A page for :func:`streamlit.switch_page`.

    The folder is not called ``pages``: of such a one streamlit makes a menu of its own before ours is there.
    """
    return str(Path(__file__).parent / "views" / f"{name}.py")
