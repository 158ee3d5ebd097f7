"""Models of the Hugging Face Hub: there and back through a hub on loopback, and from a folder in the hub's layout."""

import json
import shutil
import socket

import pytest
from safetensors import safe_open

from molvae.core.pretrained import load_model
from molvae.errors import CheckpointError, ConfigError, DownloadError, MissingDependencyError
from molvae.molecules.known import known_molecules
from molvae.weights import hub as hub_module
from molvae.weights import weights_folder
from molvae.weights.hub import Address, address_of, download

from ..hub import Hub

pytest.importorskip("huggingface_hub")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub on loopback, with an empty cache."""
    hub = Hub()
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_of_this_test")
    download.cache_clear()
    yield hub
    hub.close()
    download.cache_clear()


@pytest.fixture(scope="module")
def small():
    return load_model("zinc250k-small", "cpu")


def files_of(name):
    return {path.name: path.read_bytes() for path in weights_folder(name).iterdir() if path.is_file()}


def test_there_and_back(hub, small):
    address = small.push_to_hub("chemists/small", half=True, message="first")
    (commit,) = hub.commits["chemists/small"]
    assert address == f"hf:chemists/small@{commit}" and small.name == "zinc250k-small"
    assert set(hub.commits["chemists/small"][commit]) == {
        *("README.md", "config.json", "model.safetensors", "vocabulary.json", ".gitattributes"),
        *(["known.safetensors"] if known_molecules("zinc250k-small") else []),
    }
    assert hub.commits["chemists/small"][commit]["README.md"].startswith(b"---\nlibrary_name: molvae\n")
    model = load_model("hf:chemists/small", "cpu")
    assert model.fingerprint() == small.fingerprint() and type(model) is type(small)
    assert model.name == address  # with its commit: a run that records the name means this very model
    table = model.decode(model.encode(["CC(=O)Nc1ccc(O)cc1"], refine=True), n_decodings=4)
    assert table["smiles"].tolist() == ["CC(=O)Nc1ccc(O)cc1"]


def test_training_molecules_come_along(hub, small, tmp_path):
    from molvae.core.training_set import KNOWN, TrainingSet

    small.save_pretrained(tmp_path / "model")
    TrainingSet.build(["CCO", "CCN"], tmp_path / "model" / KNOWN)
    model = load_model(tmp_path / "model", "cpu")
    address = model.push_to_hub("chemists/known")
    with safe_open(weights_folder(address) / "known.safetensors", framework="numpy") as file:
        assert len(file.get_tensor("hashes")) == 2
    known = load_model(address, "cpu").known
    assert "CCO" in known and "CCC" not in known


def test_a_revision_is_pinned(hub, small):
    first = small.push_to_hub("chemists/small", half=True)
    hub.commit("chemists/small", {"README.md": b"# changed, and so not what config.json says"})
    assert load_model(first, "cpu").fingerprint() == small.fingerprint()
    with pytest.raises(CheckpointError, match="truncated or altered"):
        load_model("hf:chemists/small", "cpu")
    asked = len(hub.asked)
    download.cache_clear()
    load_model(first, "cpu")
    assert len(hub.asked) == asked  # a commit that was had before is not asked for again
    with pytest.raises(DownloadError, match="no such revision"):
        load_model("hf:chemists/small@v9", "cpu")


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "modeling.py", "known.npy", "old/model.safetensors", "weights.pkl"]
)
def test_what_is_no_model_is_refused_before_it_is_downloaded(hub, name):
    hub.commit("strangers/gift", {**files_of("zinc250k-small"), name: b"cos\nsystem\n(S'true'\ntR."})
    with pytest.raises(CheckpointError, match=f"refused: it holds .*{name}"):
        load_model("hf:strangers/gift")
    assert not any("/resolve/" in request for request in hub.asked)


def test_a_folder_in_the_layout_of_the_hub(monkeypatch, tmp_path, small):
    """As the hub's own program leaves it, and without network."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "cache" / "models--chemists--local"
    files = {name: content for name, content in files_of("zinc250k-small").items() if name != "known.npy"}
    settings = json.loads(files["config.json"])
    settings["sha256"].pop("known.npy", None)
    files["config.json"] = json.dumps(settings).encode()
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    (repository / "blobs").mkdir()
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for name, content in files.items():
        (repository / "blobs" / name.upper()).write_bytes(content)
        (snapshot / name).symlink_to(f"../../blobs/{name.upper()}")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{_closed_port()}")
    for address in (f"hf:chemists/local@{commit}", "hf:chemists/local"):
        download.cache_clear()
        model = load_model(address, "cpu")
        assert model.fingerprint() == small.fingerprint()
        assert model.name == f"hf:chemists/local@{commit}"
    (snapshot / "pickled.pt").write_bytes(b"")
    download.cache_clear()
    with pytest.raises(CheckpointError, match=r"pickled\.pt"):
        load_model("hf:chemists/local")
    shutil.rmtree(repository)
    download.cache_clear()
    with pytest.raises(DownloadError, match="cannot get hf:chemists/local"):
        load_model("hf:chemists/local")
    download.cache_clear()


def test_addresses():
    assert Address.parse("hf:a/b") == Address("a/b", "main")
    assert str(Address.parse("hf:a/b.c@v1.0")) == "hf:a/b.c@v1.0"
    for wrong in ("hf:", "hf:name", "hf:a/b/c", "hf:a/b@", "hf:../../etc", "hf:a/b c", "hf:https://x/y"):
        with pytest.raises(ConfigError, match="owner/name"):
            Address.parse(wrong)
    assert address_of(weights_folder("zinc250k")) is None


def test_it_says_no_in_words(hub, small, monkeypatch):
    with pytest.raises(DownloadError, match="no such repository, or it is private"):
        load_model("hf:nobody/nothing")
    with pytest.raises(ConfigError, match="owner/name"):
        small.push_to_hub("small")
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingDependencyError, match=r"molvae\[hub\]"):
        hub_module.download("hf:a/b")


def test_on_the_command_line(hub, small, molvae):
    small.push_to_hub("chemists/small", half=True)
    done = molvae("sample", "-m", "hf:chemists/small", "-k", "2")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 3
    done = molvae("sample", "-m", "hf:chemists/nothing", "-k", "2")
    assert done.returncode == 1 and done.stderr.startswith(
        "error: cannot get hf:chemists/nothing@main: there is no such"
    )


def _closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
