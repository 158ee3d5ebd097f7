"""How much memory and processor time table commands and ``data prepare`` take for files of different lengths.

    python pipelines/benchmark_streaming.py [--verbs score,validate] [--rows 10000,100000] [--model zinc250k-small]

Each command runs in a process of its own, on one core, over a generated .smi file of distinct molecules. Printed are
its largest resident memory and its processor time (of the whole process, the imports included). ``--molecules nci``
takes RDKit's NCI compounds, repeated, in place of the generated ones, whose size is not that of drugs.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

ATOMS = "CNOS"
OPTIONS = {
    "score": ["--objective", "MW", "-n", "1"],
    "score-qed": ["--objective", "5*QED - SAS", "-n", "1"],
    "validate": [],
    "encode": ["--no-refine"],
    "encode-refine": [],
    "decode": ["--n-decodings", "1"],
    "sample": [],
    "prepare": ["-n", "1"],
}


def generated(number: int) -> Iterator[str]:
    """Distinct chains: atoms that spell a number, between ends that tell where it begins."""
    for row in range(number):
        digits = [ATOMS[row >> shift & 3] for shift in range(0, 28, 2)]
        yield f"FC{'C'.join(digits)}CBr"


def drug_like(number: int) -> Iterator[str]:
    from molvae.chemistry.domain import nci_molecules

    yield from islice(cycle(nci_molecules()["smiles"].astype(str)), number)


def run(arguments: list[str], folder: Path) -> tuple[float, float, float]:
    """Seconds, seconds of the processor, and largest resident memory in MB of ``molvae ARGUMENTS``."""
    begun = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pid = os.posix_spawn(sys.executable, [sys.executable, "-m", "molvae", *arguments], environment)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise SystemExit(f"molvae {' '.join(arguments)} has failed")
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--verbs", default="score", help=", ".join(OPTIONS))
    options.add_argument("--rows", default="10000,100000")
    options.add_argument("--model", default="zinc250k-small", help="for encode, decode, sample and validate")
    options.add_argument("--molecules", choices=("generated", "nci"), default="generated")
    options.add_argument("--suffix", default="csv", help="of the output")
    chosen = options.parse_args()
    print(f"{'command':14s} {'rows':>9s} {'seconds':>8s} {'CPU s':>7s} {'rows/CPU s':>10s} {'peak MB':>8s}", flush=True)
    for name in chosen.verbs.split(","):
        for rows in map(int, chosen.rows.split(",")):
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                verb = name.split("-")[0]
                source, result = folder / "in.smi", folder / f"out.{chosen.suffix}"
                source.write_text(
                    "".join(
                        f"{text}\n"
                        for text in (generated(rows) if chosen.molecules == "generated" else drug_like(rows))
                    )
                )
                arguments = [verb, *OPTIONS[name], "-o", str(result), "-q"]
                if verb == "prepare":
                    arguments = ["data", "prepare", str(source), *OPTIONS[name], "--cache", str(folder / "cache"), "-q"]
                if verb == "sample":
                    arguments += ["-k", str(rows)]
                elif verb == "decode":
                    source = folder / "points.csv"
                    write_points(source, rows, chosen.model)
                if verb not in ("sample", "prepare"):
                    arguments += ["-i", str(source)]
                if verb not in ("score", "prepare"):
                    arguments += ["-m", chosen.model]
                seconds, used, memory = run(arguments, folder)
            print(f"{name:14s} {rows:9,d} {seconds:8.1f} {used:7.1f} {rows / used:10.0f} {memory:8.0f}", flush=True)


def write_points(path: Path, rows: int, model: str) -> None:
    """Draws from the prior, as ``molvae encode`` writes points."""
    import json

    import numpy as np
    import pandas as pd

    from molvae.weights import weights_folder

    size = json.loads((weights_folder(model) / "config.json").read_text())["model"]["latent_size"]
    points = np.random.default_rng(0).standard_normal((rows, size)).astype(np.float32)
    table = pd.DataFrame(points, columns=[f"z{index}" for index in range(size)])
    table.insert(0, "z_model", model)
    table.to_csv(path, index=False)


if __name__ == "__main__":
    main()
