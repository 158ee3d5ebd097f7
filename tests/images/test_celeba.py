"""CelebA's faces from a folder of the user's, in both layouts; the pictures are made here."""

import io

import numpy as np
import pytest
from PIL import Image

from molvae.errors import DownloadError, InputError
from molvae.images.celeba import load_celeba
from molvae.images.datasets import load_images


def jpeg(size: tuple[int, int], shade: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (shade, 0, 0)).save(stream, "JPEG")
    return stream.getvalue()


def test_the_published_layout_is_cut_out_and_split(tmp_path):
    folder = tmp_path / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    for number in range(1, 121):
        (folder / f"{number:06d}.jpg").write_bytes(jpeg((178, 218), number))
    data = load_images("celeba", tmp_path)
    assert data.shape == (3, 32, 32) and (len(data.train), len(data.valid), len(data.test)) == (96, 12, 12)
    shades = data.test.pixels[:, 0, 16, 16] * 255
    np.testing.assert_allclose(shades, np.arange(109, 121), atol=3)
    (folder / "000001.jpg").write_bytes(jpeg((64, 64), 0))
    load_celeba.cache_clear()
    with pytest.raises(InputError, match=r"000001.jpg is 64 x 64: aligned faces are 178 x 218"):
        load_images("celeba", tmp_path)


def test_archives_of_small_pictures_are_read_without_pickles(tmp_path):
    (tmp_path / "celeba").mkdir()
    files = [jpeg((64, 64), shade) for shade in range(110)]
    for name, part in (("celeba64_00.npz", files[:60]), ("celeba64_01.npz", files[60:])):
        data = np.frombuffer(b"".join(part), np.uint8)
        np.savez(tmp_path / "celeba" / name, jpeg=data, lengths=np.array([len(file) for file in part], np.int32))
    faces = load_celeba(tmp_path)
    assert faces.shape == (110, 32, 32, 3) and faces.dtype == np.uint8
    np.testing.assert_allclose(faces[:, 16, 16, 0], np.arange(110), atol=3)


def test_what_is_missing_or_broken_is_said(tmp_path):
    with pytest.raises(DownloadError, match=r"not fetched.*--mirror FOLDER"):
        load_images("celeba")
    with pytest.raises(DownloadError, match="img_align_celeba"):
        load_images("celeba", tmp_path)
    (tmp_path / "celeba").mkdir()
    np.savez(tmp_path / "celeba" / "celeba64_00.npz", jpeg=np.zeros(9, np.uint8), lengths=np.array([9]))
    with pytest.raises(InputError, match="picture 0 cannot be read as a picture"):
        load_celeba(tmp_path)
    np.savez(tmp_path / "celeba" / "celeba64_00.npz", other=np.zeros(9))
    with pytest.raises(InputError, match=r"celeba64_00\.npz cannot be read"):
        load_celeba(tmp_path)
