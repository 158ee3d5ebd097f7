"""A model of measured function: kernel ridge regression on what a sequence has, without an alignment.

    f(x) = mean + sum_i a_i k(x, x_i)        k: MinMax similarity of residues, pairs and triplets, to a power

Far from all that was measured k vanishes and f is the mean of the measurements: a sequence that looks like none of them
cannot score high. It knows no latent space, so a search that maximises it is not marking its own homework.
"""

import csv
import io
from collections.abc import Sequence

import numpy as np

from molvae.errors import CheckpointError, InputError
from molvae.proteins.kmers import jaccard, membership, similarity
from molvae.proteins.sequence import Protein

POWER = 3.0
"""Of the similarity in the kernel: how quickly what is known fades."""
RIDGE = 0.1
"""Added to the diagonal of the kernel: noise of a measurement over the spread of the function."""


class FunctionModel:
    """A fitted model; make one with :meth:`fit`.

    Args:
        sequences: x_i, n of them.
        weights: a_i, (n,)
        mean: of the measurements.
        name: of what was measured.
    """

    def __init__(self, sequences: Sequence[str], weights: np.ndarray, mean: float, name: str) -> None:
        self.sequences, self.weights, self.mean, self.name = list(sequences), weights, mean, name
        self._membership = membership(self.sequences)

    @classmethod
    def fit(
        cls, sequences: Sequence[str], values: np.ndarray, name: str = "function", most: int = 3000, seed: int = 0
    ) -> "FunctionModel":
        """Fit to measurements.

        Args:
            sequences: valid sequences, n of them.
            values: (n,); rows without a number are left out.
            name: of what was measured.
            most: measurements that the model may hold. Of more than so many the largest tenth is kept and the others
                are drawn.
            seed: of the draw.

        Raises:
            InputError: fewer than ten measurements.
        """
        known = np.flatnonzero(np.isfinite(values))
        if len(known) < 10:
            raise InputError(f"a model of {name} needs at least ten measured sequences, not {len(known)}")
        if len(known) > most:
            order = known[np.argsort(-values[known], kind="stable")]
            best, others = order[: most // 10], order[most // 10 :]
            drawn = np.random.default_rng(seed).choice(others, most - len(best), replace=False)
            known = np.sort(np.concatenate([best, drawn]))
        chosen = [sequences[row] for row in known.tolist()]
        mean = float(values[known].mean())
        kernel = similarity(chosen, chosen) ** POWER
        weights = np.linalg.solve(kernel + RIDGE * np.eye(len(chosen)), values[known] - mean)
        return cls(chosen, weights, mean, name)

    def distilled(self, sequences: Sequence[str]) -> "FunctionModel":
        """A model of what this one predicts of other sequences, with none of its own in it.

        Fitted to sequences that a VAE of the family writes, it can be passed on where the measured ones cannot.

        Args:
            sequences: valid sequences, n of them; of those that it holds nothing is taken.

        Raises:
            InputError: fewer than ten are left.
        """
        own = set(self.sequences)
        others = [text for text in sequences if text not in own]
        return FunctionModel.fit(others, self(others), self.name)

    def __call__(self, sequences: Sequence[str]) -> np.ndarray:
        """Predictions (n,) in the unit of the measurements."""
        if not sequences:
            return np.empty(0)
        result: np.ndarray = self.mean + jaccard(membership(sequences), self._membership) ** POWER @ self.weights
        return result

    def to_csv(self) -> str:
        """The model as a table: the first row has the mean and the name, the others a sequence and its weight."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["sequence", "weight"])
        writer.writerow([f"mean of {self.name}", repr(self.mean)])
        writer.writerows(
            [sequence, f"{weight:.9g}"] for sequence, weight in zip(self.sequences, self.weights, strict=True)
        )
        return text.getvalue()

    @classmethod
    def from_csv(cls, text: str) -> "FunctionModel":
        """Read what :meth:`to_csv` wrote.

        Raises:
            CheckpointError: it is damaged.
        """
        try:
            rows = list(csv.reader(io.StringIO(text)))[1:]
            (name, mean), rest = rows[0], rows[1:]
            sequences = [sequence for sequence, _ in rest]
            weights = np.array([float(weight) for _, weight in rest])
            number = float(mean)
        except (csv.Error, IndexError, ValueError) as error:
            raise CheckpointError(f"the function model is damaged ({error}): get the model folder again") from None
        sound = sequences and np.isfinite(weights).all() and all(Protein.parse(text)[0] for text in sequences)
        if not sound:
            raise CheckpointError("the function model is damaged: get the model folder again")
        return cls(sequences, weights, number, name.removeprefix("mean of "))
