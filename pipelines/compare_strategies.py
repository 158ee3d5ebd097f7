"""Run every strategy under the same budget on several seeds, and print the table of the README.

    python pipelines/compare_strategies.py runs/compare -i zinc250k --seeds 0 1 2

Each seed draws its own starting molecules from the input; within a seed all strategies share them. Starting
molecules count as calls. Finished runs are read, unfinished ones resumed.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from molvae.design.campaign import Campaign
from molvae.design.settings import CampaignConfig
from molvae.molecules.io import read_molecules
from molvae.molecules.vae import MoleculeVAE
from molvae.recipes import DATASETS, fetch_dataset

STRATEGIES = ("latent", "random", "screening", "gradient", "genetic")


def numbers(scores: np.ndarray, budget: int) -> dict[str, float]:
    """Best, mean of the top 10, and area under the top-10 curve (calls 10 to ``budget``) of scores in call order."""
    padded = np.concatenate([scores[:budget], np.full(max(0, budget - len(scores)), -np.inf)])
    curve = [np.sort(padded[:calls])[-10:].mean() for calls in range(10, budget + 1)]
    return {"best": float(padded.max()), "top 10": float(curve[-1]), "AUC top 10": float(np.mean(curve))}


def run_strategy(folder: Path, model: MoleculeVAE, start: pd.DataFrame, config: CampaignConfig) -> dict[str, float]:
    """One campaign, begun or resumed."""
    if (folder / "config.json").exists():
        campaign = Campaign.resume(folder, model)
    else:
        campaign = Campaign(model, start=start, folder=folder, config=config)
    with campaign:
        campaign.run()
        table = campaign.store.evaluations().sort_values("call")
        candidates = campaign.store.candidates()
        seconds = campaign.store.steps()["seconds"].sum()
        scores = campaign.oracle.sign * table["score"].fillna(-np.inf).to_numpy()
    judged = candidates[candidates["z"].notna()]
    valid = float((judged["status"] != "invalid").mean()) if len(judged) else float("nan")
    return numbers(scores, config.budget) | {"valid": valid, "calls": len(table), "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-i", "--input", default="zinc250k", help="data set name or molecule file")
    parser.add_argument("--mirror", type=Path, help="folder with the data set's files")
    parser.add_argument("-m", "--model", default="zinc250k")
    parser.add_argument("--objective", default="5*QED - SAS")
    parser.add_argument("--budget", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES), choices=STRATEGIES)
    arguments = parser.parse_args()

    model = MoleculeVAE.from_pretrained(arguments.model)
    named = arguments.input in DATASETS
    file = fetch_dataset(arguments.input, arguments.mirror)["train"] if named else Path(arguments.input)
    start = read_molecules(file).frame
    rows = []
    for seed in arguments.seeds:
        for strategy in arguments.strategies:
            config = CampaignConfig.create(
                {"objective": arguments.objective, "budget": arguments.budget, "strategy": strategy, "seed": seed}
            )
            result = run_strategy(arguments.folder / f"{strategy}-{seed}", model, start, config)
            rows.append({"strategy": strategy, "seed": seed, **result})
            print(pd.DataFrame(rows[-1:]).to_string(index=False, header=len(rows) == 1), flush=True)
    table = pd.DataFrame(rows)
    table.to_csv(arguments.folder / "table.csv", index=False)
    mean = table.drop(columns="seed").groupby("strategy", sort=False).mean()
    print(
        f"\nmean over seeds {arguments.seeds}, {arguments.objective}, {arguments.budget} calls\n"
        f"{mean.round(3).to_string()}"
    )


if __name__ == "__main__":
    main()
