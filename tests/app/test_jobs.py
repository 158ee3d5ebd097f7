"""Campaigns in processes of their own: begun, stopped, gone on with, killed."""

import fcntl
import json
import os
import threading
import time

import pytest

from molvae.app import jobs
from molvae.app.workspace import JOB, Workspace
from molvae.design.store import CampaignStore
from molvae.errors import ConfigError
from molvae.experiments.design import DesignRecipe


def recipe(**campaign):
    return DesignRecipe.create({"campaign": campaign, "model": "zinc250k-small"}).model_dump(mode="json")


def wait_for(condition, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.1)


def answers(folder) -> int:
    if not (folder / "campaign.sqlite").is_file():
        return 0
    with CampaignStore(folder / "campaign.sqlite", read_only=True) as store:
        return len(store.answers())


def test_a_campaign_is_begun_stopped_and_gone_on_with(workspace):
    folder = jobs.start(workspace, "first", recipe(budget=30, start_size=10, batch=4))
    assert jobs.state(folder).alive and workspace.runs() == ["first"]
    with pytest.raises(ConfigError, match="there is a run first already"):
        jobs.start(workspace, "first", recipe())
    with pytest.raises(ConfigError, match="runs already"):
        jobs.start(workspace, "first", None)
    wait_for(lambda: answers(folder) >= 10)
    jobs.stop(folder)
    assert jobs.state(folder).phase == "stopped"
    paid = answers(folder)
    assert paid >= 10 and jobs.can_resume(folder)
    jobs.start(workspace, "first", None)
    wait_for(lambda: not jobs.state(folder).alive)
    assert jobs.state(folder).phase == "done", (folder / JOB / "log.txt").read_text()
    assert answers(folder) == 30
    assert (folder / "report.html").is_file() and (folder / "molecules.csv").is_file()


def test_what_cannot_begin_says_why(workspace):
    folder = jobs.start(workspace, "bad", {**recipe(), "model": "/nowhere"})
    wait_for(lambda: not jobs.state(folder).alive)
    state = jobs.state(folder)
    assert state.phase == "failed" and "outside the workspace" in state.text
    assert workspace.runs() == ["bad"] and workspace.kind("bad") == ""


def held(folder, state):
    """A job that lives, without a process: the lock is ours."""
    job = folder / JOB
    job.mkdir(parents=True)
    (job / "state.json").write_text(json.dumps(state))
    file = os.open(job / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def test_the_lock_says_whether_it_lives(workspace):
    folder = workspace.folder("held")
    file = held(folder, {"phase": "running", "what": "latent", "text": "best 1"})
    state = jobs.state(folder)
    assert (state.phase, state.what, state.text, state.alive) == ("running", "latent", "best 1", True)
    (folder / JOB / "state.json").write_text('{"phase": "done"}')
    assert jobs.state(folder).alive  # it has said so, but it has not ended
    (folder / JOB / "state.json").write_text('{"phase": "running"}')
    os.close(file)  # as the kernel does when a process is killed
    assert jobs.state(folder).phase == "stopped"
    jobs.stop(folder)  # nobody to be stopped


def test_who_looks_is_no_job_and_is_waited_for(workspace):
    folder = workspace.folder("seen")
    lock = folder / JOB / "lock"
    os.close(held(folder, {"phase": "running"}))
    lock.write_text(str(os.getpid()))  # of a process that has ended: the number may be anybody's by now
    with lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert jobs.state(folder).phase == "stopped"
        jobs.stop(folder)  # does not interrupt us
        assert lock.read_text() == ""
        looks = threading.Timer(0.1, fcntl.flock, (other, fcntl.LOCK_UN))
        looks.start()
        with jobs._owned(lock) as mine:
            assert mine is not None and jobs.state(folder).alive
        looks.join()


def test_of_two_who_choose_a_name_one_gets_it(workspace, monkeypatch):
    def runs(place):
        """Another browser begins the run after its name was found to be free."""
        job = place.folder("same") / JOB
        job.mkdir(parents=True)
        (job / "recipe.json").write_text("theirs")
        return []

    monkeypatch.setattr(Workspace, "runs", runs)
    with pytest.raises(ConfigError, match="there is a run same already"):
        jobs.start(workspace, "same", recipe())
    assert (workspace.folder("same") / JOB / "recipe.json").read_text() == "theirs"


def test_only_so_many_run_at_once(workspace):
    files = [held(workspace.folder(f"run{number}"), {"phase": "running"}) for number in range(jobs.MAX_RUNNING)]
    with pytest.raises(ConfigError, match="stop one, or wait"):
        jobs.start(workspace, "more", recipe())
    assert not workspace.folder("more").exists()
    for file in files:
        os.close(file)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"phase": 3, "done": "x"}'])
def test_a_damaged_state_is_no_traceback(workspace, text):
    folder = workspace.folder("damaged")
    (folder / JOB).mkdir(parents=True)
    (folder / JOB / "state.json").write_text(text)
    assert not jobs.state(folder).alive


def test_a_folder_of_the_command_line_is_idle(workspace):
    workspace.folder("other").mkdir()
    assert jobs.state(workspace.folder("other")).phase == "idle"
    with pytest.raises(ConfigError, match="there is no run"):
        jobs.start(workspace, "nothing", None)
