"""The best molecule of ZINC250k for each task of PMO: what screening all of it would find.

python pipelines/pmo_library.py [TASK ...] [--mirror FOLDER] [--limit N]

Prints a line a task, for the table `benchmark.library_best` of `pipelines/pmo.toml`. The two hops are left out unless
they are named: their pharmacophores take some tens of milliseconds a molecule, hours for all.
"""

import argparse
from pathlib import Path

from molvae.chemistry.domain import MOLECULES
from molvae.chemistry.molecule import Molecule
from molvae.chemistry.properties import find_property
from molvae.chemistry.tasks import PMO
from molvae.design.objective import Objective
from molvae.experiments.data import read_dataset
from molvae.run.progress import on_stderr, track

SLOW = ("deco_hop", "scaffold_hop")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=[name for name in PMO if name not in SLOW])
    parser.add_argument("--mirror", type=Path, help="folder with the files of the data set")
    parser.add_argument("--limit", type=int, help="only so many molecules of each part")
    options = parser.parse_args()
    parts = [read_dataset("zinc250k", part, None, options.mirror) for part in ("train", "valid", "test")]
    smiles = [text for part in parts for text in part["smiles"].head(options.limit or len(part))]
    objectives = {task: Objective.parse(task, domain=MOLECULES) for task in options.tasks}
    names = sorted({name for objective in objectives.values() for name in objective.properties})
    functions = {name: find_property(name).function for name in names}
    best = dict.fromkeys(objectives, (-1.0, ""))
    for text in track(smiles, "molecules", len(smiles), on_stderr):
        molecule, _ = Molecule.parse(text)
        if molecule is None:
            continue
        values = {name: float(function(molecule.mol)) for name, function in functions.items()}
        for task, objective in objectives.items():
            best[task] = max(best[task], (float(objective.evaluate(values)), molecule.smiles))
    for task, (score, found) in best.items():
        print(f"{task} = {score:.4f}  # {found}")


if __name__ == "__main__":
    main()
