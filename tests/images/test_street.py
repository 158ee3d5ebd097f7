"""Characters of streets and house numbers, from folders that the test makes."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from molvae.errors import DownloadError, InputError
from molvae.images.datasets import load_images
from molvae.images.street import load_street_characters


@pytest.fixture(autouse=True)
def fresh():
    load_street_characters.cache_clear()


def archive(shades, size=(32, 32)):
    """JPEG files one after another, and their lengths."""
    files = []
    for shade in shades:
        stream = io.BytesIO()
        Image.new("RGB", size, (int(shade), 0, 90)).save(stream, "JPEG")
        files.append(stream.getvalue())
    data = np.frombuffer(b"".join(files), np.uint8)
    return {"jpeg": data, "lengths": np.array([len(file) for file in files], np.int32)}


def test_street_characters_with_and_without_a_class(tmp_path):
    folder = tmp_path / "street_characters"
    folder.mkdir()
    shades = np.arange(60) * 4
    np.savez(folder / "labelled32_0.npz", **archive(shades[:25]))
    np.savez(folder / "labelled32_1.npz", **archive(shades[25:]))
    np.savez(folder / "unlabelled32_0.npz", **archive([200, 100]))
    np.savez(folder / "labels.npz", label=np.array(["0", "b", "B", "Z"] * 15))
    data = load_images("street_characters", tmp_path)
    assert data.shape == (3, 32, 32) and data.classes == 36
    assert (len(data.train), len(data.valid), len(data.test)) == (42, 6, 12)
    assert sorted(set(data.train.labels.tolist())) == [0, 11, 35]  # a small b counts as a capital one
    np.testing.assert_allclose(data.unlabelled[:, 0, 9, 9] * 255, [200, 100], atol=3)
    # pictures keep their classes through the shuffle: every fourth shade is one character
    rows = (data.train.pixels[:, 0, 16, 16] * 255 / 4).round().long() % 4
    expected = np.array([0, 11, 11, 35])[rows]
    assert np.mean(data.train.labels.numpy() == expected) > 0.9  # JPEG may round a shade to its neighbour


def test_broken_street_characters_are_refused(tmp_path):
    for mirror in (None, tmp_path):
        with pytest.raises(DownloadError, match=r"not fetched.*--mirror FOLDER"):
            load_images("street_characters", mirror)
    folder = tmp_path / "street_characters"
    folder.mkdir()
    np.savez(folder / "labelled32_0.npz", **archive([1, 2]))
    np.savez(folder / "labels.npz", label=np.array(["A"]))
    with pytest.raises(InputError, match="2 labelled pictures, but 1 labels"):
        load_images("street_characters", tmp_path)
    np.savez(folder / "labels.npz", label=np.array(["A", "?"]))
    with pytest.raises(InputError, match=r"'\?' is not one of"):
        load_images("street_characters", tmp_path)
    np.savez(folder / "labelled32_0.npz", **archive([1, 2], size=(16, 32)))
    with pytest.raises(InputError, match="picture 0 is 16 x 32"):
        load_images("street_characters", tmp_path)
    np.savez(folder / "labelled32_0.npz", jpeg=np.zeros(9, np.uint8), lengths=np.array([9]))
    with pytest.raises(InputError, match="picture 0 cannot be read"):
        load_images("street_characters", tmp_path)


def write_svhn(folder, number=40):
    """Tiny files in the authors' layout."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    kept = {}
    for part in ("train", "test"):
        pictures = random.integers(0, 256, (32, 32, 3, number), dtype=np.uint8)
        labels = (np.arange(number) % 10 + 1).astype(np.uint8)[:, None]  # 10 stands for the digit 0
        savemat(folder / f"{part}_32x32.mat", {"X": pictures, "y": labels}, do_compression=True)
        kept[part] = pictures
    return kept


def test_svhn_is_read_from_its_own_files(tmp_path):
    kept = write_svhn(tmp_path / "svhn")
    data = load_images("svhn", tmp_path)
    assert data.shape == (3, 32, 32) and data.classes == 10
    assert (len(data.train), len(data.valid), len(data.test)) == (36, 4, 40)
    assert data.test.labels[:10].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    np.testing.assert_allclose(data.test.pixels[7], kept["test"][..., 7].transpose(2, 0, 1) / 255, rtol=1e-6)


def test_broken_files_of_svhn_are_refused(tmp_path):
    for mirror in (None, tmp_path):
        with pytest.raises(DownloadError, match=r"ufldl\.stanford\.edu/housenumbers in FOLDER/svhn"):
            load_images("svhn", mirror)
    path = tmp_path / "svhn" / "train_32x32.mat"
    write_svhn(tmp_path / "svhn")
    whole = path.read_bytes()
    for content in (b"", b"no file of MATLAB" * 20, whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"train_32x32\.mat cannot be read"):
            load_images("svhn", tmp_path)
    savemat(path, {"X": np.zeros((28, 28, 5), np.uint8), "y": np.ones((5, 1))})
    with pytest.raises(InputError, match=r"X is \(28, 28, 5\)"):
        load_images("svhn", tmp_path)
    savemat(path, {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[1], [11]])})
    with pytest.raises(InputError, match="10 stands for 0"):
        load_images("svhn", tmp_path)
