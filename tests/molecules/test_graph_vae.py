"""The junction tree VAE: everything that a model of molecules does, and every point decodes to a molecule."""

import numpy as np
import pytest
import torch

from molvae.chemistry.molecule import Molecule, canonical
from molvae.chemistry.properties import compute_many
from molvae.core.fit import FitConfig
from molvae.core.pretrained import load_model
from molvae.core.schedules import in_steps
from molvae.core.training import vae_objective
from molvae.design.protocols import TrainableModel
from molvae.errors import ConfigError, InputError, InvalidMoleculeWarning
from molvae.molecules.base import MolecularModel
from molvae.molecules.evaluation import EvaluationConfig, evaluate_model, summary_table
from molvae.molecules.graph_training import GraphObjectiveConfig, GraphTrainConfig, train_graph
from molvae.molecules.graph_vae import GraphVAE, GraphVAEConfig
from molvae.molecules.junction_tree import assemble, settled
from molvae.molecules.training import MoleculeData, ValidationConfig
from molvae.molecules.tree_generation import generate
from molvae.molecules.tree_refinement import least_margin
from molvae.run.progress import silent

from .graphs import GRAPHS, small_graph_model


@pytest.fixture(scope="module")
def model() -> GraphVAE:
    return small_graph_model()


@pytest.fixture(scope="module")
def learnt(tmp_path_factory) -> GraphVAE:
    """Twelve molecules learnt by heart, saved and loaded."""
    folder = tmp_path_factory.mktemp("learnt")
    table = compute_many(GRAPHS, ["QED", "SAS", "logP"], progress=silent)
    data = MoleculeData(GRAPHS, table[["QED", "SAS", "logP"]].to_numpy(np.float32))
    sizes = {"latent_size": 16, "embedding_size": 32, "graph_size": 32, "encoder_size": 32, "decoder_size": 64}
    config = GraphTrainConfig(
        batch_size=12,
        model=GraphVAEConfig.create({**sizes, "dense_size": 64, "output_size": 64, "predictor_size": 32}),
        objective=GraphObjectiveConfig(beta=0.001),
        fit=FitConfig(epochs=120, learning_rate=5e-3, warmup_steps=10, validate_every=120),
        validation=ValidationConfig(molecules=12, prior_samples=5),
    )
    model = train_graph(config, data, data, folder, "cpu", silent, num_workers=1, cache_dir=folder / "cache")
    model.save_pretrained(folder / "model", half=True)
    return load_model(folder / "model", device="cpu")


def test_it_is_a_model_that_campaigns_and_commands_take(model):
    assert isinstance(model, TrainableModel) and isinstance(model, MolecularModel)
    z = model.encode(GRAPHS)
    assert z.shape == (len(GRAPHS), 6) and torch.isfinite(z).all()
    batch = model.batch([Molecule.parse(text)[0] for text in GRAPHS[:3]])
    assert model.terms(batch, samples=2).log_px.shape == (2, 3)
    assert model.predict(z).to_frame().shape == (len(GRAPHS), 6)


def test_codes_and_densities_do_not_depend_on_the_rest_of_the_batch(model):
    dataset, _ = model.dataset(GRAPHS)
    batch = dataset.batch(np.arange(len(GRAPHS)))
    z = torch.randn(len(GRAPHS), 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        together, means = model.decoder.log_prob(z, batch), model.posterior(batch).mean
        for row in range(len(GRAPHS)):
            alone = dataset.batch(np.array([row]))
            torch.testing.assert_close(model.decoder.log_prob(z[row : row + 1], alone)[0], together[row])
            torch.testing.assert_close(model.posterior(alone).mean[0], means[row])


@pytest.mark.parametrize("temperature", [0.0, 1.0, 3.0])
def test_every_point_decodes_to_a_valid_molecule_however_untrained_the_model(model, temperature):
    z = 3 * torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
    found = generate(model.decoder, z, temperature, torch.Generator().manual_seed(2))
    assert all(canonical(text) is not None for text in found.smiles)
    for tree, text in zip(found.trees, found.smiles, strict=True):
        assert settled(text) == Molecule.from_mol(assemble(tree)).smiles
        assert len(tree) <= model.vocabulary.max_clusters


def test_what_is_generated_has_the_density_that_teacher_forcing_gives_it(model):
    z = torch.randn(30, 6, generator=torch.Generator().manual_seed(3))
    found = generate(model.decoder, z, 1.0, torch.Generator().manual_seed(4))
    dataset, _ = model.dataset([Molecule.parse(text)[0].smiles for text in found.smiles])
    compared = 0
    for index, row in enumerate(dataset.rows.tolist()):
        # a molecule may be written as several trees: only those in the order of the data can be compared
        if _same(dataset, index, found, row):
            log_prob = model.decoder.log_prob(z[row : row + 1], dataset.batch(np.array([index])))
            torch.testing.assert_close(log_prob[0], found.log_prob[row], rtol=1e-4, atol=1e-4)
            compared += 1
    assert compared >= 3


def _same(dataset, index, found, row) -> bool:
    begin, end = dataset.arrays.offsets["nodes"][index : index + 2]
    columns = dataset.arrays.columns
    labels = tuple(dataset.arrays.labels[number] for number in columns["label"][begin:end])
    tree = found.trees[row]
    return labels == tree.labels and all(
        tuple(columns[name][begin:end].tolist()) == getattr(tree, f"{stem}")
        for name, stem in (("parent", "parents"), ("place", "places"), ("entry", "entries"))
    )


def test_a_model_learns_a_handful_by_heart(learnt):
    rebuilt, log_prob = learnt.generate(learnt.encode(GRAPHS))
    assert sum(canonical(a) == b for a, b in zip(rebuilt, GRAPHS, strict=True)) >= 11 and log_prob.mean() > -1
    table = learnt.decode(learnt.encode(GRAPHS), n_decodings=4)
    assert table["valid"].all() and (table["smiles"] == list(GRAPHS)).sum() >= 11
    assert learnt.sample(5, seed=1)["valid"].all()
    path = learnt.interpolate(GRAPHS[0], GRAPHS[1], steps=3, n_decodings=2)
    assert path["smiles"].tolist()[::2] == [GRAPHS[0], GRAPHS[1]] and path["valid"].all()


def test_refined_points_decode_to_their_molecules(learnt):
    z = learnt.encode(GRAPHS) + 3 * torch.randn(12, 16, generator=torch.Generator().manual_seed(0))
    before, after = z, learnt.refine(GRAPHS, z, progress=silent)
    hits = [
        sum(canonical(a) == b for a, b in zip(learnt.generate(points)[0], GRAPHS, strict=True))
        for points in (before, after)
    ]
    assert hits[0] < hits[1] == 12
    dataset, _ = learnt.dataset(GRAPHS)
    assert (least_margin(learnt.decoder, after, dataset.batch(np.arange(12))) > 0).all()


def test_stereo_marks_are_not_held(learnt):
    marked, plain = learnt.encode(["C[C@H](N)C(=O)O", "CC(N)C(=O)O"])
    torch.testing.assert_close(marked, plain)
    assert learnt.held("C[C@H](N)C(=O)O") == "CC(N)C(=O)O" and learnt.held("no molecule") == "no molecule"


def test_what_it_cannot_hold_is_told(model):
    with pytest.warns(InvalidMoleculeWarning, match=r"2 of 3 .*row 1: .*does not know: CI.*row 2: 'C1CC'"):
        z = model.encode(["CCO", "CCI", "C1CC"])
    assert torch.isnan(z).all(1).tolist() == [False, True, True]
    assert (
        "does not know" in model.accepts(Molecule.parse("CCI")[0]) and model.accepts(Molecule.parse("CCO")[0]) is None
    )
    with pytest.raises(ConfigError, match="mask is one of"):
        model.generate(z[:1], mask="valency")
    with pytest.raises(ConfigError, match="temperature"):
        model.generate(z[:1], temperature=-1)
    with pytest.raises(InputError, match="as many points as molecules"):
        model.refine(["CCO"], z)


def test_it_is_measured_like_any_other_model(learnt):
    values = compute_many(GRAPHS, ["QED", "SAS", "logP"], progress=silent)[["QED", "SAS", "logP"]].to_numpy("float32")
    few = {"prior_samples": 5, "jt_molecules": 2, "nll_molecules": 2, "nll_samples": 2, "generated": 0, "paths": 2}
    few |= {"neighbourhoods": 2, "chosen_points": 3, "n_decodings": 3, "refine_steps": 3}
    held_out = MoleculeData([*GRAPHS, "C[C@H](N)C(=O)O"], np.concatenate([values, values[3:4]]))
    result = evaluate_model(learnt, held_out, EvaluationConfig(**few), progress=silent)
    assert result["reconstruction"]["D"] > 0.9 and result["prior"]["none"]["validity"] == 1
    assert result["protocol"]["held"] == "molecules without stereo marks" and summary_table(result)


def test_a_step_of_training_in_bfloat16_goes_where_one_in_float32_goes():
    properties = np.ones((len(GRAPHS), 3), np.float32)
    config = in_steps(GraphTrainConfig(), 10)
    objective = vae_objective(config.objective)

    def gradient(autocast: bool) -> torch.Tensor:
        model = small_graph_model().train()
        dataset, _ = model.dataset(GRAPHS, properties)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            values, _ = objective(model, dataset.batch(range(len(dataset))), 5, torch.Generator().manual_seed(0))
        (-values.mean()).backward()
        return torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])

    exact, rounded = gradient(False), gradient(True)
    assert 0.99 < torch.cosine_similarity(exact, rounded, dim=0) < 1


def test_a_run_that_was_cut_off_ends_with_the_same_weights(tmp_path):
    class CutOffError(Exception):
        pass

    def cut_off(event):
        if event.what == "training" and event.milestone and event.done == 3:
            raise CutOffError

    data = MoleculeData(GRAPHS, np.zeros((12, 3), np.float32))
    sizes = {"latent_size": 4, "graph_size": 8, "encoder_size": 8, "decoder_size": 8, "dense_size": 8}
    config = GraphTrainConfig(
        batch_size=5,
        model=GraphVAEConfig.create(sizes),
        fit=FitConfig(epochs=3, warmup_steps=1),
        validation=ValidationConfig(molecules=4, prior_samples=3),
    )
    prints = []
    for name, progress in (("whole", silent), ("cut", cut_off)):
        folder = tmp_path / name
        folder.mkdir()
        try:
            model = train_graph(config, data, data, folder, "cpu", progress, num_workers=1, cache_dir=tmp_path)
        except CutOffError:
            model = train_graph(config, data, data, folder, "cpu", silent, num_workers=1, cache_dir=tmp_path)
        prints.append(model.fingerprint())
    assert prints[0] == prints[1]
