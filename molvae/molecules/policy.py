"""A language model of SMILES that is taught to write what scores high: REINVENT with augmented memory.

The agent begins as the prior. After each batch its weights follow the gradient of

    (log p_prior(x) + sigma s(x) - log p_agent(x))^2

(Olivecrona et al. 2017, "Molecular de-novo design through deep reinforcement learning", eq. 8; s lies between 0 and 1).
The best that is known is replayed in other spellings, SMILES that start at random atoms (Guo & Schwaller 2024,
"Augmented memory"): some more can be learnt of a molecule without paying for another.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor

from molvae.molecules.dataset import MoleculeDataset
from molvae.molecules.language_model import LanguageModel
from molvae.run.seeds import short_seed, step_seed

_LARGEST = 2**31 - 1  # seed that RDKit takes


@dataclass(frozen=True)
class PolicyConfig:
    """How the agent learns.

    Attributes:
        sigma: weight of the score beside log p of the prior, in nats.
        learning_rate: of Adam.
        memory: how many of the best are remembered.
        replayed: how many of these are learnt again beside each batch, as they are written canonically.
        rounds: how often, after a batch, all of them are learnt in other spellings.
    """

    sigma: float = 500.0
    learning_rate: float = 5e-4
    memory: int = 100
    replayed: int = 24
    rounds: int = 2


class Policy:
    """An agent and what it remembers.

    Args:
        prior: what it begins as; is left as it is.
        config: how it learns.
    """

    def __init__(self, prior: LanguageModel, config: PolicyConfig | None = None) -> None:
        self.prior, self.config = prior.requires_grad_(False), config or PolicyConfig()
        self.agent = copy.deepcopy(prior).requires_grad_(True)
        self.optimizer = torch.optim.Adam(self.agent.parameters(), lr=self.config.learning_rate)
        self.memory: dict[str, float] = {}

    def sample(self, count: int, seed: int) -> list[str]:
        """SMILES that the agent writes, under the valence mask; RDKit may still refuse one."""
        return self.agent.sample(count, torch.Generator().manual_seed(seed))

    def learn(self, texts: Sequence[str], scores: Sequence[float], seed: int) -> None:
        """Follow the scores of a batch, and those of the best so far once more.

        Args:
            texts: canonical SMILES.
            scores: theirs, between 0 and 1 where it matters.
            seed: of what is replayed and how it is spelt.
        """
        new = dict(zip(texts, map(float, scores), strict=True))
        rng = np.random.default_rng(seed)
        again = [text for text in self.memory if text not in new]
        drawn = [again[row] for row in rng.permutation(len(again))[: self.config.replayed]]
        self._follow({**new, **{text: self.memory[text] for text in drawn}})
        known = self.memory | new
        best = sorted(known, key=lambda text: (-known[text], text))[: self.config.memory]
        self.memory = {text: known[text] for text in best}
        for turn in range(self.config.rounds):
            self._follow({other_spelling(text, step_seed(seed, turn)): score for text, score in self.memory.items()})

    def _follow(self, scores: dict[str, float]) -> None:
        """One step along the gradient."""
        dataset, refused = MoleculeDataset.build(list(scores), self.prior.vocabulary)
        if not len(dataset):
            return
        s = torch.tensor([score for row, score in enumerate(scores.values()) if row not in refused])
        batch = dataset.batch(np.arange(len(dataset)))
        with torch.no_grad():
            wanted: Tensor = self.prior.log_prob(batch) + self.config.sigma * s
        loss = (wanted - self.agent.log_prob(batch)).square().mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()


def other_spelling(smiles: str, seed: int) -> str:
    """The molecule's SMILES from a random atom on, in a random order of branches; the SMILES itself if it is none."""
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        return smiles
    return str(Chem.MolToRandomSmilesVect(mol, 1, randomSeed=1 + short_seed(seed) % _LARGEST)[0])  # 0 is no seed
