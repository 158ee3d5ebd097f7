"""The smallest world that a campaign can live in: strings of six digits, and a latent space that rounds to them."""

import random
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import torch

from molvae.core.candidates import Candidate, PointCandidates, Prediction
from molvae.core.priors import StandardNormal
from molvae.run.config import Config


@dataclass(frozen=True)
class Digits:
    identity: str


class DigitFitting:
    """What must begin with a digit."""

    built_on = 20

    def __init__(self, first):
        self.first, self.what = first, f"begin with {first}"

    def fits(self, item):
        return item.identity.startswith(self.first)

    def seeds(self):
        return [Digits(self.first + "00000")]

    def fit(self, item, parents, seed):
        """The end of an item behind the first half of one that fits."""
        parent = parents[seed % len(parents)] if parents else self.seeds()[0]
        return Digits(parent.identity[:3] + item.identity[3:])


class DigitFilters(Config):
    forbid: str = ""
    first: str = ""
    counted: ClassVar[tuple[str, ...]] = ()

    @property
    def fitting(self):
        return DigitFitting(self.first) if self.first else None

    def reasons(self, item):
        other = [f"does not begin with {self.first}"] if not item.identity.startswith(self.first) else []
        return [f"contains {digit}" for digit in self.forbid if digit in item.identity] + other

    def alerts(self, item):
        return ["all the same"] if len(set(item.identity)) == 1 else []

    def counts(self, item):
        return {}


class DigitEvolution:
    """Changes one digit of one of the best."""

    def __init__(self, size, seed, fitting=None):
        self.size, self.random, self.best = size, random.Random(seed), []
        self.fitting, self.made_to_fit = fitting, set()

    def tell(self, items, scores):
        scored = {(-score, item.identity) for item, score in zip(items, scores, strict=True) if np.isfinite(score)}
        self.best = sorted(scored.union(self.best))[: self.size]

    def ask(self, count):
        texts = [list(self.random.choice(self.best[:10])[1]) for _ in range(count if self.best else 0)]
        for text in texts:
            text[self.random.randrange(6)] = str(self.random.randrange(10))
        return [self._fitted(Digits("".join(text))) for text in texts]

    def _fitted(self, item):
        if self.fitting is None or self.fitting.fits(item):
            return item
        made = self.fitting.fit(item, [Digits(text) for _, text in self.best], 0)
        self.made_to_fit.add(made)
        return made

    def state(self):
        return {"random": self.random.getstate()}

    def load_state(self, state):
        version, internal, gauss = state["random"]
        self.random.setstate((version, tuple(internal), gauss))


class DigitBreeder:
    """Changes one digit."""

    def offspring(self, draw, count, rng, known):
        children = {}
        for _ in range(count):
            text = list(draw().identity)
            text[rng.randrange(6)] = str(rng.randrange(10))
            children["".join(text)] = DigitDomain().features(Digits("".join(text)))
        return [(text, features) for text, features in children.items() if text not in known]


class DigitDomain:
    name, column, suffix = "digits", "digits", ".txt"
    properties, targets, tasks = ("sum", "ones"), (), {"two_ones": "sum - 3*abs(ones - 2)"}
    default_objective, default_strategy = "sum", "latent"
    reported, filter_settings, state = ("sum", "ones"), DigitFilters, ""
    evolution, breeder = staticmethod(DigitEvolution), staticmethod(DigitBreeder)

    def features(self, item):
        return np.array([10 * place + int(digit) for place, digit in enumerate(item.identity)])

    def restored(self, state):
        return self

    def parse(self, text):
        text = text.replace(" ", "")
        return (Digits(text), "") if len(text) == 6 and set(text) <= set("0123456789") else (None, "not six digits")

    def is_property(self, name):
        return name in self.properties

    def compute(self, item, names):
        values = {"sum": float(sum(map(int, item.identity))), "ones": float(item.identity.count("1"))}
        return {name: values[name] for name in names}

    def files_behind(self, names):
        return {}

    def scaffold(self, item):
        return item.identity[:2]

    def filters(self, settings):
        return settings

    def similarity(self, rows, columns):
        """Share of equal digits: a sum of kernels, and so positive definite."""
        left, right = (np.array([list(item.identity) for item in part]).reshape(-1, 6) for part in (rows, columns))
        return (left[:, None] == right).mean(-1)

    def draw(self, text, width, height):
        return f"<svg width='{width}' height='{height}'><rect width='{sum(map(int, text))}' height='9'/></svg>"

    def write(self, table, folder, stem):
        table.to_csv(folder / f"{stem}.csv", index=False)

    def default_start(self):
        return pd.DataFrame({"digits": [f"{n:06d}" for n in np.random.default_rng(0).integers(0, 10**6, 500)]})


class DigitModel:
    """z (n, 6) -> the digits round(2 z + 4); what is rounded to less than 0 or more than 9 is invalid."""

    domain, name, latent_size, known = DigitDomain(), "rounding", 6, frozenset({"444444"})
    prior, predicted_properties = StandardNormal(6), ("sum",)

    def fingerprint(self):
        return "rounding"

    def accepts(self, item):
        return "unlucky" if item.identity.startswith("13") else None

    def encode(self, items):
        return torch.tensor([[(int(digit) - 4) / 2 for digit in item.identity] for item in items])

    def propose(self, z, n, seed, temperature=1.0):
        noise = 0.3 * temperature * torch.randn(n, *z.shape, generator=torch.Generator().manual_seed(seed))
        noise[0] = 0  # the first decoding is greedy
        return [self._point(rows) for rows in (2 * (z + noise) + 4).round().int().transpose(0, 1).tolist()]

    def _point(self, rows):
        texts = ["".join(map(str, row)) for row in rows]
        votes = Counter(item for text in texts if (item := self.domain.parse(text)[0]) is not None)
        candidates = tuple(Candidate(item, number) for item, number in votes.most_common())
        return PointCandidates(candidates, "" if candidates else "not six digits", texts[0])

    def predict(self, z):
        mean = (2 * z + 4).sum(-1, keepdim=True)
        return Prediction(("sum",), mean, torch.ones_like(mean))
