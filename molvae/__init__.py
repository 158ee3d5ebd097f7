"""molvae: variational autoencoders for molecules and images, and the search of their latent spaces.

    from molvae import Campaign, MoleculeVAE, load_model

    model = load_model("zinc250k-flow")
    z = model.encode(["CCO"])
    best = Campaign(load_model("zinc250k"), objective="5*QED - SAS", budget=500).run()

The map of the package, from what is built on everything to what everything is built on:

- :mod:`molvae.cli`: the command line: parse, build a recipe, execute it, print.
- :mod:`molvae.app`: the same in the browser: pages, and campaigns as processes of their own.
- :mod:`molvae.report`: a run folder -> figures and one offline HTML page.
- :mod:`molvae.experiments`: whole runs as recipes that execute themselves: design, training, evaluation, benchmark,
  ablations, figure 4, studies of the lecture.
- :mod:`molvae.design`: campaigns: objective, oracle, strategies, store.
- :mod:`molvae.activity`: models of the user's own measurements.
- :mod:`molvae.images`, :mod:`molvae.molecules`: the two siblings: networks, VAE, training, evaluation.
- :mod:`molvae.chemistry`: molecules without a network: properties, filters, grammar, files.
- :mod:`molvae.search`: the maximum of a black box over R^d.
- :mod:`molvae.core`: what every VAE shares: distributions, objectives, the training loop, samplers.
- :mod:`molvae.run`: what a run is: configuration, recipe, folder, device, progress.

Importing ``molvae`` imports none of it: the names below are looked up when they are first used.
"""

import importlib
from typing import Any

from molvae.version import __version__

_PUBLIC = {
    "ActivityModel": "molvae.activity.model",
    "Campaign": "molvae.design.campaign",
    "GraphVAE": "molvae.molecules.graph_vae",
    "ImageVAE": "molvae.images.vae",
    "MoleculeVAE": "molvae.molecules.vae",
    "Objective": "molvae.design.objective",
    "load_model": "molvae.core.pretrained",
}
# editors and type checkers read __init__.pyi
__all__ = ["ActivityModel", "Campaign", "GraphVAE", "ImageVAE", "MoleculeVAE", "Objective", "__version__", "load_model"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'molvae' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
