"""SIGKILL at random moments of ``molvae design``: the same oracle calls as an uninterrupted run, none paid twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from molvae.chemistry.domain import nci_molecules
from molvae.design.store import CampaignStore

# The oracle writes down every call it gets, so that a second payment for a molecule would show.
ORACLE = """
import time
from pathlib import Path

def measure(smiles):
    with Path(__file__).with_name("calls.txt").open("a") as file:
        file.write(smiles + "\\n")
    time.sleep(0.01)
    return float(sum(map(ord, smiles)) % 997)
"""


def command(*more: str) -> list[str]:
    return [sys.executable, "-m", "molvae", "design", *more, "-q"]


SETTINGS = ("--oracle", "lab:measure", "--budget", "45", "--start-size", "13", "--batch", "8", "--seed", "5")
SMALL = ("-i", "start.smi", "-m", "zinc250k-small")


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def evaluations(run: Path) -> pd.DataFrame:
    with CampaignStore(run / "campaign.sqlite", read_only=True) as store:
        return store.evaluations()[["call", "smiles", "score", "status", "origin", "step"]]


def test_kills_change_nothing(tmp_path):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lab.py").write_text(ORACLE)
        (tmp_path / name / "start.smi").write_text("\n".join(nci_molecules()["smiles"].head(200)))
    done = subprocess.run(
        command(*SETTINGS, *SMALL, "-o", "run"), cwd=tmp_path / "whole", env=environment(), timeout=300
    )
    assert done.returncode == 0

    chance = random.Random(0)
    run = tmp_path / "killed" / "run"
    kills = 0
    for _ in range(40):
        process = subprocess.Popen(
            command(*SETTINGS, *SMALL, "-o", "run"),
            cwd=tmp_path / "killed",
            env=environment(),
            stdout=subprocess.DEVNULL,
        )
        if kills < 3:
            # at a random moment after the run has come further than at its last death
            _wait_for_progress(process, tmp_path / "killed" / "calls.txt", chance.randint(1, 12))
            time.sleep(chance.random() * 0.3)
        else:
            process.wait(timeout=300)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        if process.returncode == 0:
            break
    assert kills >= 2
    assert process.returncode == 0
    pd.testing.assert_frame_equal(evaluations(tmp_path / "whole" / "run"), evaluations(run))

    calls = (tmp_path / "killed" / "calls.txt").read_text().split()
    # an answer that was on its way when the process died was never received, so only those may be asked for again
    assert len(calls) - len(set(calls)) <= kills
    assert set(calls) == set((tmp_path / "whole" / "calls.txt").read_text().split())


def _wait_for_progress(process: subprocess.Popen[bytes], calls: Path, more: int) -> None:
    def count() -> int:
        return len(calls.read_text().split()) if calls.exists() else 0

    wanted = count() + more
    deadline = time.monotonic() + 60
    while process.poll() is None and count() < wanted and time.monotonic() < deadline:
        time.sleep(0.01)
