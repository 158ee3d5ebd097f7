"""How long a carbon chain can a model hold? Published records of penalised logP are long chains.

python pipelines/penalized_logp_chains.py [MODEL]

Encodes alkanes, decodes them again and prints the penalised logP (ZINC250k's normalisation) of what comes back, beside
the norm of z: nearly all of N(0, I) in D dimensions lies at sqrt(D).
"""

import argparse

from rdkit import Chem

from molvae.chemistry.properties import compute
from molvae.molecules.vae import MoleculeVAE
from molvae.weights import SEARCH_MODEL

LENGTHS = (8, 12, 16, 20, 30, 40, 60)
SCORE = "penalized_logP_zinc"


def score(smiles: str) -> float:
    return float(compute(Chem.MolFromSmiles(smiles), [SCORE])[SCORE])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=SEARCH_MODEL, help="shipped model or model folder")
    model = MoleculeVAE.from_pretrained(parser.parse_args().model)
    chains = ["C" * length for length in LENGTHS]
    z = model.encode(chains)
    decoded = model.decode(z)
    print(f"a prior point has a norm of about {model.config.latent_size**0.5:.1f}")
    print("carbons  norm of z  score  rebuilt  score of what came back")
    for length, chain, point, back in zip(LENGTHS, chains, z, decoded.itertuples(), strict=True):
        rebuilt = "yes" if back.smiles == chain else "no"
        value = f"{score(back.smiles):.1f}" if back.valid else "-"
        print(f"{length:7}  {float(point.norm()):9.1f}  {score(chain):5.1f}  {rebuilt:7}  {value}")


if __name__ == "__main__":
    main()
