"""The two protocols that a campaign lives on: a model of a latent space, and the domain of what it decodes to.

A campaign knows neither SMILES nor amino acids. A :class:`Domain` says what a candidate *is* (how it is read, compared,
judged, measured, mutated, drawn and written), a :class:`Model` where it lies in latent space and what lies at a point.
Molecules, graphs and proteins each provide both; ``tests/design/digits.py`` shows how little it takes.
"""

import random
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from molvae.core.candidates import PointCandidates, Prediction
from molvae.core.distributions import Prior
from molvae.core.terms import Terms
from molvae.run.panels import Panel
from molvae.run.progress import Progress


class Fitting(Protocol):
    """Makes items fit what they must be like, around a lead for example; all of it a function of the arguments.

    Attributes:
        built_on: how many of the best items that fit candidates are made of.
    """

    built_on: int

    @property
    def what(self) -> str:
        """In words, what an item does that fits: ``keep the scaffold c1ccccc1*``."""

    def fits(self, item: Any) -> bool:
        """Whether an item is like that; the other filters are not asked."""

    def seeds(self) -> Sequence[Any]:
        """Items that fit from the beginning, such as the lead."""

    def fit(self, item: Any, parents: Sequence[Any], seed: int) -> Any | None:
        """An acceptable item that has something of one that does not fit, or None.

        Args:
            item: whose parts are to be used.
            parents: items that fit, best first; the earlier, the more often they are built on.
            seed: of all choices.
        """


class Filters(Protocol):
    """Which valid items are acceptable.

    Attributes:
        counted: names of what :meth:`counts` counts.
    """

    counted: Sequence[str]

    @property
    def fitting(self) -> Fitting | None:
        """What makes items fit, if the settings ask for more than items can be expected to fulfil by chance."""

    def reasons(self, item: Any) -> Sequence[str]:
        """Why an item is refused; empty if it passes."""

    def alerts(self, item: Any) -> Sequence[str]:
        """What to warn of without refusing it, such as structural alerts."""

    def counts(self, item: Any) -> Mapping[str, int]:
        """Whole numbers that stand beside a verdict, such as violations of a rule."""


class Evolution(Protocol):
    """A genetic algorithm over items, as ask and tell; its state is JSON."""

    @property
    def made_to_fit(self) -> Collection[Any]:
        """What was asked for in this process and was made to fit; for the record."""

    def tell(self, items: Sequence[Any], scores: Sequence[float]) -> None: ...
    def ask(self, count: int) -> Sequence[Any]: ...
    def state(self) -> dict[str, Any]: ...
    def load_state(self, state: dict[str, Any]) -> None: ...


class Breeder(Protocol):
    """Offspring of items by the thousand, for a search that looks at more than it asks for."""

    def offspring(
        self, draw: Callable[[], Any], count: int, rng: random.Random, known: Container[str]
    ) -> list[tuple[str, np.ndarray]]:
        """Up to ``count`` new texts that are not ``known``, each with its :meth:`Domain.features`; ``draw`` gives
        parents.
        """


class Domain(Protocol):
    """What the candidates of a campaign are; worker processes know those of :data:`molvae.design.domains.DOMAINS`.

    Attributes:
        name: as run folders record it, ``"molecules"``.
        column: of a candidate's text in tables, ``"smiles"``.
        suffix: of plain files that hold one candidate a line, ``".smi"``.
        properties: names that :meth:`compute` knows.
        targets: kinds of properties that are made for an argument, ``similarity`` in ``similarity('celecoxib')``.
        tasks: named objectives, name -> formula.
        default_objective: what is optimised when nobody says otherwise.
        default_strategy: how it is searched when nobody says otherwise.
        reported: properties that are recorded beside every score.
        filter_settings: class of the settings of :meth:`filters`, a :class:`~molvae.run.config.Config`.
    """

    name: str
    column: str
    suffix: str
    properties: Collection[str]
    targets: Collection[str]
    tasks: Mapping[str, str]
    default_objective: str
    default_strategy: str
    reported: tuple[str, ...]
    filter_settings: type[Any]

    @property
    def state(self) -> str:
        """What this instance holds, as text from which :meth:`restored` makes it again in another process."""

    def restored(self, state: str) -> "Domain":
        """The domain that has this :attr:`state`."""

    def parse(self, text: str) -> tuple[Any | None, str]:
        """The :class:`~molvae.core.candidates.Item` that a text stands for, or None and the reason; never raises.

        Its identity, parsed, gives an equal item that behaves the same in every way: a resumed campaign has only that.
        """

    def target(self, kind: str, argument: str) -> str:
        """The name of a property that is made for an argument, such as ``similarity('celecoxib')``.

        Raises:
            ConfigError: an argument that this kind does not take.
        """

    def is_property(self, name: str) -> bool:
        """Whether :meth:`compute` knows it."""

    def compute(self, item: Any, names: Sequence[str]) -> dict[str, float]:
        """Properties of an item; NaN, or an exception that says more, where one is not defined.

        There may be more than was asked for: what is to be recorded beside it, such as how sure a prediction is.
        """

    def files_behind(self, names: Sequence[str]) -> Mapping[str, str]:
        """Checksums of files that properties are computed from; a campaign goes on only with the very same."""

    def scaffold(self, item: Any) -> str:
        """What items of one family have in common, such as the Murcko scaffold of molecules."""

    def filters(self, settings: Any) -> Filters:
        """Judges of a campaign, from an instance of ``filter_settings``."""

    def evolution(self, population_size: int, seed: int, fitting: Fitting | None = None) -> Evolution:
        """The genetic algorithm that serves as the baseline; offspring that does not fit is made to."""

    def breeder(self) -> Breeder:
        """Edits of items, for the inner loop of a search."""

    def features(self, item: Any) -> np.ndarray:
        """What an item has, (k,) distinct non-negative whole numbers, k > 0: the Jaccard index of two such sets is a
        similarity that predicts well.
        """

    def similarity(self, rows: Sequence[Any], columns: Sequence[Any]) -> np.ndarray:
        """A positive definite similarity of items, (n, m) in double, ones for equal items (Tanimoto of counts)."""

    def draw(self, text: str, width: int, height: int) -> str:
        """An SVG without any text of the user, or an empty string."""

    def read(self, path: Path, column: str | None = None) -> pd.DataFrame:
        """A file of candidates: ``column`` of the domain, ``line``, and all other columns of the file.

        Raises:
            InputError: the file cannot be used.
        """

    def write(self, table: pd.DataFrame, folder: Path, stem: str) -> Mapping[str, Path]:
        """Write a table in the formats of the domain, one of them ``<stem>.csv``; paths by what they are."""

    def default_start(self) -> pd.DataFrame:
        """Embedded candidates to begin with when the user gives none."""


@runtime_checkable
class Illustrated(Protocol):
    """A domain with pictures of its own in the report of a campaign."""

    def panels(self, table: pd.DataFrame) -> Sequence[Panel]:
        """Panels of what was scored, best first; the columns are those of the campaign's table."""


@runtime_checkable
class Model(Protocol):
    """A latent space with a way in and a way out.

    Shape letters: n points or items, D latent dimensions.
    """

    @property
    def prior(self) -> Prior:
        """p(z)"""

    @property
    def latent_size(self) -> int:
        """D"""

    @property
    def domain(self) -> Domain:
        """What it decodes to."""

    @property
    def name(self) -> str:
        """By which it is loaded again: a shipped name or a folder."""

    @property
    def known(self) -> Container[str] | None:
        """Identities of the training set, for novelty; None if they were not kept."""

    def fingerprint(self) -> str:
        """A hash of all weights: a campaign goes on only with the very model that it began with."""

    def accepts(self, item: Any) -> str | None:
        """Why the model cannot hold an item, or None."""

    def encode(self, items: Sequence[Any]) -> Tensor:
        """Posterior means (n, D) of accepted items."""

    def propose(self, z: Tensor, n: int, seed: int, temperature: float = 1.0) -> list[PointCandidates]:
        """What each point (n, D) decodes to in ``n`` decodings, most frequent first; reproducible from the seed."""

    @property
    def predicted_properties(self) -> tuple[str, ...]:
        """Properties that :meth:`predict` knows; empty if there is no predictor."""

    def predict(self, z: Tensor) -> Prediction | None:
        """Properties at points (n, D), differentiable in z; None without a predictor."""


@runtime_checkable
class RefiningModel(Model, Protocol):
    """A model that can move an encoding until it decodes to its item."""

    def refine(self, items: Sequence[Any], z: Tensor, *, progress: Progress) -> Tensor:
        """Points (n, D), moved until they decode to their accepted items, each as if it were alone."""


@runtime_checkable
class TrainableModel(Model, Protocol):
    """What strategies need that train the model during the search; it is a :class:`torch.nn.Module` too."""

    def batch(self, items: Sequence[Any]) -> Any:
        """A training batch of accepted items, on the model's device."""

    def terms(self, x: Any, samples: int = 1, generator: torch.Generator | None = None) -> Terms:
        """The terms of the bound of a batch."""


class Policy(Protocol):
    """A generator of items that learns from their scores."""

    def sample(self, count: int, seed: int) -> list[str]:
        """Texts that it writes now; some may stand for no item."""

    def learn(self, texts: Sequence[str], scores: Sequence[float], seed: int) -> None:
        """Take in identities with scores that lie between 0 and 1, or nearly."""


@runtime_checkable
class PolicyModel(Model, Protocol):
    """What policy gradients need."""

    def policy(self) -> Policy:
        """A generator of items of the model's domain that has learnt nothing from scores yet."""
