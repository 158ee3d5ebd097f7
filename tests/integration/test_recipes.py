"""Shipped recipes are executed with small settings: one of each kind, and the others where slow tests are asked for."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from molvae.chemistry.domain import nci_molecules
from molvae.experiments.registry import KINDS, make_recipe, read_recipe, recipe_of_run
from molvae.report import build
from molvae.run.config import read_toml
from molvae.run.progress import silent
from molvae.run.recipe import Context, Result

from ..chemistry.docking.peptide import write_peptide
from ..proteins.family import family

RECIPES = {path.stem: path for path in sorted((Path(__file__).parents[2] / "pipelines").rglob("*.toml"))}


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables with changes; lists are replaced."""
    result = dict(values)
    for name, change in changes.items():
        old = result.get(name)
        result[name] = merged(old, change) if isinstance(old, Mapping) and isinstance(change, Mapping) else change
    return result


CAMPAIGN = {"budget": 26, "start_size": 20, "batch": 6, "n_decodings": 4, "num_workers": 0}
BENCHMARK = {"model": "zinc250k-small", "benchmark": {"seeds": [0], "at": [22], "campaign": CAMPAIGN}}
MOLECULES = {
    "batch_size": 64,
    "model": {"latent_size": 4, "channels": 16, "dense_size": 16, "hidden_size": 32, "predictor_size": 16},
    "fit": {"epochs": 1, "warmup_steps": 1},
    "validation": {"molecules": 20, "prior_samples": 5},
}
PIXELS = {
    "batch_size": 500,  # MNIST in 110 steps
    "model": {"latent_size": 4, "network": {"hidden_size": 16, "depth": 1}},
    "fit": {"epochs": 1, "warmup_steps": 1, "validate_every": 0},
    "validation_images": 20,
}
PLANE = {**PIXELS, "model": {**PIXELS["model"], "latent_size": 2}}
POINTS = {**PLANE, "binarisation": "none", "model": {**PLANE["model"], "likelihood": "gaussian"}}
SCENES = {
    "batch_size": 100,
    "model": {"latent_size": 4, "network": {"hidden_size": 16, "depth": 1, "channels": 8}},
    "fit": {"epochs": 1, "warmup_steps": 1, "validate_every": 0},
    "validation_images": 20,
}
GLYPHS = {
    **PIXELS,
    "binarisation": "none",
    "model": {**PIXELS["model"], "conditional": True, "likelihood": "gaussian_fixed_sigma"},
}
M2 = {
    "vae": {"latent_size": 2, "conditional": True, "network": {"hidden_size": 16}},
    "fit": {"epochs": 1},
    "batch_size": 2000,
}
CODES = {**M2, "vae": {**M2["vae"], "likelihood": "gaussian_shared_sigma"}, "binarisation": "none"}
IMAGES = {"train": PIXELS, "evaluation": {"images": 50, "nll_images": 10, "nll_samples": 5}}
STROKES = {
    "train": {
        "batch_size": 500,
        "model": {"latent_size": 4, "encoder_size": 8, "decoder_size": 8, "components": 2},
        "fit": {"epochs": 1, "warmup_steps": 1},
        "validation_sketches": 20,
    },
    "evaluation": {"sketches": 20, "nll_sketches": 5, "nll_samples": 2, "drawn": 10},
}
GRID = {
    "train": {
        **PIXELS,
        "model": {"latent_size": 64 * 2, "network": {"kind": "grid", "channels": 8, "depth": 1}},
    },
    "evaluation": {"images": 50, "nll_images": 0},
}
CODE_PRIOR = {"network": {"channels": 8, "layers": 2}, "fit": {"epochs": 1, "warmup_steps": 1}, "batch_size": 500}
ATTRIBUTES = {
    "train": {**SCENES, "model": {"latent_size": 4, "network": {"hidden_size": 16, "channels": 8}}},
    "judge_fit": {"epochs": 1, "warmup_steps": 1},
    "images": 20,
}
ADVERSARY = {
    **{name: ATTRIBUTES[name] for name in ("train", "judge_fit", "images")},
    "epochs": {"plain VAE": 1, "absolute error": 1, "with an adversary": 1},
}
SMALL: dict[str, dict[str, Any]] = {
    "design": {"model": "zinc250k-small", "campaign": {**CAMPAIGN, "baselines": ["screening"]}},
    "train": {"train": MOLECULES},
    "fit": {"model": "zinc250k-small", "folds": 2, "simulated": {"molecules": 40, "replicates": 4}},
    "train_graph": {
        "train": {
            "batch_size": 64,
            "model": {"latent_size": 4, "graph_size": 8, "encoder_size": 8, "dense_size": 8, "decoder_size": 16},
            "fit": {"epochs": 1, "warmup_steps": 1},
            "validation": {"molecules": 20, "prior_samples": 5},
        }
    },
    "graph_beside_smiles": merged(BENCHMARK, {"benchmark": {"objectives": ["zaleplon_mpo"]}}),
    "zinc250k_flow_fourth": {"train": {**MOLECULES, "distillation": {"pool": 40, "batch_size": 8}}},
    "ablations": {"ablations": {"base": {**MOLECULES, "batch_size": 32}}},
    "evaluate": {
        "model": "zinc250k-small",
        "evaluation": {
            "molecules": 40,
            "jt_molecules": 2,
            "chosen_points": 10,
            "refine_steps": 3,
            "n_decodings": 3,
            "prior_samples": 10,
            "nll_molecules": 4,
            "nll_samples": 5,
            "generated": 20,
            "paths": 2,
            "neighbourhoods": 3,
        },
        "regression": {"training": 20, "held_out": 10, "splits": 1},
    },
    "benchmark": BENCHMARK,
    "strategies": merged(BENCHMARK, {"benchmark": {"strategies": ["turbo", "tanimoto"]}}),
    "guacamol": merged(BENCHMARK, {"benchmark": {"objectives": ["zaleplon_mpo"]}}),
    "docking_f2": {
        "model": "zinc250k-small",
        "input": "molecules.smi",
        "benchmark": {
            "strategies": ["latent", "screening"],
            "seeds": [0],
            "at": [10],
            "campaign": {
                **{"oracle": "dock:peptide.pdbqt", "budget": 12, "start_size": 8, "batch": 4, "n_decodings": 4},
                "filters": {"max_heavy_atoms": 10},
            },
        },
    },
    "pmo": merged(
        BENCHMARK, {"benchmark": {"objectives": ["zaleplon_mpo", "deco_hop"], "library_best": {"deco_hop": 0.1}}}
    ),
    "figure4": {
        "model": "zinc250k-small",
        "figure": {"pool": 200, "training": [40, 80], "trials": 1, "draws": 10, "steps": 5},
    },
    "images": IMAGES,
    "mnist_iwae": {**IMAGES, "train": {**PIXELS, "objective": {"samples": 3}}},
    "mnist_resnet": merged(IMAGES, {"train": {"model": {"network": {"channels": 8}}}}),
    "gradient_variance": {"settings": {"train": PIXELS, "marks": [0, 2], "draws": 10, "batch": 10}},
    "marginal_likelihood": {"settings": {"train": PIXELS, "latent_sizes": [2], "samples": [1, 10], "images": 10}},
    "inference": {"settings": {"train": PIXELS, "epochs": 1, "bottlenecks": [2]}},
    "likelihoods": {"settings": {"train": PIXELS, "samples": 3}},
    "collapse": {"settings": {"train": PIXELS, "warmup_steps": 5}},
    "half_rings": {"settings": {"train": POINTS, "seeds": [0], "pixels": 8, "samples": 5}},
    "shifted_circle": {"settings": {"train": POINTS, "seeds": [0], "pixels": 8, "samples": 5}},
    "latent_sizes": {"settings": {"train": PIXELS, "latent_sizes": [2]}},
    "manifold_mnist": {"settings": {"train": PLANE, "side": 4}},
    "manifold_freyfaces": {"settings": {"train": PLANE, "side": 4}},
    "classes": {"settings": {"train": PIXELS, "components": 2}},
    "analogies": {"settings": {"train": GLYPHS, "given": [1, 3], "draws": 2, "shown": 2}},
    "font_glyphs": {"settings": {"train": GLYPHS, "given": [1, 3], "draws": 2, "shown": 2}},
    "planes": {"settings": {"train": PIXELS, "m2": M2, "labels": 20, "side": 3, "images": 200}},
    "planes_free": {"settings": {"train": PIXELS, "m2": M2, "labels": 20, "side": 3, "images": 200}},
    **{
        name: {"settings": {"train": PIXELS, "latent_sizes": [2], "draws": [1], "epochs": 1, "samples": 5}}
        for name in ("aevb", "aevb_mnist")
    },
    "completion": {"settings": {"train": PIXELS, "images": 20, "samples": 3}},
    "discrete": {"settings": {"train": PIXELS, "codes": [[4, 3]], "draws": 4, "batch": 5}},
    "discrete_mnist": {"settings": {"train": PIXELS, "codes": [[4, 3]], "draws": 4, "batch": 5}},
    "mnist_gumbel": merged(IMAGES, {"train": {"model": {"latent_size": 20}}}),
    "sketches": STROKES,
    "celeba_vq": {**GRID, "code_prior": CODE_PRIOR},
    "celeba_gaussian": GRID,
    "digits_vq": {**GRID, "code_prior": CODE_PRIOR},
    "mnist_vq": {**merged(GRID, {"train": {"model": {"latent_size": 49 * 4}}}), "code_prior": CODE_PRIOR},
    "vector_quantised": {
        "settings": {
            "train": merged(GRID["train"], {"model": {"latent_size": 32, "codebook": {"size": 8}}}),
            "prior": CODE_PRIOR,
        }
    },
    "class_sampling": {"settings": {"m2": M2, "labels": 20, "seeds": 1, "classes": [2, 5], "steps": 1}},
    "tetrominoes_slots": {
        "train": {
            **SCENES,
            "model": {"latent_size": 32, "network": {"hidden_size": 8, "channels": 8, "depth": 1}},
        },
        "evaluation": {"images": 50},
    },
    "generators": {
        "settings": {
            "minutes": [0.005],
            "gan_channels": 8,
            "diffusion_channels": 8,
            "diffusion_steps": 5,
            "short_steps": 2,
            "judge": {"hidden_size": 8, "channels": 8},
            "judge_fit": {"epochs": 1},
            "samples": 50,
            "bound_images": 5,
            "shown": 3,
        }
    },
    "tetrominoes_monet": {
        "train": {
            **SCENES,
            "model": {"latent_size": 16, "network": {"hidden_size": 8, "channels": 8, "depth": 1}},
        },
        "evaluation": {"images": 50},
    },
    "attributes": {"settings": ATTRIBUTES},
    "attributes_celeba": {"data": "sprites", "settings": {**ATTRIBUTES, "attributes": []}},
    "attributes_celeba_layers": {"data": "sprites", "settings": {**ATTRIBUTES, "attributes": []}},
    "adversary": {"settings": ADVERSARY},
    "adversary_celeba": {"data": "sprites", "settings": ADVERSARY},
    "blur": {"settings": {"train": SCENES, "widths": [8], "images": 50}},
    "blur_celeba": {"data": "sprites", "settings": {"train": SCENES, "widths": [8], "images": 50}},
    "broadcast": {"settings": {"train": SCENES, "images": 300, "steps": 2, "middle": 0.2}},
    "slots": {
        "settings": {
            "train": {**SCENES, "model": {"latent_size": 32, "network": {"hidden_size": 8, "channels": 8, "depth": 1}}},
            "seeds": [0],
            "objects": [4],
            "scenes": 20,
        }
    },
    "discriminative": {
        "settings": {
            "fit": {"epochs": 1},
            "cnn": {"kind": "cnn", "channels": 8, "hidden_size": 16},
            "mlp": {"hidden_size": 16},
            "vae": PIXELS["model"],
            "images": 100,
            "samples": 1,
        }
    },
    "street_characters": {
        "data": "digits",
        "settings": {"labels": [20], "m2": M2, "styles": 2, "cnn_fit": {"epochs": 1}},
    },
    "m2_100_labels": {
        "data": "digits",
        "settings": {"labels": [20], "seeds": 2, "m2": M2, "self_training": {"fit": {"epochs": 1}}},
    },
    "semi_supervised": {
        "data": "digits",
        "settings": {
            "labels": [20],
            "seeds": 1,
            "m1": {**PIXELS, "batch_size": 50, "fit": {"epochs": 10, "learning_rate": 5e-3, "warmup_steps": 5}},
            "m2": M2,
            "m1m2": CODES,
            "methods": ["pixel SVM", "M1+SVM", "M2", "M1+M2"],
        },
    },
}
"""What is changed, by the name of the recipe or else by its kind."""
RESIDUES_SMALL = {"width": 16, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "max_length": 40}
SMALL |= {
    "pretrain": {"train": {"window": 20, "part": 1.0, "transformer": RESIDUES_SMALL, "fit": {"epochs": 1}}},
    "compress": {"train": {"window": 20, "part": 1.0, "compression": {"queries": 2, "numbers": 8, "layers": 1}}},
    "proteins": {"train": {"latent_size": 3, "hidden_size": 16, "fit": {"epochs": 1}}},
    "proteins_evaluate": {
        "designs": 10,
        "baseline": {"latent_size": 3, "hidden_size": 16, "fit": {"epochs": 1}},
    },
}
STAGE = {
    "compress": ("pretrain", "transformer"),
    "sh3": ("compress", "backbone"),
    "sh3_frozen": ("compress", "backbone"),
    "s1a": ("compress", "backbone"),
    "chorismate_mutase": ("compress", "backbone"),
    "sh3_evaluate": ("sh3", "model"),
    "s1a_evaluate": ("s1a", "model"),
    "chorismate_mutase_evaluate": ("chorismate_mutase", "model"),
}
"""Recipes of proteins that begin with what another has trained, and by which setting."""
FIRST = {
    "mnist_iwae": "mnist_vae",
    "mnist_quadrants_1_second": "mnist_quadrants_1",
    "mnist_quadrants_2_second": "mnist_quadrants_2",
    "mnist_quadrants_3_second": "mnist_quadrants_3",
    "zinc250k_flow_second": "zinc250k_flow",
    "zinc250k_flow_third": "zinc250k_flow_second",
    "zinc250k_flow_fourth": "zinc250k_flow_third",
}
"""Recipes that begin with the weights of another."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a cache and a file of molecules, ``molecules.smi``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOLVAE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "molecules.smi").write_text("\n".join(nci_molecules()["smiles"].head(300)) + "\n")
    return tmp_path


def write_family(place: Path) -> str:
    """A made-up family with all columns that recipes of proteins name; half of it is functional."""
    rows = ["id,sequence,fitness,norm r.e.,orthologous_group,specificity,kind"]
    for number, sequence in enumerate(family(60)):
        aligned = (sequence + "-" * 26)[:26]
        ancestor = number % 2
        label = ("trypsin", "chymotrypsin")[ancestor]
        rows.append(f"nat_{number},{aligned},{ancestor},{ancestor},group {number % 6},{label},natural")
    (place / "family.csv").write_text("\n".join(rows) + "\n")
    return str(place / "family.csv")


def execute(stem: str, place: Path, mirror: Path | None) -> Result:
    """A recipe in small; what needs a download comes from the mirror, or else from what is embedded."""
    values = read_toml(RECIPES[stem])
    if stem == "docking_f2":  # the package that brings thrombin is not ours to install
        for package in ("vina", "meeko"):
            pytest.importorskip(package)
        write_peptide(place)
    values = merged(values, SMALL.get(stem, SMALL.get(values.get("kind", "design"), {})))
    if values.get("kind", "").startswith("proteins"):
        values["data"] = write_family(place)
    if stem in STAGE:
        first, setting = STAGE[stem]
        values[setting] = str(execute(first, place, mirror).files["model"])
    if values.get("kind") == "sketches":
        values["data"] = "kanji" if mirror and values.get("data") == "kanji" else "scribbles"
    elif "data" in values and values["data"] not in (
        str(place / "family.csv"),
        "digits",
        "half_rings",
        "shifted_circle",
        "sprites",
        "tetrominoes",
        "fonts",
    ):
        # preparing the whole of ZINC250k takes minutes
        molecules = values["data"] == "zinc250k"
        embedded = "fonts" if values["data"] == "font_glyphs" else "digits"
        values["data"] = "molecules.smi" if molecules else values["data"] if mirror else embedded
    if mirror is None and values.get("input") == "zinc250k":
        values.pop("input")
    if stem in FIRST:
        first = execute(FIRST[stem], place, mirror)
        values["train"]["initial"] = str(first.files["model"])
    if "soup" in values.get("train", {}):  # of stages that have just been run
        values["train"]["soup"] = {
            str(place / Path(name).parent.name.replace("-", "_") / "model"): share
            for name, share in values["train"]["soup"].items()
        }
    recipe = make_recipe(values)
    context = Context(place / stem, device="cpu", workers=1, mirror=mirror, progress=silent)
    result = recipe.execute(context)
    assert recipe_of_run(result.folder) == recipe
    return result


# Each runs everywhere in a few seconds, on what is embedded; together they are of every kind. What the others add are
# numbers, data sets to be downloaded and combinations of parts that have tests of their own: see pytest -m slow.
ONE_OF_EACH = {
    "ablations",
    "completion",
    "design",
    "digits_vq",
    "evaluate",
    "figure4",
    "fit",
    "mnist_iwae",
    "sh3_evaluate",
    "sketches",
    "strategies",
    "tetrominoes_slots",
    "zinc250k_flow_second",
    "zinc250k_graph",
    "zinc250k_language_model",
}


@pytest.mark.parametrize("stem", RECIPES)
def test_shipped_recipe_is_understood(stem):
    recipe = read_recipe(RECIPES[stem])
    assert make_recipe(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize(
    "stem", [stem if stem in ONE_OF_EACH else pytest.param(stem, marks=pytest.mark.slow) for stem in RECIPES]
)
def test_shipped_recipe_runs(stem, place, few_scenes):
    beside = Path(os.environ.get("MOLVAE_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    result = execute(stem, place, beside if beside.is_dir() and stem not in ONE_OF_EACH else None)
    assert all(file.exists() for file in result.files.values())
    assert build(result.folder).stat().st_size > 1000


def test_every_kind_is_shipped_or_has_a_command():
    kinds = {stem: read_recipe(path).kind for stem, path in RECIPES.items()}
    assert set(KINDS) - set(kinds.values()) == {"samples", "images_evaluate"}
    chain = {"sh3": "proteins", "compress": "proteins_compress", "pretrain": "proteins_pretrain"}  # of sh3_evaluate
    assert {kinds[stem] for stem in ONE_OF_EACH} | set(chain.values()) == set(kinds.values())
