"""The runs of the workspace: live progress, stop, resume, report, files."""

import streamlit as st

from molvae.app import jobs, session
from molvae.app.run_view import RunView
from molvae.app.text import explained, plain
from molvae.app.workspace import Workspace

_INTERVAL = 1.5  # seconds between two looks at a run that is alive
_LABELS = {
    "starting": ":material/hourglass_top: starting",
    "running": ":material/play_circle: running",
    "done": ":material/check_circle: ended",
    "stopped": ":material/pause_circle: stopped",
    "failed": ":material/error: failed",
    "idle": ":material/folder: not begun here",
}


def page() -> None:
    """Draw the page."""
    st.header("Runs", anchor=False)
    workspace = session.workspace()
    names = workspace.runs()
    if not names:
        st.info("There is no run yet. Begin one on the page Design.", icon=":material/info:")
        if st.button("Design molecules", type="primary"):
            st.switch_page(session.page_file("design"))
        return
    wanted = st.session_state.pop("run", None) or st.query_params.get("run")
    if wanted in names:
        st.session_state["runs-name"] = wanted
    if st.session_state.get("runs-name") not in names:
        st.session_state["runs-name"] = names[0]
    name = st.selectbox("Run, the newest first", names, key="runs-name")
    st.query_params["run"] = name
    with explained():
        alive = jobs.state(workspace.folder(name)).alive
        st.fragment(_look, run_every=_INTERVAL if alive else None)(workspace, name, alive)


def _look(workspace: Workspace, name: str, alive: bool) -> None:
    """What the run shows now; drawn again and again while it is alive."""
    with explained():
        folder = workspace.folder(name)
        state = jobs.state(folder)
        view = RunView(folder, workspace.kind(name))
        _head(workspace, name, state, view)
        view.show_live()
        if not state.alive:
            view.show_results()
        if state.alive != alive:  # it has ended, or begun: the page is drawn as a whole, with or without a clock
            st.rerun()


def _head(workspace: Workspace, name: str, state: jobs.JobState, view: RunView) -> None:
    label, button = st.columns([4, 1], vertical_alignment="center")
    label.markdown(f"#### {plain(name)}")
    label.markdown(_LABELS.get(state.phase, plain(state.phase)) + (f" · {plain(view.kind)}" if view.kind else ""))
    below = st.empty()  # always there, so that what stands below it keeps its place
    folder = workspace.folder(name)
    if state.alive:
        share, calls = view.progress()
        below.progress(share, plain(" · ".join(filter(None, [calls, state.what, state.text]))))
        if button.button("Stop", icon=":material/stop:", width="stretch", key="runs-stop"):
            with st.spinner("Stopping; what is paid for is kept ..."):
                jobs.stop(folder)
            st.rerun()
        return
    if state.phase == "failed":
        below.error(plain(state.text), icon=":material/error:")
    if view.kind not in ("design", "") or state.phase == "done" or not jobs.can_resume(folder):
        return
    if view.has_own_oracle:
        below.info("It has an oracle of its own: go on with molvae resume, or on the page Laboratory.")
    elif button.button("Resume", icon=":material/play_arrow:", type="primary", width="stretch", key="runs-resume"):
        jobs.start(workspace, name, None)
        st.rerun()


page()
