"""Every page in streamlit's own harness: what it asks, what it refuses, and what it shows."""

import json

import pandas as pd
import pytest

from molvae.app import jobs
from molvae.app.workspace import JOB
from molvae.design.campaign import Campaign
from molvae.molecules.cluster_vocabulary import ClusterVocabulary
from molvae.molecules.graph_vae import GraphVAE, GraphVAEConfig
from molvae.molecules.tree_data import build_arrays
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import silent

pytest.importorskip("streamlit", reason="the page needs the extra app")

DRUGS = ["CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "CC(=O)Nc1ccc(O)cc1", "CC(C)Cc1ccc(C(C)C(=O)O)cc1"]


def button(page, label: str):
    return next(each for each in page.button if each.label == label)


def messages(page) -> str:
    return "\n".join(each.value.replace("\\", "") for each in [*page.error, *page.warning, *page.info])


def test_a_campaign_is_asked_for(open_page, workspace, monkeypatch):
    begun = {}
    monkeypatch.setattr(jobs, "start", lambda place, name, recipe: begun.update(place=place, name=name, recipe=recipe))
    page = open_page("design")
    page.selectbox(key="design-task").select("osimertinib_mpo")
    page.number_input(key="design-budget").set_value(40)
    page.toggle(key="design-lipinski").set_value(True)
    page.text_area(key="design-forbid").set_value("[N+](=O)[O-]")
    page.text_input(key="design-name").set_value("mine").run()
    button(page, "Start").click().run()
    assert not page.exception and not page.error
    campaign = begun["recipe"]["campaign"]
    assert begun["name"] == "mine" and begun["place"] == workspace
    assert "osimertinib" in campaign["objective"] and campaign["budget"] == 40 and campaign["oracle"] is None
    assert campaign["filters"]["lipinski"] and campaign["filters"]["forbid"] == ["[N+](=O)[O-]"]
    assert begun["recipe"]["input"] is None


def test_pasted_molecules_become_the_start(open_page, workspace, monkeypatch):
    begun = {}
    monkeypatch.setattr(jobs, "start", lambda place, name, recipe: begun.update(recipe))
    page = open_page("design")
    page.segmented_control(key="design-way").set_value("Paste SMILES").run()
    page.text_area(key="design-text").set_value("\n".join(DRUGS)).run()
    button(page, "Start").click().run()
    assert not page.exception and begun["input"].startswith(str(workspace.root / ".uploads"))


def test_several_objectives(open_page, monkeypatch):
    begun = {}
    monkeypatch.setattr(jobs, "start", lambda place, name, recipe: begun.update(recipe))
    page = open_page("design")
    page.toggle(key="design-several").set_value(True).run()
    button(page, "Start").click().run()
    assert begun["campaign"]["pareto"] == ["QED", "-SAS"] and begun["campaign"]["strategy"] == "pareto"
    page = open_page("design")
    page.toggle(key="design-several").set_value(True).run()
    page.text_area(key="design-pareto").set_value("QED").run()
    assert "two to 8 formulas" in messages(page) and button(page, "Start").disabled


@pytest.mark.parametrize(
    ("formula", "says"),
    [("GED", "did you mean 'QED'"), ("QED +", "not a valid formula"), ("open('/etc/passwd')", "not allowed here")],
)
def test_a_formula_that_is_none(open_page, formula, says):
    page = open_page("design")
    page.selectbox(key="design-task").select("my own formula").run()
    page.text_input(key="design-formula").set_value(formula).run()
    assert says in messages(page) and button(page, "Start").disabled


@pytest.mark.parametrize("name", ["../evil", "<script>", "a b", "..", "-o"])
def test_a_name_that_is_none(open_page, workspace, name):
    page = open_page("design")
    page.text_input(key="design-name").set_value(name).run()
    button(page, "Start").click().run()
    assert not page.exception and "is not a name for a run" in messages(page)
    assert [path.name for path in workspace.root.iterdir() if path.name != ".uploads"] == []


def test_a_bad_pattern_and_bad_molecules_say_what_to_do(open_page):
    page = open_page("design")
    page.text_area(key="design-require").set_value("not a pattern").run()
    assert "not a valid SMARTS" in messages(page) and button(page, "Start").disabled
    page = open_page("design")
    page.segmented_control(key="design-way").set_value("Paste SMILES").run()
    page.text_area(key="design-text").set_value("xx\nyy").run()
    assert "none of the 2 rows is a molecule" in messages(page) and button(page, "Start").disabled


def test_nothing_is_dropped_without_a_word(open_page):
    page = open_page("design")
    page.text_area(key="design-forbid").set_value("[Br]\n" * 21).run()
    assert "at most 20 patterns, not 21" in messages(page) and button(page, "Start").disabled


@pytest.mark.parametrize("text", ["smiles,id\n", "smiles\n"])
def test_a_table_without_rows_holds_no_molecule(open_page, text):
    page = open_page("design")
    page.segmented_control(key="design-way").set_value("Upload a file").run()
    page.file_uploader(key="design-file").set_value(("empty.csv", text.encode(), "text/csv")).run()
    assert not page.exception
    assert "holds no molecule" in messages(page) and button(page, "Start").disabled


@pytest.fixture
def finished(workspace):
    """A small campaign that has ended."""
    model = MoleculeVAE.from_pretrained("zinc250k-small")
    folder = workspace.folder("small")
    with Campaign(model, "QED", DRUGS, 4, folder, progress=lambda event: None, strategy="random") as campaign:
        campaign.run()
    return folder


def test_runs_are_shown(open_page, finished):
    page = open_page("runs")
    assert page.selectbox(key="runs-name").value == "small"
    shown = page.get("html")
    assert any("best score" in each.proto.body for each in shown)
    assert any(each.proto.body.count("data:image/svg+xml") == 4 for each in shown)
    button(page, "Report").click().run()
    assert not page.exception and (finished / "report.html").is_file()


def test_a_run_with_several_objectives_names_them(open_page, workspace):
    model = MoleculeVAE.from_pretrained("zinc250k-small")
    settings = {"strategy": "pareto", "pareto": ("QED", "-SAS"), "batch": 1}
    with Campaign(model, None, DRUGS, 4, workspace.folder("two"), progress=lambda event: None, **settings) as campaign:
        campaign.run()
    page = open_page("runs")
    shown = [each.value.replace("\\", "") for each in page.caption]
    assert any("Objectives" in text and "QED, -SAS" in text for text in shown)


def test_there_is_no_run_yet(open_page):
    assert "no run yet" in messages(open_page("runs"))


def test_a_failed_run_says_why_and_can_go_on(open_page, workspace, monkeypatch):
    job = workspace.folder("bad") / JOB
    job.mkdir(parents=True)
    (job / "recipe.json").write_text("{}")
    (job / "state.json").write_text(json.dumps({"phase": "failed", "text": "![x](http://evil.example/x.png)"}))
    begun = []
    monkeypatch.setattr(jobs, "start", lambda place, name, recipe: begun.append((name, recipe)))
    page = open_page("runs")
    assert page.error[0].value.startswith("\\!\\[x")  # as text, not as a picture from elsewhere
    button(page, "Resume").click().run()
    assert begun == [("bad", None)]


def test_scores(open_page):
    page = open_page("score")
    page.text_area(key="score-text").set_value("CCO drink\nnonsense\n" + DRUGS[0]).run()
    page.text_input(key="score-formula").set_value("heavy_atoms").run()
    button(page, "Score").click().run()
    assert not page.exception
    table = page.dataframe[0].value
    assert table["score"].fillna(-1).tolist() == [3.0, -1.0, 13.0] and table["error"].astype(bool).tolist() == [
        False,
        True,
        False,
    ]


def test_a_path_between_two_molecules(open_page):
    page = open_page("interpolate")
    page.selectbox(key="path-model").select("zinc250k-small")
    page.slider(key="path-steps").set_value(3).run()
    button(page, "Interpolate").click().run()
    assert not page.exception and not page.error
    table = page.session_state["path"]
    assert len(table) == 3 and table["valid"].all() and table["QED"].between(0, 1).all()
    page.text_input(key="path-first").set_value("C1CC").run()
    assert "Not a molecule" in messages(page) and button(page, "Interpolate").disabled


def test_a_graph_model_that_was_trained_here_walks_too(open_page, workspace):
    folder = workspace.folder("graphs")
    sizes = {"latent_size": 6, "embedding_size": 8, "graph_size": 8, "encoder_size": 8, "decoder_size": 8}
    vocabulary = ClusterVocabulary.build(build_arrays(DRUGS, progress=silent))
    GraphVAE(GraphVAEConfig.create({**sizes, "dense_size": 8, "output_size": 8}), vocabulary).save_pretrained(
        folder / "model"
    )
    record = {"format": 2, "kind": "train_graph", "settings": {}, "facts": {}}
    (folder / "config.json").write_text(json.dumps(record))
    page = open_page("interpolate")
    page.selectbox(key="path-model").select("run: graphs")
    page.slider(key="path-steps").set_value(3).run()
    button(page, "Interpolate").click().run()
    assert not page.exception and not page.error
    assert page.session_state["path"]["valid"].all()


def test_a_laboratory_is_asked_and_told(open_page, workspace):
    page = open_page("laboratory")
    page.segmented_control(key="lab-way").set_value("Paste SMILES").run()
    page.text_area(key="lab-text").set_value("\n".join(DRUGS))
    page.text_input(key="lab-new").set_value("lab")
    page.number_input(key="lab-number").set_value(4)
    page.selectbox(key="lab-model").select("zinc250k-small").run()
    button(page, "Suggest").click().run()
    assert not page.exception and not page.error
    plate = page.session_state["plate-lab"]
    assert set(plate["smiles"]) and len(plate) == 4 and workspace.runs() == ["lab"]
    results = pd.DataFrame({"smiles": plate["smiles"], "score": [0.1, 0.4, None, "lots"]})
    page.file_uploader(key="lab-results").set_value(
        ("plate.csv", results.to_csv(index=False).encode(), "text/csv")
    ).run()
    button(page, "Tell").click().run()
    assert not page.exception
    told, awaited = page.session_state["told-lab"]
    assert told["status"].tolist() == ["ok", "ok", "failed", "refused"] and awaited == 1


@pytest.mark.parametrize("settings", [{}, {"campaign": 5}, {"campaign": {"budget": "many", "oracle": ["x"]}}])
def test_a_damaged_run_folder_is_no_traceback(open_page, workspace, settings):
    workspace.folder("odd").mkdir()
    record = {"format": 2, "kind": "design", "settings": settings, "facts": {}}
    (workspace.folder("odd") / "config.json").write_text(json.dumps(record))
    for name in ("runs", "laboratory"):
        open_page(name)  # which fails on an exception
