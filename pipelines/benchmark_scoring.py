"""How well scoring uses all cores: molecules a second of QED and SAS in one process, and in one for each core.

    python pipelines/benchmark_scoring.py [--input molecules.smi] [--molecules 20000]

A script of its own, because every process that scores imports the script that started it: here that costs nothing.
"""

import argparse
import os
import time
from pathlib import Path


def main() -> None:
    from molvae.chemistry.domain import nci_molecules
    from molvae.chemistry.io import read_molecules
    from molvae.chemistry.properties import compute_many
    from molvae.run.progress import silent

    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--input", type=Path, help="file of molecules; default: RDKit's NCI compounds")
    options.add_argument("--molecules", type=int, default=20_000, help="how many are scored; repeated if need be")
    chosen = options.parse_args()
    smiles = (read_molecules(chosen.input).frame if chosen.input else nci_molecules())["smiles"].astype(str).tolist()
    many = (smiles * (1 + chosen.molecules // len(smiles)))[: chosen.molecules]
    cores = os.cpu_count() or 1

    def rate(processes: int) -> float:
        begun = time.perf_counter()
        compute_many(many, ("QED", "SAS"), processes, progress=silent)
        return len(many) / (time.perf_counter() - begun)

    one, all_cores = rate(1), rate(cores)
    print(f"one process    {one:6.0f} molecules/s")
    print(f"{cores} processes    {all_cores:6.0f} molecules/s, efficiency {all_cores / one / cores:.0%}")


if __name__ == "__main__":
    main()
