"""Where molecules come from: those that come with the package, pasted ones, or an upload."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from molvae.app import session, uploads
from molvae.app.cards import Card, show_grid
from molvae.chemistry.molecule import parse_smiles
from molvae.errors import InputError

EXAMPLES = "CC(=O)Oc1ccccc1C(=O)O aspirin\nCn1c(=O)c2c(ncn2C)n(C)c1=O caffeine\nCC(C)Cc1ccc(C(C)C(=O)O)cc1 ibuprofen"
EMBEDDED, PASTED, UPLOADED = "Embedded: 5,000 NCI compounds", "Paste SMILES", "Upload a file"
_SHOWN = 12  # molecules drawn


@dataclass(frozen=True)
class Molecules:
    """Molecules of the user.

    Attributes:
        path: of the upload; None: the embedded ones.
        smiles_column: of the file, if it was chosen.
        frame: what it holds.
    """

    path: Path | None
    smiles_column: str | None
    frame: pd.DataFrame


def ask_molecules(key: str, embedded: bool = True) -> Molecules | None:
    """Widgets that ask for molecules, with drawings; None while there are none.

    Args:
        key: tells the widgets of one page from those of another.
        embedded: offer RDKit's NCI compounds.

    Raises:
        InputError: what was given cannot be used.
    """
    ways = [*([EMBEDDED] if embedded else []), PASTED, UPLOADED]
    way = st.segmented_control("Molecules", ways, default=ways[0], key=f"{key}-way", label_visibility="collapsed")
    if way == EMBEDDED:
        st.caption("RDKit's collection of compounds of the US National Cancer Institute: small, varied, and at hand.")
        return Molecules(None, None, pd.DataFrame({"smiles": []}))
    if way == PASTED:
        return _pasted(key)
    if way == UPLOADED:
        return _uploaded(key)
    st.info("Choose where the molecules come from.")
    return None


def _pasted(key: str) -> Molecules | None:
    text = st.text_area(
        "One SMILES a line, a name behind it if you like",
        EXAMPLES,
        height=120,
        key=f"{key}-text",
        max_chars=uploads.MAX_PASTED,
    )
    if not text.strip():
        st.info("Paste SMILES above, one a line.")
        return None
    path = uploads.store_text(session.workspace(), session.upload_session(), text)
    return _checked(Molecules(path, None, uploads.read_upload(path)))


def _uploaded(key: str) -> Molecules | None:
    file = st.file_uploader(
        "File of molecules: .smi, .csv, .tsv or .sdf",
        type=[suffix.removeprefix(".") for suffix in uploads.SUFFIXES],
        key=f"{key}-file",
        help="Only this browser tab sees it. A campaign keeps the molecules that it begins with in its run.",
        max_upload_size=uploads.MAX_MEGABYTES,
    )
    if file is None:
        return None
    column = st.text_input(
        "Column of the SMILES (if it is not found by itself)", key=f"{key}-column", max_chars=100
    ).strip()
    path = uploads.store(session.workspace(), session.upload_session(), file.name, file.getvalue())
    return _checked(Molecules(path, column or None, uploads.read_upload(path, column or None)))


def _checked(molecules: Molecules) -> Molecules:
    """Draw the first ones, and say how many are none.

    Raises:
        InputError: none of them is a molecule.
    """
    texts = molecules.frame["smiles"].astype(str).tolist()
    if not texts:
        raise InputError("the file holds no molecule: nothing stands below its header")
    reasons = [parse_smiles(text)[1] for text in texts[:1000]]
    bad = [number for number, reason in enumerate(reasons) if reason]
    if len(bad) == len(reasons):
        raise InputError(f"none of the {len(texts)} rows is a molecule (row 1: {reasons[0]}): correct the SMILES")
    shown = "the first 1,000 rows" if len(texts) > 1000 else f"{len(texts)} rows"
    st.caption(f"{len(reasons) - len(bad)} of {shown} are molecules." + (" The others are passed over." if bad else ""))
    names = molecules.frame["id"].astype(str).tolist() if "id" in molecules.frame else [""] * len(texts)
    rows = zip(texts[:_SHOWN], names[:_SHOWN], reasons[:_SHOWN], strict=True)
    show_grid([Card(text[:300], badge=name[:24], warning=reason) for text, name, reason in rows])
    return molecules
