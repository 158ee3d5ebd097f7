"""Models of the user's own measurements: from an assay table to predictions that say how sure they are.

A Gaussian process on fingerprints, on the latent points of a VAE, or on both, chosen by the data (:mod:`.process`),
validated on molecules and scaffolds that it has not seen (:mod:`.validation`), kept in a folder (:mod:`.model`).
"""
