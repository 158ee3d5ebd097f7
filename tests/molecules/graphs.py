"""Molecules without stereo marks, and a small graph VAE, that several tests share."""

import torch

from molvae.chemistry.molecule import canonical
from molvae.molecules.cluster_vocabulary import ClusterVocabulary
from molvae.molecules.graph_vae import GraphVAE, GraphVAEConfig
from molvae.molecules.tree_data import build_arrays
from molvae.run.progress import silent

GRAPHS = tuple(
    str(canonical(text))
    for text in (
        "CCO",
        "CC(=O)Oc1ccccc1C(=O)O",
        "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
        "CC(N)C(=O)O",
        "O=C([O-])c1ccccc1Br",
        "C1CCC2(CC1)OCCO2",
        "C1CC2CCC1CC2",
        "O=[N+]([O-])c1ccc(F)cc1",
        "CS(=O)(=O)c1ccncc1",
        "C#CCN1CCOCC1",
        "c1ccc2[nH]ccc2c1",
        "CC(C)(C)c1ccc(O)cc1",
    )
)


def small_graph_model(seed: int = 0, **shape: object) -> GraphVAE:
    """An untrained model with few weights, in eval mode."""
    sizes = {"latent_size": 6, "embedding_size": 8, "site_size": 4, "graph_size": 8, "encoder_size": 12}
    sizes |= {"narrow_size": 4, "dense_size": 16, "decoder_size": 16, "position_size": 4, "output_size": 16}
    torch.manual_seed(seed)
    vocabulary = ClusterVocabulary.build(build_arrays(GRAPHS, progress=silent))
    return GraphVAE(GraphVAEConfig.create({**sizes, "predictor_size": 8, **shape}), vocabulary).eval()
