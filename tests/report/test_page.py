"""A report is one page that loads nothing, survives hostile text, and is built from whatever there is."""

import json

import numpy as np
import pandas as pd
import pytest

from molvae.design.store import CampaignStore, Evaluation
from molvae.errors import RunFolderError
from molvae.report import build
from molvae.run.folder import open_run_folder
from molvae.run.panels import Panel, save_panels

from .made_up import EVIL, MOLECULES, Page, campaign


def test_hostile_text_reaches_the_page_as_text_only(run):
    text = build(run).read_text()
    page = Page(text)
    assert "script" not in page.tags and "img" not in page.tags and not page.handlers
    assert all(link.startswith(("#", "data:image/")) for link in page.links)
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "&lt;script&gt;" in text  # shown, escaped


def test_the_same_run_gives_the_same_page(run):
    first = build(run).read_bytes()
    assert build(run).read_bytes() == first


def test_everything_that_there_is_is_shown(run):
    random = np.random.default_rng(0)
    np.savez(run / "latent.npz", z=random.normal(size=(50, 5)), score=random.normal(size=50))
    strip = {"t": [0.0, 0.5, 1.0], "smiles": MOLECULES[:3], "valid": [True, True, False], "score": [1.0, 2.0, np.nan]}
    pd.DataFrame(strip).to_csv(run / "path.csv", index=False)
    (run / "baselines" / "random").mkdir(parents=True)
    campaign(run / "baselines" / "random", 30)
    text = build(run).read_text()
    for heading in ("Best molecules", "Progress", "Latent space", "Calibration", "What became of the proposals"):
        assert heading in text
    assert text.count("<svg") > 20 and "random" in text
    figures = {path.stem for path in (run / "figures").glob("*.svg")}
    assert figures == {"best_so_far", "scores", "latent", "calibration"}


def test_a_laboratory_has_neither_budget_nor_baselines(tmp_path):
    folder = tmp_path / "lab"
    open_run_folder(folder, "design", {"campaign": {"oracle": "laboratory", "budget": 100_000}}, seed=0)
    campaign(folder)
    text = build(folder).read_text()
    assert "measurements" in text and "--baselines" not in text and "/ 100000" not in text


def test_what_has_no_number_is_a_dash(tmp_path):
    folder = tmp_path / "run"
    open_run_folder(folder, "design", {"campaign": {"oracle": "m:f", "budget": 4}}, seed=0)
    with CampaignStore(folder / "campaign.sqlite") as store:
        store.record_evaluation(Evaluation(1, "C", None, {}, "it failed", 0.0, "start", 0))
    assert "<td>nan</td>" not in build(folder).read_text()


def test_damaged_parts_are_named_and_left_out(run):
    (run / "latent.npz").write_bytes(b"no archive")
    (run / "provenance.json").write_text("{")
    text = build(run).read_text()
    assert "latent.npz could not be read" in text and "Best molecules" in text


def test_a_run_killed_at_once_still_has_a_report(tmp_path):
    open_run_folder(tmp_path / "run", "design", {"campaign": {}}, seed=0)
    assert build(tmp_path / "run").exists()
    with CampaignStore(tmp_path / "run" / "campaign.sqlite"):
        pass
    assert build(tmp_path / "run").exists()


def test_training_and_evaluation_runs(tmp_path):
    open_run_folder(tmp_path / "train", "train", {}, seed=0)
    log = {"step": [1, 2], "epoch": [0.5, 1.0], "train_kl": [3.0, 4.0], "valid_kl": [3.5, np.nan], "seconds": [1, 1]}
    pd.DataFrame(log).to_csv(tmp_path / "train" / "metrics.csv", index=False)
    assert "Training" in build(tmp_path / "train").read_text()
    open_run_folder(tmp_path / "evaluation", "evaluate", {}, seed=0)
    numbers = {
        "reconstruction": {"D": 0.5},
        "prior": {"none": {"validity": 0.6}},
        "latent": {"reconstruction": -3.0, "kl": 50.0, "active_units": 60},
        "properties": {"QED": {"mae": 0.03, "mae_of_mean": 0.1}},
        "protocol": {"seed": 0},
    }
    (tmp_path / "evaluation" / "evaluation.json").write_text(json.dumps(numbers))
    assert "50.0%" in build(tmp_path / "evaluation").read_text()


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="not a run folder"):
        build(tmp_path)
    (tmp_path / "config.json").write_text("[1")
    with pytest.raises(RunFolderError, match="damaged"):
        build(tmp_path)


def test_panels_are_drawn_and_hostile_text_in_them_is_escaped(tmp_path):
    open_run_folder(tmp_path, "study", {"study": "made up"}, seed=0)
    lines = pd.DataFrame({"x": [1, 2, 3], EVIL: [1.0, 2.0, 4.0]})
    molecules = pd.DataFrame({"smiles": ["CCO", None, EVIL], "score": [1.5, None, 0.0]})
    cloud = pd.DataFrame({"x": [0.0, 1.0], "y": [1.0, 0.0], "class": ["a", EVIL]})
    save_panels(
        tmp_path,
        [
            Panel("numbers", "table", EVIL, EVIL, frame=pd.DataFrame({EVIL: [EVIL]})),
            Panel("curve", "lines", "Curve", frame=lines, options={"log_x": True, "log_y": True}),
            Panel("points", "scatter", "Points", frame=cloud),
            Panel("facets", "scatter", "Facets", frame=cloud, options={"facets": True}),
            Panel("coloured", "scatter", "Coloured", frame=cloud.assign(**{EVIL: [0.5, np.nan]})),
            Panel("faces", "images", "Faces", array=np.ones((2, 3, 4, 4)), options={"rows": ["a", EVIL]}),
            Panel("nothing", "lines", "Nothing"),
            Panel("drawn", "molecules", "Molecules", frame=molecules),
        ],
    )
    page = Page(build(tmp_path).read_text())
    assert "script" not in page.tags and not page.handlers
    assert all(link.startswith(("#", "data:")) for link in page.links)
    text = (tmp_path / "report.html").read_text()
    assert text.count("<svg") == 6 and "1.5" in text  # five figures and ethanol
    assert "has nothing to draw" in text
