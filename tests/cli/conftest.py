"""What makes commands small: scenes are drawn by the dozen."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def few_scenes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Splits of drawn scenes that take no time."""
    from molvae.images import datasets

    monkeypatch.setattr(datasets, "_SCENES", dict.fromkeys(datasets._SCENES, (200, 20, 20)))
    datasets._scenes.cache_clear()
    yield
    datasets._scenes.cache_clear()
