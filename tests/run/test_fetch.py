"""Downloads are whole and right, or not there; from a server of the test's own, or from a mirror."""

import gzip
import hashlib
import http.server
import threading

import pytest

from molvae.chemistry.zinc250k import ZINC250K
from molvae.errors import DownloadError
from molvae.images.datasets import FREYFACES, MNIST, read_idx
from molvae.run.fetch import RemoteDataset, RemoteFile, fetch

GOOD = gzip.compress(b"CCO\n" * 1000)


class Handler(http.server.BaseHTTPRequestHandler):
    requests = 0

    def do_GET(self):
        type(self).requests += 1
        if self.path == "/none":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(GOOD)))
        self.end_headers()
        self.wfile.write({"/good": GOOD, "/other": bytes(len(GOOD)), "/cut": GOOD[:20]}[self.path])

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()


def dataset(*urls: str, **checksum: str) -> RemoteDataset:
    sums = checksum or {"sha256": hashlib.sha256(GOOD).hexdigest()}
    return RemoteDataset("toy", {"train": RemoteFile("toy/train.csv.gz", urls, **sums)}, licence="ours")


def test_download_once(server, tmp_path):
    path = fetch(dataset(f"{server}/good"), cache_dir=tmp_path)["train"]
    assert path.read_bytes() == GOOD
    before = Handler.requests
    assert fetch(dataset(f"{server}/good"), cache_dir=tmp_path)["train"] == path
    assert Handler.requests == before  # right and there: no network


def test_the_next_mirror_is_tried(server, tmp_path):
    path = fetch(dataset(f"{server}/none", f"{server}/other", f"{server}/good"), cache_dir=tmp_path)["train"]
    assert path.read_bytes() == GOOD


@pytest.mark.parametrize("fault", ["none", "other", "cut"])
def test_nothing_is_left_of_a_failed_download(server, tmp_path, fault):
    with pytest.raises(DownloadError, match="--mirror"):
        fetch(dataset(f"{server}/{fault}"), cache_dir=tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_checksum_of_the_content_serves_where_mirrors_compress_differently(server, tmp_path):
    content = hashlib.sha256(b"CCO\n" * 1000).hexdigest()
    assert fetch(dataset(f"{server}/good", content_sha256=content), cache_dir=tmp_path)["train"].exists()


def test_a_mirror_is_checked_like_a_download(tmp_path):
    (tmp_path / "mirror" / "toy").mkdir(parents=True)
    file = tmp_path / "mirror" / "toy" / "train.csv.gz"
    file.write_bytes(GOOD)
    assert fetch(dataset(), tmp_path / "mirror", tmp_path / "cache")["train"].read_bytes() == GOOD
    file.write_bytes(GOOD[:-1])
    with pytest.raises(DownloadError, match="does not match its checksum"):
        fetch(dataset(), tmp_path / "mirror", tmp_path / "other")
    with pytest.raises(DownloadError, match="the mirror has no"):
        fetch(dataset(), tmp_path / "empty", tmp_path / "other")
    assert not list((tmp_path / "other").rglob("*.gz"))


def test_a_place_that_cannot_be_written_is_an_error_of_ours(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="cannot store"):
        fetch(dataset(f"{server}/good"), cache_dir=tmp_path / "file")


def test_a_data_set_without_upstream_says_what_to_do(tmp_path):
    with pytest.raises(DownloadError, match="--mirror FOLDER"):
        fetch(FREYFACES, cache_dir=tmp_path)


@pytest.mark.parametrize("made", [ZINC250K, MNIST, FREYFACES], ids=lambda made: made.name)
def test_the_real_files_of_the_mirror_match(made, data_mirror, tmp_path):
    for path in fetch(made, data_mirror, tmp_path).values():
        assert path.stat().st_size > 0


def test_mnist_is_read(data_mirror):
    images = read_idx(data_mirror / "mnist" / "t10k-images-idx3-ubyte.gz")
    labels = read_idx(data_mirror / "mnist" / "t10k-labels-idx1-ubyte.gz")
    assert images.shape == (10_000, 28, 28) and labels[:5].tolist() == [7, 2, 1, 0, 4]
