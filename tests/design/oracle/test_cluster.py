"""Oracles on a cluster: a real scheduler and real workers, processes on loopback, which are killed and stopped."""

import contextlib
import functools
import json
import os
import pickle
import pickletools
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="the extra cluster (dask distributed) is not installed")

from molvae.design.campaign import Campaign
from molvae.design.objective import Objective
from molvae.design.oracle.cluster import open_cluster
from molvae.design.oracle.remote import RemoteScorer, task_of
from molvae.design.oracle.scorers import Answer
from molvae.design.oracle.tasks import prepare_task
from molvae.design.store import CampaignStore
from molvae.errors import ConfigError, OracleError, RunFolderError
from molvae.run.progress import silent

# dask leaves sockets of broken connections to the garbage collector
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning"
)
DESIGN = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(DESIGN))  # the driver that is killed below imports the same
from digits import DigitModel  # noqa: E402

ORACLE = """
import os, pathlib, signal, time

HERE = pathlib.Path(__file__).parent

def begin(text):
    '''Leave a line: who works on what.'''
    with open(HERE / "begun", "a") as file:
        file.write(f"{text} {os.getppid()} {os.getpid()}\\n")
    return sum(line.split()[0] == text for line in (HERE / "begun").read_text().splitlines())

def plain(text):
    return sum(map(int, text))

def first_hangs(text):
    '''The first who works on an item does not come back, but for one item.'''
    if begin(text) == 1 and text != "333333":
        time.sleep(120)
    return plain(text)

def poison(text):
    '''666666 kills the worker that has it; its process in the oracle's child is of another group.'''
    begin(text)
    if text == "666666":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return plain(text)

def troubled(text):
    if text == "000001":
        time.sleep(60)
    if text == "000002":
        os._exit(3)
    if text == "000003":
        raise ValueError("no conformer")
    return {"score": plain(text), "length": len(text)}

def slow(text):
    begin(text)
    time.sleep(0.3)
    return plain(text)
"""

DRIVER = """
import sys
sys.path[:0] = [sys.argv[1]]
from digits import DigitModel
from molvae.design.campaign import Campaign
from molvae.design.oracle.cluster import open_cluster
from molvae.run.progress import silent
with open_cluster(sys.argv[2], silent) as cluster:
    with Campaign(DigitModel(), oracle="my_oracle:slow", folder="run", budget=24, start_size=8, in_flight=2,
                  strategy="genetic", executor=cluster, progress=silent) as campaign:
        campaign.run()
"""


class Dask:
    """A scheduler and its workers, all of them processes of this test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: dict[int, subprocess.Popen] = {}
        file = folder / "scheduler.json"
        self.scheduler = self.start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", file)
        wait_until(file.exists)
        self.address = json.loads(file.read_text())["address"]

    def start(self, program: str, *arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.{program}", *map(str, arguments), "--no-dashboard"]
        return subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def add(self, number: int) -> None:
        options = ("--nthreads", 1, "--no-nanny", "--host", "127.0.0.1", "--local-directory", self.folder / "dask")
        for _ in range(number):
            process = self.start("dask_worker", self.address, *options)
            self.workers[process.pid] = process

    def end_workers(self) -> None:
        for process in self.workers.values():
            _end(process)
        self.workers.clear()


def _end(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(true, seconds: float = 60.0):
    """Wait for something that will be true soon; what it was."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return value


@pytest.fixture
def user(tmp_path, monkeypatch):
    """The current folder of a user, with an oracle; it can be read where workers are."""
    (tmp_path / "my_oracle.py").write_text(ORACLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    cluster = Dask(tmp_path_factory.mktemp("dask"))
    yield cluster
    _end(cluster.scheduler)


@pytest.fixture
def dask(scheduler, user):
    """A scheduler to which a test adds workers of its own."""
    yield scheduler
    scheduler.end_workers()


@pytest.fixture
def mortal(tmp_path, user):
    """The same with a scheduler of its own."""
    (tmp_path / "dask").mkdir()
    cluster = Dask(tmp_path / "dask")
    yield cluster
    cluster.end_workers()
    _end(cluster.scheduler)


def begun(folder: Path) -> list[tuple[str, int, int]]:
    """What was begun: text, process of the worker, process of the task."""
    with contextlib.suppress(FileNotFoundError):
        lines = (folder / "begun").read_text().splitlines()
        return [(line.split()[0], int(line.split()[1]), int(line.split()[2])) for line in lines]
    return []


def scorer(cluster, name: str, timeout: float = 30.0) -> RemoteScorer:
    return RemoteScorer(task_of(f"my_oracle:{name}", None, None, ()), None, cluster, timeout)


def is_alive(process: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def test_what_one_molecule_does_is_its_own_failure_and_the_worker_stays(dask):
    dask.add(1)
    texts = ["000001", "123456", "000002", "000003", "111111"]
    with open_cluster(dask.address, silent) as cluster, scorer(cluster, "troubled", timeout=1.5) as remote:
        answers = remote.score(texts)
        assert cluster.slots == len(cluster.workers) == 1
    assert answers[1] == Answer(21.0, {"length": 6.0}, None, answers[1].seconds)
    assert answers[4].score == 6.0
    reasons = [str(answers[index].error) for index in (0, 2, 3)]
    assert "no answer within 1.5 s" in reasons[0]
    assert "exit status 3" in reasons[1]
    assert reasons[2] == "ValueError: no conformer"
    assert dask.workers and all(process.poll() is None for process in dask.workers.values())


def test_killed_and_silent_workers_cost_nothing_but_time(dask, user):
    """One worker is killed in the middle of a call, another is stopped, and answers when nobody waits any more."""
    dask.add(3)
    with open_cluster(dask.address, silent, silence=4.0) as cluster, scorer(cluster, "first_hangs") as remote:
        wait_until(lambda: cluster.slots == 3)
        killed = remote.submit("123456")
        [(_, worker, task)] = wait_until(lambda: begun(user))
        os.kill(worker, signal.SIGKILL)
        assert remote.read("123456", killed) == Answer(21.0, {}, None, remote.read("123456", killed).seconds)
        wait_until(lambda: not is_alive(task))  # what it had started went with it
        stopped = remote.submit("222222")
        worker = wait_until(lambda: [row for row in begun(user) if row[0] == "222222"])[0][1]
        os.kill(worker, signal.SIGSTOP)
        assert remote.read("222222", stopped).score == 12.0
        os.kill(worker, signal.SIGCONT)
        wait_until(lambda: cluster.slots == 2)
        assert remote.score(["333333"])[0].score == 18.0  # and all goes on


def test_a_molecule_that_kills_three_workers_is_given_up_and_the_campaign_ends(dask, user):
    dask.add(4)
    start = ["666666", "123456", "111111", "000000"]
    with (
        open_cluster(dask.address, silent) as cluster,
        Campaign(
            DigitModel(),
            oracle="my_oracle:poison",
            start=start,
            folder=user / "run",
            budget=12,
            in_flight=2,
            strategy="genetic",
            filters={"forbid": ""},
            executor=cluster,
            progress=silent,
        ) as campaign,
    ):
        wait_until(lambda: cluster.slots == 4)
        table = campaign.run()
        assert len(cluster.workers) == 1
    [failed] = table[table["status"] == "failed"].itertuples()
    assert failed.digits == "666666" and failed.error.startswith("3 workers were lost with it: tcp://127.0.0.1:")
    assert len(table) == 12 and len([row for row in begun(user) if row[0] == "666666"]) == 3


def test_a_killed_driver_resumes_and_pays_only_for_what_was_in_flight(dask, user):
    dask.add(2)
    (user / "driver.py").write_text(DRIVER)
    driver = subprocess.Popen([sys.executable, "driver.py", str(DESIGN), dask.address], cwd=user)

    def stored() -> int:
        with contextlib.suppress(RunFolderError), CampaignStore(user / "run/campaign.sqlite", read_only=True) as store:
            return len(store.answers())
        return 0

    wait_until(lambda: stored() >= 5, 120)
    with open_cluster(dask.address, silent) as cluster:
        # a second driver on the same folder is refused before anything is paid for
        with pytest.raises(RunFolderError, match="is being written by another process"):
            Campaign.resume(user / "run", DigitModel(), progress=silent, executor=cluster)
        driver.kill()
        driver.wait()
        known = stored()
        with Campaign.resume(user / "run", DigitModel(), progress=silent, executor=cluster) as campaign:
            assert campaign.oracle.calls == known
            table = campaign.run()
    assert len(table) == 24 and (table["status"] == "ok").all()
    texts = [text for text, _, _ in begun(user)]
    assert set(texts) == set(table["digits"]) and len(texts) <= 24 + 2


def test_a_scheduler_that_dies_ends_the_campaign_with_all_that_came(mortal, user):
    mortal.add(1)
    settings = {"budget": 12, "start_size": 6, "in_flight": 2, "strategy": "genetic", "progress": silent}
    with open_cluster(mortal.address, silent) as cluster:
        with Campaign(
            DigitModel(), oracle="my_oracle:slow", folder=user / "run", executor=cluster, **settings
        ) as campaign:
            while campaign.oracle.calls < 3:
                campaign.advance()
            mortal.scheduler.kill()
            with pytest.raises(OracleError, match=r"scheduler at tcp.* is gone .*molvae resume"):
                campaign.run()
            known = [answer.identity for answer in campaign.store.answers()]
        with pytest.raises(OracleError, match="is gone"):
            scorer(cluster, "plain")
    assert len(known) >= 3
    with Campaign.resume(user / "run", DigitModel(), progress=silent) as campaign:  # on this machine
        table = campaign.run()
    assert len(table) == 12 and table.sort_values("call")["digits"].tolist()[: len(known)] == known


def test_what_can_never_work_is_an_error_at_once(dask, user, monkeypatch):
    dask.add(1)
    with open_cluster(dask.address, silent) as cluster:
        with pytest.raises(OracleError, match=r"oracle 'my_oracle:absent': worker tcp.*has no attribute 'absent'"):
            scorer(cluster, "absent")
        with pytest.raises(OracleError, match="oracle command not found: 'no-such-program'"):
            RemoteScorer(task_of("command: no-such-program", None, None, ()), None, cluster, 5.0)
        with pytest.raises(ConfigError, match="workers elsewhere import the oracle"):
            Campaign(DigitModel(), oracle=len, executor=cluster, progress=silent)
        echo = f'command: {sys.executable} -c "print(\'{{\\"version\\": 1, \\"payload\\": {{\\"x\\": [2.5]}}}}\')"'
        with RemoteScorer(task_of(echo, None, None, ()), None, cluster, 20.0) as remote:
            assert remote.score(["123456"])[0].score == 2.5
        objective = Objective.parse("x + 1", other_names=True)
        with RemoteScorer(task_of(echo, None, objective, ()), objective, cluster, 20.0) as remote:
            assert remote.score(["123456"])[0].score == 3.5
        monkeypatch.setattr("molvae.design.oracle.cluster.__version__", "0.0.1")
        with pytest.raises(OracleError, match=r"it has molvae .*, and 0.0.1 is asking: install the same"):
            scorer(cluster, "plain")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("host:8786", r"a cluster is tcp://HOST:PORT"),
        ("local:0", r"a cluster is tcp://HOST:PORT"),
        ("slurm:none.toml", "no such file: none.toml"),
        ("slurm:empty.toml", "'jobs' says how many jobs"),
    ],
)
def test_a_cluster_that_is_not_one(user, text, message):
    (user / "empty.toml").write_text("queue = 'normal'\n")
    with pytest.raises(ConfigError, match=message):
        open_cluster(text, silent)


def test_a_wrong_address_is_an_error_at_once(monkeypatch):
    monkeypatch.setattr("molvae.design.oracle.cluster._CONNECT", 1.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:  # something else that listens
        for port in (1, mute.getsockname()[1]):
            with pytest.raises(OracleError, match=f"no scheduler answers at tcp://127.0.0.1:{port}: "):
                open_cluster(f"tcp://127.0.0.1:{port}", silent)


SBATCH = """#!/bin/sh
# stands in for a batch system: runs the job's script at once
sh "$1" >/dev/null 2>&1 &
echo $! >> {folder}/jobs
echo "Submitted batch job $!"
"""


def test_workers_as_jobs_of_a_batch_system(user, monkeypatch):
    """dask-jobqueue writes real job scripts; sbatch and scancel are stand-ins that run and end them here."""
    pytest.importorskip("dask_jobqueue", reason="the extra cluster (dask-jobqueue) is not installed")
    programs = user / "bin"
    programs.mkdir()
    for name, text in {"sbatch": SBATCH.format(folder=user), "scancel": "#!/bin/sh\nkill $@\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (user / "cluster.toml").write_text(
        "jobs = 1\ncores = 1\nmemory = '1GB'\ninterface = 'lo'\nwalltime = '00:10:00'\n"
        "scheduler_options = {dashboard_address = ':0'}\n"
    )
    with open_cluster("slurm:cluster.toml", silent) as cluster, scorer(cluster, "plain") as remote:
        assert remote.score(["123456"])[0].score == 21.0
    jobs = [int(line) for line in (user / "jobs").read_text().split()]
    wait_until(lambda: not any(is_alive(job) for job in jobs))


def test_local_workers_serve_several_oracles_one_after_another(user):
    with open_cluster("local:2", silent) as cluster:
        with scorer(cluster, "plain") as remote:
            assert [answer.score for answer in remote.score(["111111", "222222", "333333"])] == [6, 12, 18]
            future = remote.submit("444444")
        assert future.done()  # it was broken off, or had its answer before
        with scorer(cluster, "troubled") as remote:
            assert remote.score(["111111"])[0].properties == {"length": 6.0}


def test_what_is_sent_are_import_paths_and_texts():
    task = task_of("my_oracle:plain", None, None, ())
    sent = pickle.dumps((functools.partial(prepare_task, task.to_json()), task.prepared, task.whole))
    strings = {argument for _, argument, _ in pickletools.genops(sent) if isinstance(argument, str)}
    names = {text for text in strings if not text.startswith("{") and len(text) != 64}  # JSON, and its digest
    functions = {"prepare_task", "prepared_values", "task_values"}
    assert names == {"functools", "partial", "molvae.design.oracle.tasks"} | functions
    assert json.loads(next(text for text in strings if text.startswith("{")))["oracle"] == "my_oracle:plain"
