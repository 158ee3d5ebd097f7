"""Molecules and settings that several tests share."""

MOLECULES = (
    "CCO",
    "CC(=O)Oc1ccccc1C(=O)O",
    "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "C[C@H](N)C(=O)O",
    "O=C([O-])c1ccccc1Br",
    "ClCC/C=C/CCl",
    "C1CC2CCC1CC2",
    "O=[N+]([O-])c1ccc(F)cc1",
    "CS(=O)(=O)c1ccncc1",
    "C#CCN1CCOCC1",
)
TINY_TRAINING = {
    "batch_size": 4,
    "model": {
        "latent_size": 4,
        "channels": 8,
        "dense_size": 8,
        "hidden_size": 16,
        "position_channels": 8,
        "flow_layers": 2,
        "flow_width": 8,
        "predictor_size": 8,
    },
    "fit": {"epochs": 1, "warmup_steps": 1},
    "validation": {"molecules": 5, "prior_samples": 5},
}
