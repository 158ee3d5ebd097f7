"""Where trainings that are part of something longer keep their checkpoints."""

import pytest

from molvae.run.trainings import kept, training_folder


def test_a_training_finds_what_the_one_in_its_place_has_left_until_all_is_done(tmp_path):
    with pytest.raises(KeyboardInterrupt), kept(tmp_path / "all"):
        with training_folder() as first:
            (first / "checkpoint").touch()
        with training_folder() as second:
            assert second != first
            raise KeyboardInterrupt
    with kept(tmp_path / "all"), training_folder() as folder:
        assert folder == first and (folder / "checkpoint").is_file()
    assert not (tmp_path / "all").exists()


def test_elsewhere_a_training_leaves_nothing():
    with training_folder() as folder:
        assert folder.is_dir()
    assert not folder.exists()
