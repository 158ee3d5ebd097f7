"""Every study with settings that take a second or two, on embedded data."""

import functools
from dataclasses import replace

import numpy as np

from molvae.experiments.studies.registry import STUDIES, run_study, study_settings
from molvae.images.datasets import ImageData, load_images
from molvae.run.panels import Panel
from molvae.run.progress import silent

FIT = {"epochs": 2, "learning_rate": 5e-3, "warmup_steps": 5, "precision": "float32"}
NETWORK = {"hidden_size": 32, "depth": 1}
TRAIN = {"fit": FIT, "model": {"latent_size": 3, "network": NETWORK}, "validation_images": 50}
GREY = {**TRAIN, "binarisation": "none", "model": {**TRAIN["model"], "likelihood": "gaussian"}}
M2 = {"vae": {"latent_size": 3, "conditional": True, "network": NETWORK}, "classifier": NETWORK, "fit": FIT}
SCENES = {
    "fit": {**FIT, "epochs": 1},
    "batch_size": 100,
    "model": {"latent_size": 4, "network": {"hidden_size": 16, "depth": 1, "channels": 8}},
    "validation_images": 20,
}
SMALL = {
    "gradient_variance": {"train": TRAIN, "marks": [0, 5], "draws": 60, "batch": 10},
    "marginal_likelihood": {"train": TRAIN, "latent_sizes": [2, 6], "samples": [1, 10, 100], "images": 10},
    "inference": {"train": {**TRAIN, "binarisation": "threshold"}, "epochs": 3, "bottlenecks": [2, 4]},
    "aevb": {"train": TRAIN, "latent_sizes": [3], "draws": [1, 2], "batch_sizes": [100], "epochs": 1, "samples": 5},
    "likelihoods": {"train": GREY, "samples": 5},
    "collapse": {"train": TRAIN, "warmup_steps": 10},
    "half_rings": {
        "train": {**GREY, "model": {**GREY["model"], "latent_size": 2}},
        "seeds": [0],
        "pixels": 12,
        "samples": 5,
    },
    "latent_sizes": {"train": TRAIN, "latent_sizes": [2, 4]},
    "manifold": {"train": TRAIN, "side": 4},
    "classes": {"train": TRAIN, "components": 2},
    "analogies": {
        "train": {
            **TRAIN,
            "binarisation": "none",
            "model": {**TRAIN["model"], "conditional": True, "likelihood": "gaussian_fixed_sigma", "sigma": 0.3},
        },
        "given": [1, 3],
        "draws": 4,
        "shown": 2,
        "columns": 5,
    },
    "planes": {"train": TRAIN, "m2": M2, "latent_sizes": [2], "labels": 20, "side": 3, "images": 200},
    "completion": {
        "train": {**TRAIN, "fit": {**FIT, "epochs": 4}},
        "quadrants": [1, 3],
        "prior_shares": {"CVAE": 0, "GSNN": 1},
        "images": 40,
        "samples": 5,
        "shown": 2,
    },
    "discrete": {"train": TRAIN, "codes": [[4, 3], [6, 2]], "draws": 12, "batch": 10, "columns": 3},
    "class_sampling": {"m2": M2, "labels": 20, "seeds": 1, "classes": [2, 100], "steps": 3},
    "broadcast": {"train": SCENES, "images": 300, "steps": 3, "middle": 0.2},
    "slots": {
        "train": {**SCENES, "model": {"latent_size": 32, "network": {"hidden_size": 8, "channels": 8, "depth": 1}}},
        "models": ["slot attention", "variational slots"],
        "seeds": [0, 1],
        "objects": [2, 4],
        "scenes": 20,
        "shown": 2,
    },
    "vector_quantised": {
        "train": {
            "fit": FIT,
            "model": {
                "latent_size": 32,
                "network": {"kind": "grid", "levels": 1, "channels": 8, "depth": 1},
                "codebook": {"size": 8},
            },
            "validation_images": 50,
        },
        "prior": {"network": {"channels": 8, "layers": 2}, "fit": FIT},
        "images": 40,
        "columns": 4,
    },
    "discriminative": {
        "fit": FIT,
        "cnn": {"kind": "cnn", "channels": 8, "hidden_size": 16},
        "mlp": NETWORK,
        "vae": {"latent_size": 3, "network": NETWORK},
        "batch_size": 50,
        "samples": 2,
        "images": 300,
    },
    "attributes": {
        "train": {**SCENES, "model": {"latent_size": 4, "network": {"hidden_size": 16, "channels": 8}}},
        "judge": {"kind": "cnn", "hidden_size": 8, "channels": 8},
        "judge_fit": {**FIT, "epochs": 1},
        "images": 20,
        "columns": 3,
    },
    "generators": {
        "minutes": [0.002, 0.004],
        "vae": {"latent_size": 2, "likelihood": "discretised_logistic", "network": {"kind": "cnn", "channels": 8}},
        "gan_channels": 8,
        "diffusion_channels": 8,
        "diffusion_steps": 5,
        "short_steps": 2,
        "judge": {"kind": "cnn", "hidden_size": 8, "channels": 8},
        "judge_fit": {**FIT, "epochs": 1},
        "samples": 30,
        "bound_images": 5,
        "shown": 3,
    },
    "adversary": {
        "train": {**SCENES, "model": {"latent_size": 4, "network": {"hidden_size": 16, "channels": 8}}},
        "epochs": {"plain VAE": 1, "absolute error": 1, "with an adversary": 1},
        "adversary": {"channels": 8},
        "judge": {"kind": "cnn", "hidden_size": 8, "channels": 8},
        "judge_fit": {**FIT, "epochs": 1},
        "images": 100,
        "columns": 3,
    },
    "blur": {"train": SCENES, "widths": [8, 16], "images": 50, "columns": 3},
    "semi_supervised": {
        "labels": [20],
        "seeds": 2,
        "m1": TRAIN,
        "m2": M2,
        "m1m2": {**M2, "vae": {**M2["vae"], "likelihood": "gaussian_shared_sigma"}, "binarisation": "none"},
        "cnn_fit": FIT,
        "self_training": {"classifier": NETWORK, "fit": FIT},
    },
}


def run(name: str, device: str = "cpu", seed: int = 0, **changes: object) -> dict[str, Panel]:
    """The panels of a study by name."""
    settings = study_settings(name, SMALL[name] | changes)
    panels = run_study(name, settings, _data(STUDIES[name].data), seed, device, silent)
    return {panel.name: panel for panel in panels}


@functools.cache
def _data(name: str) -> ImageData:
    """A data set; of scenes and fonts, which cost time to draw and to train on, the first few."""
    data = load_images(name)
    if name == "fonts":  # ten, two and four families; four fonts of 36 classes each
        return replace(data, train=data.train[:1440], valid=data.valid[:288], test=data.test[:576])
    if name not in ("sprites", "tetrominoes"):
        return data
    return replace(data, train=data.train[:300], valid=data.valid[:50], test=data.test[:200])


def check(panels: dict[str, Panel]) -> None:
    assert panels
    for panel in panels.values():
        assert panel.title
        if panel.kind == "images":
            assert panel.array.ndim == 4 or panel.array.shape[4:] == (3,)
            assert np.isfinite(panel.array).all()
            assert panel.array.min() >= 0 and panel.array.max() <= 1
        else:
            assert len(panel.frame) and not panel.frame.isna().any().any()
