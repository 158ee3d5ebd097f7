"""Molecules that several tests share."""

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
