"""What streamlit runs: the frame around the pages."""

import streamlit as st

from molvae.app import session, uploads

st.set_page_config(page_title="molvae", page_icon=":material/hub:", layout="wide")
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
