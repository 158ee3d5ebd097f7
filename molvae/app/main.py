"""What streamlit runs: the frame around the pages."""

import math

import streamlit as st
from PIL import Image, ImageDraw

from molvae.app import session, uploads


@st.cache_resource
def icon() -> Image.Image:
    """A ring of six, drawn here: the browser would fetch a named icon from elsewhere."""
    image = Image.new("RGBA", (64, 64))
    corners = [(32 + 26 * math.sin(turn), 32 - 26 * math.cos(turn)) for turn in (math.pi / 3 * n for n in range(6))]
    drawing = ImageDraw.Draw(image)
    drawing.polygon(corners, outline="#0072B2", width=7)
    drawing.ellipse((21, 21, 43, 43), outline="#E69F00", width=5)
    return image


st.set_page_config(page_title="molvae", page_icon=icon(), layout="wide")
PAGES = {
    "design": ("Design", ":material/hub:"),
    "runs": ("Runs", ":material/monitoring:"),
    "score": ("Score", ":material/checklist:"),
    "interpolate": ("Interpolate", ":material/route:"),
    "laboratory": ("Laboratory", ":material/science:"),
}
uploads.remove_old(session.workspace())
st.html("<style>.block-container { padding-top: 3.6rem; max-width: 1240px; }</style>")
st.navigation(
    [
        st.Page(session.page_file(name), title=title, icon=icon, url_path=name, default=name == "design")
        for name, (title, icon) in PAGES.items()
    ],
    position="top",
).run()
