"""What CONTRIBUTING.md shows is complete: one file and one line, and all else knows the new thing by its name."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from molvae.chemistry.domain import MOLECULES, nci_molecules
from molvae.core.pretrained import load_model
from molvae.design.campaign import Campaign
from molvae.design.protocols import Model
from molvae.experiments.registry import make_recipe
from molvae.report import build
from molvae.run.progress import silent
from molvae.run.recipe import Context

from ..contributing import FILES, LINES, add, make_module
from ..design.digits import DigitModel

SMALL = {"budget": 34, "start_size": 20, "batch": 7, "num_workers": 0, "n_decodings": 4}


def test_every_example_is_used_here_and_is_one_line():
    assert set(FILES) == {
        "molvae/design/strategies/farthest.py",
        "molvae/molecules/library.py",
        "molvae/chemistry/planarity.py",
        "molvae/experiments/studies/rate_distortion.py",
        "my_oracle.py",
        "dock.py",
        "molvae/core/logistic.py",
    }
    assert all(len(code.splitlines()) < 60 for code in FILES.values())
    for code in LINES.values():
        *imports, line = code.splitlines()
        assert line.endswith(",") and all(text.startswith("from molvae.") for text in imports)


@pytest.fixture
def strategy(monkeypatch):
    add(
        monkeypatch,
        "molvae/design/strategies/farthest.py",
        "STRATEGIES",
        "molvae/design/strategies/registry.py",
    )


@pytest.mark.parametrize("domain", ["digits", "molecules"])
def test_a_strategy(strategy, tmp_path, domain):
    model = DigitModel() if domain == "digits" else load_model("zinc250k-small", "cpu")
    settings = {**SMALL, "strategy": "farthest", "progress": silent}
    with Campaign(model, folder=tmp_path / "whole", **settings) as campaign:
        campaign.run()
        answers = campaign.store.answers()
        expected = campaign.store.evaluations()[["call", model.domain.column, "score"]]
    assert [answer.origin for answer in answers] == ["start"] * 20 + ["farthest"] * 14
    items = [model.domain.parse(answer.identity)[0] for answer in answers]
    likeness = model.domain.similarity(items[20:27], items[:20]).max(1)
    pool = [item for item in campaign.start.pool if item not in items][:100]
    assert likeness.max() < model.domain.similarity(pool, items[:20]).max(1).mean()
    with Campaign(model, folder=tmp_path / "stopped", **settings) as campaign:
        campaign.advance()
        campaign.advance()
    with Campaign.resume(tmp_path / "stopped", model, progress=silent) as campaign:
        campaign.run()
        pd.testing.assert_frame_equal(campaign.store.evaluations()[["call", model.domain.column, "score"]], expected)


def test_a_strategy_is_known_by_name(strategy, molvae):
    assert "farthest  " in molvae("list", "strategies").stdout
    assert "did you mean 'farthest'" in molvae("design", "--strategy", "fartest").stderr


def test_a_model(monkeypatch, tmp_path):
    add(monkeypatch, "molvae/molecules/library.py", "MODELS", "molvae/core/pretrained.py")
    library = nci_molecules()["smiles"].head(120).tolist()
    saved = sys.modules["molvae.molecules.library"].LibraryModel(library, 8)
    saved.save_pretrained(tmp_path / "model")
    model = load_model(tmp_path / "model", "cpu")
    assert isinstance(model, Model) and type(model) is type(saved)
    assert model.fingerprint() == saved.fingerprint() and model.name == str(tmp_path / "model")
    points = model.encode(model.items)
    assert torch.equal(points, saved.encode(saved.items))
    assert torch.allclose(points.std(0), torch.ones(8), atol=1e-4)  # as its prior
    nearest = model.propose(points[:20], 3, seed=0)
    assert [point.candidates[0].item for point in nearest] == model.items[:20]
    recipe = make_recipe({"model": str(tmp_path / "model"), "campaign": SMALL | {"strategy": "latent"}})
    result = recipe.execute(Context(tmp_path / "run", "cpu", progress=silent))
    assert set(result.table["origin"]) == {"start", "latent"} and len(result.table) == 34
    proposed = result.table[result.table["origin"] == "latent"]["smiles"]
    assert set(proposed) <= {item.smiles for item in model.items}
    with Campaign.resume(tmp_path / "run", progress=silent) as campaign:  # the run names the model
        assert campaign.finished


def test_a_property(monkeypatch, molvae, tmp_path):
    add(monkeypatch, "molvae/chemistry/planarity.py", "PROPERTIES", "molvae/chemistry/properties.py")
    assert MOLECULES.compute(MOLECULES.parse("c1ccccc1C")[0], ["planarity"]) == {"planarity": pytest.approx(6 / 7)}
    assert "fraction of atoms that are sp2  [this page]" in molvae("list", "properties").stdout
    (tmp_path / "in.smi").write_text("c1ccccc1\nCCO\n")
    molvae("score", "-i", "in.smi", "--objective", "2*planarity - 1", "-o", "scores.csv")
    assert pd.read_csv(tmp_path / "scores.csv")["score"].tolist() == [1.0, -1.0]
    settings = {**SMALL, "strategy": "genetic", "progress": silent}
    with Campaign(load_model("zinc250k-small", "cpu"), "QED - planarity", folder=tmp_path / "run", **settings) as run:
        table = run.run()
    np.testing.assert_allclose(table["score"], table["QED"] - table["planarity"])


def test_a_study(monkeypatch, tmp_path):
    add(
        monkeypatch,
        "molvae/experiments/studies/rate_distortion.py",
        "STUDIES",
        "molvae/experiments/studies/registry.py",
    )
    fit = {"epochs": 10, "learning_rate": 5e-3, "warmup_steps": 5, "precision": "float32"}
    train = {"fit": fit, "model": {"latent_size": 3, "network": {"hidden_size": 32, "depth": 1}}}
    settings = {"train": train, "weights": [0.1, 10]}
    recipe = make_recipe({"kind": "study", "study": "rate_distortion", "settings": settings})
    result = recipe.execute(Context(tmp_path / "run", "cpu", progress=silent))
    (table,) = (pd.read_csv(path) for path in (result.folder / "panels").glob("*.csv"))
    assert table["rate, nats"][0] > table["rate, nats"][1]
    assert table["distortion, nats"][0] < table["distortion, nats"][1]
    assert "Rate and distortion" in build(result.folder).read_text()


@pytest.mark.parametrize(
    ("oracle", "file"), [("my_oracle:bromine", "my_oracle.py"), ("command: python dock.py", "dock.py")]
)
def test_an_oracle(molvae, monkeypatch, tmp_path, oracle, file):
    (tmp_path / file).write_text(FILES[file])
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    done = molvae(
        *("design", "--oracle", oracle, "-m", "zinc250k-small", "--strategy", "screening", "--budget", "12"),
        *("--start-size", "8", "--batch", "4", "-q", "-o", "run"),
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "run" / "molecules.csv")
    if file == "my_oracle.py":
        expected = [make_module(file).bromine(smiles) for smiles in table["smiles"]]
    else:
        expected = [smiles.count("N") - len(smiles) / 50 for smiles in table["smiles"]]
    assert len(table) == 12
    np.testing.assert_allclose(table["score"], expected)


def test_a_likelihood(monkeypatch, tmp_path):
    """That its density is one, and its draws are of it, is tested with all others in ``tests/core/test_heads.py``."""
    add(monkeypatch, "molvae/core/logistic.py", "LIKELIHOODS", "molvae/core/heads.py")
    model = {"latent_size": 3, "likelihood": "logistic", "network": {"hidden_size": 16, "depth": 1}}
    train = {"fit": {"epochs": 3, "warmup_steps": 5}, "binarisation": "none", "model": model}
    recipe = make_recipe({"kind": "images", "train": train, "evaluation": {"images": 50, "nll_images": 0}})
    result = recipe.execute(Context(tmp_path / "run", "cpu", progress=silent))
    assert json.loads((result.folder / "model" / "config.json").read_text())["model"]["likelihood"] == "logistic"
    assert load_model(result.folder, "cpu").sample(2, noise=True).shape == (2, 1, 8, 8)
