"""Molecules as a grid of cards. Drawings are images, in which nothing can run, and every text is escaped."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from molvae.chemistry.drawing import molecule_svg

STYLE = """
<style>
.mv-grid { display:grid; grid-template-columns:repeat(auto-fill,minmax(168px,1fr)); gap:.7rem; margin:.2rem 0 1rem; }
.mv-card { border:1px solid rgba(128,140,155,.28); border-radius:12px; padding:.55rem .6rem .6rem; min-width:0; }
.mv-card img { width:100%; height:auto; display:block; background:#fff; border-radius:8px; }
.mv-card .none { display:grid; place-items:center; aspect-ratio:220/150; background:rgba(128,140,155,.12);
  border-radius:8px; font-size:.8rem; opacity:.75; text-align:center; padding:.4rem; }
.mv-card .top { display:flex; justify-content:space-between; align-items:baseline; gap:.4rem; margin-top:.35rem; }
.mv-card .title { font-weight:650; font-size:1.02rem; color:#0072B2; font-variant-numeric:tabular-nums;
  white-space:nowrap; }
.mv-card .badge { font-size:.7rem; border:1px solid rgba(128,140,155,.45); border-radius:99px; padding:0 .5em;
  opacity:.85; white-space:nowrap; overflow:hidden; text-overflow:ellipsis; min-width:0; }
.mv-card .line { font-size:.76rem; opacity:.78; font-variant-numeric:tabular-nums; }
.mv-card .warn { font-size:.72rem; color:#b45309; overflow-wrap:anywhere; }
.mv-card .text { font:11px/1.35 ui-monospace,Menlo,Consolas,monospace; opacity:.6; overflow-wrap:anywhere;
  display:-webkit-box; -webkit-line-clamp:2; -webkit-box-orient:vertical; overflow:hidden; }
.mv-one { width:100%; background:#fff; border-radius:10px; border:1px solid rgba(128,140,155,.28); }
.mv-tiles { display:grid; grid-template-columns:repeat(auto-fit,minmax(120px,1fr)); gap:.7rem; margin:.3rem 0 .8rem; }
.mv-tile { border:1px solid rgba(128,140,155,.28); border-radius:12px; padding:.6rem .9rem; }
.mv-tile b { display:block; font-size:1.35rem; font-weight:620; font-variant-numeric:tabular-nums; }
.mv-tile span { font-size:.78rem; opacity:.7; }
</style>
"""


@dataclass(frozen=True)
class Card:
    """A molecule and what stands below it.

    Attributes:
        smiles: drawn, and shown as text.
        title: most often a number.
        badge: a word beside it.
        line: properties.
        warning: structural alerts, or why it is no molecule.
    """

    smiles: str
    title: str = ""
    badge: str = ""
    line: str = ""
    warning: str = ""


def show_grid(cards: Sequence[Card]) -> None:
    """Draw molecules side by side, as many as the page is wide."""
    st.html(f'{STYLE}<div class="mv-grid">{"".join(map(_card, cards))}</div>')


def show_tiles(tiles: Sequence[tuple[str, str]]) -> None:
    """Numbers in boxes: (value, what it is)."""
    boxes = "".join(
        f'<div class="mv-tile"><b>{escape(value)}</b><span>{escape(what)}</span></div>' for value, what in tiles
    )
    st.html(f'{STYLE}<div class="mv-tiles">{boxes}</div>')


def show_molecule(smiles: str, width: int = 320, height: int = 200) -> bool:
    """Draw one molecule as large as it is asked for; returns whether it is one."""
    if source := _image(smiles, width, height):
        style = (
            f"max-width:{width}px;width:100%;background:#fff;border-radius:10px;border:1px solid rgba(128,140,155,.28)"
        )
        st.html(f'<img alt="{escape(smiles)}" src="{source}" style="{style}">')
    return bool(source)


def _card(card: Card) -> str:
    source = _image(card.smiles, 220, 150)
    drawing = f'<img alt="{escape(card.smiles)}" src="{source}">' if source else '<div class="none">no molecule</div>'
    top = f'<div class="top"><span class="title">{escape(card.title)}</span>'
    top += f'<span class="badge">{escape(card.badge)}</span></div>' if card.badge else "</div>"
    line = f'<div class="line">{escape(card.line)}</div>' if card.line else ""
    warning = f'<div class="warn">{escape(card.warning)}</div>' if card.warning else ""
    text = f'<div class="text" title="{escape(card.smiles)}">{escape(card.smiles)}</div>'
    return f'<div class="mv-card">{drawing}{top}{line}{warning}{text}</div>'


@st.cache_data(max_entries=5000, show_spinner=False)
def _image(smiles: str, width: int, height: int) -> str:
    """A data address; empty if there is no molecule."""
    svg = molecule_svg(smiles, width, height)
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}" if svg else ""
