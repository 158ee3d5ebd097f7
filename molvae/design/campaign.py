"""A design campaign: ask -> decode -> validate -> score -> tell, resumable at every step.

Whatever a campaign does next is a function of its settings, its seed and the answers of the oracle. Candidates are
stored before they are scored, every answer is stored before it is used, and a step is closed only when the strategy
knows its outcomes. A campaign killed at any moment therefore goes on from its folder, pays for nothing twice, and ends
with the result that it would have had.
"""

import contextlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from molvae.design.asynchronous import MAX_STALLED, Flight
from molvae.design.batch import BatchChooser
from molvae.design.latent_space import LatentSpace, load_searchable
from molvae.design.objective import Objective
from molvae.design.oracle.of_campaign import make_scorer, oracle_setting
from molvae.design.oracle.oracle import Oracle
from molvae.design.oracle.remote import MANY, Place
from molvae.design.oracle.scorers import NamedScorer
from molvae.design.protocols import Model
from molvae.design.settings import CampaignConfig
from molvae.design.start import Start, select_start
from molvae.design.store import CampaignStore, CandidateRecord, Evaluation
from molvae.design.strategies.base import Outcome, Setup, Suggestion
from molvae.design.strategies.registry import STRATEGIES
from molvae.design.validation import Validator
from molvae.errors import BudgetExhausted, ConfigError, InputError, RunFolderError
from molvae.run.drawn import drawn
from molvae.run.folder import CONFIG, new_run_name, open_run_folder, read_run
from molvae.run.progress import Event, Progress, on_stderr

STORE = "campaign.sqlite"
CONFIRMED = "confirmed.sqlite"  # what was scored once more at full fidelity
TOLD = "told"  # origin of what was scored without having been asked for


class Campaign:
    """One optimisation of one objective under one budget, in one run folder.

        campaign = Campaign(model, objective="5*QED - SAS", start=table, budget=500)
        campaign.run()                                  # with the built-in or a custom oracle
        table = campaign.ask(10); campaign.tell(table)  # or with scores from elsewhere

    A folder that holds this very campaign, with the same settings, model and start, is entered again: it goes on.

    Args:
        model: the autoencoder; it says of which domain the candidates are.
        objective: formula over properties; with an ``oracle`` it may use the names that the oracle answers with.
        start: what to begin with: a table with the column of the domain (``smiles``), or a list of texts; default: that
            of the domain (RDKit's NCI set), or what the folder began with. More than ``config.start_size`` are sampled;
            the others are the pool of the screening baseline.
        budget: oracle calls in all, those of the start included.
        folder: run folder; default ``runs/design-<date>-<time>``.
        oracle: ``module:function``, ``command: ...``, ``dock:...``, a Python callable text -> float, or a
            :class:`~molvae.design.oracle.scorers.Scorer`; default: the objective.
        config: all further settings; the arguments above and ``overrides`` win over it.
        progress: told how far it has come.
        workers: processes for scoring; 0: as the settings say.
        executor: where the oracle runs in place of such processes: a :class:`~molvae.design.oracle.cluster.Cluster`, or
            any :class:`concurrent.futures.Executor`; it is not closed with the campaign.
        origin: what the run folder is to record beside settings and model, such as the file of the start.
        overrides: single settings of :class:`CampaignConfig`.

    Raises:
        ConfigError: settings contradict each other.
        InputError: nothing to begin with is left.
        RunFolderError: the folder holds another run.
    """

    def __init__(
        self,
        model: Model,
        objective: str | None = None,
        start: pd.DataFrame | Sequence[str] | None = None,
        budget: int | None = None,
        folder: str | Path | None = None,
        oracle: Any = None,
        config: CampaignConfig | None = None,
        progress: Progress = on_stderr,
        workers: int = 0,
        executor: Place | None = None,
        origin: Mapping[str, Any] | None = None,
        **overrides: Any,
    ) -> None:
        named = oracle_setting(oracle)
        config = (config or CampaignConfig()).replace(objective=objective, budget=budget, oracle=named, **overrides)
        folder = Path(folder) if folder is not None else new_run_name("design")
        self._enter(folder, model, config.for_domain(model.domain), start, oracle, progress, workers, executor, origin)

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        model: Model | None = None,
        oracle: Any = None,
        progress: Progress = on_stderr,
        workers: int = 0,
        executor: Place | None = None,
    ) -> Self:
        """Go on with the campaign of a run folder.

        Args:
            folder: the run folder.
            model: default: the model that the run names.
            oracle: only if the campaign was started with a Python callable: the same one.
            progress: told how far it has come.
            workers: processes for scoring; 0: as the settings say.
            executor: where the oracle runs, as for a new campaign; it need not be where it ran before.

        Raises:
            RunFolderError: no campaign, a damaged one, or the model is not the one that it began with.
        """
        folder = Path(folder)
        record = read_run(folder, "design")
        try:
            config = CampaignConfig.create(record.settings["campaign"])
            name = str(record.settings["model"])
        except (KeyError, TypeError, ConfigError) as error:
            raise RunFolderError(f"{folder}/{CONFIG} cannot be used: {error}") from None
        self = cls.__new__(cls)
        loaded = load_searchable(name) if model is None else model
        self._enter(folder, loaded, config, None, oracle, progress, workers, executor)
        return self

    def baseline(self, strategy: str) -> "Campaign":
        """The same campaign with another strategy, in ``<run>/baselines/<strategy>``; it goes on if it was begun.

        Model, objective, oracle, start, filters, budget and seed are the same.
        """
        other = Campaign.__new__(Campaign)
        config = self.config.replace(strategy=strategy, baselines=(), pareto=())
        folder = self.folder / "baselines" / strategy
        other._enter(
            folder, self.model, config, self.start, self._given_oracle, self.progress, self.workers, self.executor
        )
        return other

    def _enter(
        self,
        folder: Path,
        model: Model,
        config: CampaignConfig,
        start: Start | pd.DataFrame | Sequence[str] | None,
        oracle: Any,
        progress: Progress,
        workers: int,
        executor: Place | None = None,
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        """Make the folder, or go on in it; everything that can be wrong with the settings shows before it is made."""
        self.folder, self.model, self.config, self.progress = folder, model, config, progress
        self.domain, self.workers, self.executor = (domain := model.domain), workers, executor
        self._given_oracle = oracle
        self.objective, self.preselect = config.parsed_objective(domain), config.parsed_preselect(domain)
        files = self._files_behind()  # before anything is computed with them
        filters = domain.filters(domain.filter_settings.create(config.filters))
        self.validator = Validator(domain, model.known, filters, config.require_novel)
        self.space = LatentSpace(
            model,
            self.objective,
            config.n_decodings,
            config.temperature,
            config.seed,
            filters.fitting,
            refine=config.refine,
        )
        begun = (folder / CONFIG).exists()
        if isinstance(start, Start):
            self.start = start
        elif begun and start is None:
            self.start = Start.read(folder, domain)
        else:
            self.start = select_start(model, start, config, filters, progress)
        self.strategy = STRATEGIES[config.chosen_strategy](Setup(self.space, self.start.pool, config))
        self.scorer = make_scorer(config, self.objective, domain, oracle, workers or _workers(config), executor)
        self._items: dict[str, Any] = {item.identity: item for item in self.start.items}
        self._verdicts: dict[Any, tuple[str, str]] = {}  # validation searches for patterns and is slow
        self.batches = BatchChooser(domain, config.diversity, self.preselect, self._is_known, self.verdict, progress)
        self.stalled = 0
        self._proposed = 0  # the last step in which this process made the strategy propose
        self._answered = sys.maxsize  # calls that had been answered when it was to propose
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(self.scorer.close)
            if not begun:  # config.json makes a folder a run, so it comes last: what was killed before it begins again
                self.start.write(folder, domain.suffix)
            before = read_run(folder, "design").settings if begun else {}
            # the weights decide whether it is the same model, wherever they lie by now
            name = before.get("model", model.name)
            settings = {**before, **(origin or {}), "model": name, "campaign": config.model_dump(mode="json")}
            facts: dict[str, Any] = {
                "model": model.fingerprint(),
                "domain": domain.name,
                "start": self.start.checksum(),
            }
            if files:
                facts["files"] = files
            if isinstance(self.scorer, NamedScorer):
                facts["oracle"] = self.scorer.oracle.facts
            open_run_folder(folder, "design", settings, config.seed, facts, _completed)
            self.store = cleanup.enter_context(CampaignStore(folder / STORE, column=domain.column))
            sign = self.objective.sign if self.objective is not None else (1 if config.direction == "max" else -1)
            self.oracle = Oracle(self.scorer, self.store, config.budget, sign)
            self._step_began = time.monotonic()
            self.flight: Flight | None = None
            if config.in_flight is not None:
                self.step, self.flight = 0, Flight(self)
            else:
                self._replay()
            cleanup.pop_all()  # from here on, close() is the user's

    def _files_behind(self) -> dict[str, str]:
        """Checksums of files that the formulas read, such as models of the user's own measurements."""
        formulas = [Objective.parse(formula, domain=self.domain) for formula in self.config.pareto]
        objectives = [*formulas, *(each for each in (self.objective, self.preselect) if each is not None)]
        names = [name for objective in objectives for name in objective.properties]
        return dict(self.domain.files_behind(names)) if names else {}

    def _replay(self) -> None:
        """Bring the strategy to where the stored steps left it."""
        last = self.store.last_step()
        self.step = 0 if last is None else last + 1
        if last is None:
            return
        self._begin()
        for step in range(1, last + 1):
            self._tell_strategy(self.store.batch(step), step)
        self.strategy.load_state(self.store.last_state())

    # --- running ------------------------------------------------------------------------------------------------

    def run(self) -> pd.DataFrame:
        """Spend the budget, then confirm the best if the settings say so; returns :meth:`results`.

        Raises:
            OracleError: the oracle cannot be called at all; everything paid for is stored.
        """
        while not self.finished:
            self.advance()
            self._report()
        self.confirm()
        return self.results()

    def confirm(self) -> pd.DataFrame:
        """Score the best ``config.confirm`` once more at full fidelity; what was confirmed before is not paid again.

        Returns:
            As :meth:`results`, of these alone, by their full score.
        """
        number = self.config.confirm
        if number is None:
            return self.results().head(0)
        assert isinstance(self.scorer, NamedScorer), "settings with confirm are refused without such an oracle"
        cheap = self.store.evaluations().dropna(subset=["score"])
        order = (self.oracle.sign * cheap["score"]).sort_values(ascending=False, kind="stable").index[:number]
        items = [self.item_of(text) for text in cheap.loc[order, self.domain.column]]
        with CampaignStore(self.folder / CONFIRMED, column=self.domain.column) as store:
            known = {answer.identity for answer in store.answers()}
            if due := [item for item in items if item.identity not in known]:
                self._confirm(due, store)
            return self._table(store)

    def _confirm(self, due: Sequence[Any], store: CampaignStore) -> None:
        assert isinstance(self.scorer, NamedScorer)
        with self.scorer.full() as scorer:
            oracle = Oracle(scorer, store, len(store.answers()) + len(due), self.oracle.sign)
            side_by_side = MANY if self.executor is not None else max(1, self.workers or self.config.num_workers)
            for done in range(0, len(due), side_by_side):
                self.progress(Event("confirming", done, len(due), "at full fidelity"))
                oracle.evaluate(due[done : done + side_by_side], "confirmed", 0)
        self.progress(Event("confirming", len(due), len(due), "at full fidelity", ended=True))

    def _report(self) -> None:
        best, done = self.best, self.finished
        text = "" if best is None else f"best {best.score:.4f}  {best.identity}"
        name, calls, budget = self.config.chosen_strategy, self.oracle.calls, self.config.budget
        self.progress(Event(name, calls, budget, text, milestone=done, ended=done))

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or the strategy has nothing new to propose."""
        if self.flight is not None:
            return self.flight.finished
        return self.step > 0 and (self.oracle.calls_left == 0 or self.stalled >= MAX_STALLED)

    def advance(self) -> None:
        """One step: the start first, then a batch of candidates; of steps that overlap, to the next answer or step."""
        if self.flight is not None:
            self.flight.advance()
            self.step = self.flight.step
            return
        if self.step == 0:
            self.oracle.evaluate(self.start.items, "start", 0)
            self._begin()
            self._close_step()
            return
        paid = len(self.oracle.answers_of(self.step))  # by a process that died in this step
        batch = self._candidates(min(self.config.batch, self.oracle.calls_left + paid))
        due = [self._item(record) for record in batch if record.status == "valid"]
        if due:
            self.oracle.evaluate(due, self.config.chosen_strategy, self.step)
        self._tell_strategy(batch, self.step)
        self._close_step()

    def ask(self, n: int = 10) -> pd.DataFrame:
        """Candidates to be scored elsewhere; asked again before they are told, the same ones come back.

        The start must be scored first: until then it is what is asked for, all at once.

        Args:
            n: how many.

        Returns:
            The column of the domain (``smiles``), ``predicted_mean``, ``predicted_std`` (in the user's sign),
            ``novel``, ``alerts``, ``score`` (NaN, to be filled in), and what the formula ``preselect`` says of each:
            its value under the formula's own text, and its properties.

        Raises:
            BudgetExhausted: no call is left.
            ConfigError: the steps of this campaign overlap.
        """
        self._refuse_in_flight()
        if self.step == 0:
            if pending := [item for item in self.start.items if item not in self.oracle]:
                return self._to_ask([(item, None) for item in pending[: self.oracle.calls_left]])
            self._begin()
            self._close_step()
        self._close_if_answered()  # a process may have died between the last answer and this
        if self.oracle.calls_left == 0:
            raise BudgetExhausted(f"all {self.config.budget} oracle calls are spent")
        batch = self._candidates(min(n, self.oracle.calls_left))
        asked = [(self._item(record), record) for record in batch if record.status == "valid"]
        return self._to_ask([(item, record) for item, record in asked if item not in self.oracle])

    def tell(self, table: pd.DataFrame) -> pd.DataFrame:
        """Scores measured elsewhere: a table with the column of the domain and ``score`` (empty: it failed).

        The rows may be some of those asked for, in any order, and others: what was not asked for is taken in, and the
        search learns from it with the next step. Another value for what has been measured is another measurement:
        the results hold their mean, and the strategies on latent space learn from each, and so how large their noise
        is; ``tanimoto``, ``gpbo``, ``evolved`` and the evolving half of ``hybrid`` keep to the first. The same value
        again counts once. A step closes when all its candidates have been told.

        Returns:
            One row for each input: the column of the domain, ``score`` (as remembered, the mean of its measurements),
            ``status`` (``ok``, ``failed``, ``replicate``, ``repeated`` or ``refused``), ``asked`` and ``error`` (the
            reason).

        Raises:
            InputError: a column is missing.
            ConfigError: the steps of this campaign overlap.
        """
        self._refuse_in_flight()
        column = self.domain.column
        if missing := {column, "score"} - set(table.columns):
            raise InputError(f"tell needs the columns {column} and score; {', '.join(sorted(missing))} is missing")
        pending = set(self.pending)
        rows = [
            self._tell(str(text), score, pending) for text, score in zip(table[column], table["score"], strict=True)
        ]
        self._close_if_answered()
        return pd.DataFrame(rows, columns=[column, "score", "status", "asked", "error"])

    def _refuse_in_flight(self) -> None:
        if self.flight is not None:
            raise ConfigError(
                "ask and tell go in steps, which the setting in_flight does without: leave it out, or run()"
            )

    def _tell(self, text: str, score: Any, pending: set[str]) -> tuple[str, float, str, bool, str]:
        value = pd.to_numeric(score, errors="coerce")
        if pd.isna(value) and not (pd.isna(score) or not str(score).strip()):
            # a text in the place of a number is a mistake to be corrected, not a measurement that failed
            return text, np.nan, "refused", False, f"score: {score!r}"
        item, reason = self.domain.parse(text)
        if item is None:
            return text, np.nan, "refused", False, reason
        asked, repeated = item.identity in pending, item in self.oracle
        if repeated and not pd.isna(value) and self.oracle.tell_again(item, float(value), self.step):
            every = self.oracle.measured(item)
            return item.identity, float(np.mean(every)), "replicate", asked, f"measurement {len(every)}"
        origin = ("start" if self.step == 0 else self.config.chosen_strategy) if asked else TOLD
        answer = self.oracle.tell(item, float(value), origin, self.step)
        remembered = np.nan if answer.score is None else answer.score
        if repeated:
            every = self.oracle.measured(item)
            return item.identity, float(np.mean(every)) if every else np.nan, "repeated", asked, ""
        return item.identity, remembered, answer.status, asked, answer.error or ""

    @property
    def pending(self) -> list[str]:
        """What was asked for and has no answer yet."""
        if self.flight is not None:
            items = self.flight.pending
        elif self.step == 0:
            items = self.start.items
        else:
            items = [self._item(record) for record in self.store.batch(self.step) if record.status == "valid"]
        return [item.identity for item in items if item not in self.oracle]

    # --- steps --------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        items = [item for item in self.start.items if item in self.oracle] + self._unasked(0)
        self.strategy.begin(items, np.array([self.oracle.utility(item) for item in items]))
        if again := self._measured_again(0):
            self.strategy.tell(again)

    def _candidates(self, count: int) -> list[CandidateRecord]:
        """The candidates of this step: those stored before a kill, or new ones, stored before they are used."""
        if batch := self.store.batch(self.step):
            self._catch_up(count)
            return batch
        self._proposed, self._answered = self.step, self.oracle.calls
        suggestions = self._propose(count)
        self._items |= {each.item.identity: each.item for row in suggestions for each in row.candidates}
        batch = self.batches.choose(suggestions, count)
        self.store.record_candidates(self.step, batch, count, self._answered)
        return self.store.batch(self.step)

    def _propose(self, count: int) -> list[Suggestion]:
        """What the strategy proposes for a batch of ``count``."""
        if self.space.fitting is not None:
            self.space.parents = self._parents(self.space.fitting.built_on)
        return self.strategy.propose(count * self.batches.oversampling, self.step, self._judge)

    def _catch_up(self, count: int) -> None:
        """Move the strategy on to where it was when another process made it propose the candidates of this step.

        It is asked for as many as it was then, and what has been answered since is not known to it yet; ``count`` is
        for campaigns that were begun before the store kept that.
        """
        if self._proposed < self.step:
            asked, self._answered = self.store.request(self.step) or (count, sys.maxsize)
            self._propose(asked)
            self._proposed = self.step

    def _parents(self, count: int) -> list[Any]:
        """The best items of the steps before this one, whatever has been answered in it already."""
        known = [answer for answer in self.oracle.answers_before(self.step) if answer.score is not None]
        best = sorted(known, key=lambda answer: (-self.oracle.sign * (answer.score or 0.0), answer.call))
        return [self._item(answer) for answer in best[:count]]

    def _close_if_answered(self) -> None:
        """Close the step if everything that was asked for has been told."""
        batch = self.store.batch(self.step) if self.step > 0 else []
        if not batch or self.pending:
            return
        self._catch_up(sum(record.status == "valid" for record in batch))
        self._tell_strategy(batch, self.step)
        self._close_step()

    def _is_known(self, item: Any) -> bool:
        """Whether there is nothing to be asked about an item: it has an answer, or is waiting for one."""
        return item in self.oracle or (self.flight is not None and item in self.flight.asked)

    def _judge(self, item: Any) -> bool:
        return not self.oracle.answered(item, self._answered) and self.verdict(item)[0] == "valid"

    def verdict(self, item: Any) -> tuple[str, str]:
        """Status and reason of an item, as :class:`~molvae.design.validation.Validator` gives them."""
        if item not in self._verdicts:
            self._verdicts[item] = self.validator.verdict(item)
        return self._verdicts[item]

    def _item(self, record: CandidateRecord | Evaluation) -> Any:
        """What a stored identity stands for."""
        return self.item_of(str(record.identity))

    def item_of(self, identity: str) -> Any:
        """What a canonical text stands for."""
        if identity not in self._items:
            item, reason = self.domain.parse(identity)
            if item is None:
                raise RunFolderError(f"{self.store.path} is damaged: {identity!r} is {reason}")
            self._items[identity] = item
        return self._items[identity]

    def _unasked(self, step: int) -> list[Any]:
        """What was told in a step without having been asked for."""
        return [self._item(answer) for answer in self.oracle.answers_of(step) if answer.origin == TOLD]

    def _measured_again(self, step: int) -> list[Outcome]:
        """Further measurements told in a step."""
        again = self.oracle.replicates_of(step)
        return [Outcome(None, self.item_of(each.identity), self.oracle.sign * each.score) for each in again]

    def _tell_strategy(self, batch: Sequence[CandidateRecord], step: int) -> None:
        """What became of the candidates of one step, and what was told unasked, from what is stored alone."""
        outcomes = []
        for record in batch:
            # what the filters refuse is as infeasible to the search as what decodes to nothing
            item = None if record.status in ("invalid", "filtered") else self._item(record)
            outcomes.append(Outcome(record.z, item, np.nan if item is None else self.oracle.utility(item)))
        outcomes += [Outcome(None, item, self.oracle.utility(item)) for item in self._unasked(step)]
        outcomes += self._measured_again(step)
        self.strategy.tell(outcomes)
        self.stalled = 0 if any(record.status == "valid" for record in batch) else self.stalled + 1

    def _close_step(self) -> None:
        self.store.record_step(self.step, self.strategy.state(), time.monotonic() - self._step_began)
        self._step_began = time.monotonic()
        self.step += 1

    def _to_ask(self, rows: Sequence[tuple[Any, CandidateRecord | None]]) -> pd.DataFrame:
        def numbers(name: str) -> np.ndarray:
            return np.array([getattr(record, name, None) for _, record in rows], dtype=float)

        table = pd.DataFrame(
            {
                self.domain.column: [item.identity for item, _ in rows],
                "predicted_mean": self.oracle.sign * numbers("predicted_mean"),
                "predicted_std": numbers("predicted_std"),
                "novel": [self.validator.is_novel(item) for item, _ in rows],
                "alerts": [self.validator.alerts(item) for item, _ in rows],
                "score": np.full(len(rows), np.nan),
            }
        )
        if self.preselect is not None and rows:
            known = [self.domain.compute(item, self.preselect.properties) for item, _ in rows]
            values = pd.DataFrame([{str(self.preselect): self.preselect.evaluate(k), **k} for k in known])
            table = pd.concat([table, values], axis=1)
        return drawn(table, self.domain.column, self.domain.draw)

    # --- results ------------------------------------------------------------------------------------------------

    def results(self) -> pd.DataFrame:
        """All that was scored, best first: the column of the domain (``smiles``), ``id``, ``score``, the properties,
        ``status``, ``error``, ``seconds``, ``origin``, ``step``, ``valid``, ``novel``, ``alerts``, and ``call``; if the
        best were confirmed, ``confirmed``, their score at full fidelity.
        """
        table = self._table(self.store)
        if (self.folder / CONFIRMED).is_file():
            with CampaignStore(self.folder / CONFIRMED, read_only=True) as store:
                full = {answer.identity: answer.score for answer in store.answers()}
            scores = [full.get(text) for text in table[self.domain.column]]
            table.insert(table.columns.get_loc("score") + 1, "confirmed", pd.array(scores, dtype="float64"))
        return drawn(table, self.domain.column, self.domain.draw)

    def _table(self, store: CampaignStore) -> pd.DataFrame:
        items = [self._item(answer) for answer in store.answers()]
        table = store.evaluations(expand=True)
        table["valid"] = True
        table["novel"] = [self.validator.is_novel(item) for item in items]
        table["alerts"] = [self.validator.alerts(item) for item in items]
        table.insert(1, "id", [f"call-{call}" for call in table["call"]])
        order = (self.oracle.sign * table["score"]).sort_values(ascending=False, kind="stable").index
        return table.loc[order].reset_index(drop=True)

    @property
    def best(self) -> Evaluation | None:
        """The best answer so far."""
        return self.oracle.best

    def close(self) -> None:
        """Close the store and the scorer's processes."""
        self.store.close()
        self.scorer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        name = self.config.objective or str(self.config.oracle)
        head = f"{name}: {self.oracle.calls} of {self.config.budget} calls"
        best = self.results().head(10)
        return f"<p>{escape(head)}</p>{drawn(best, self.domain.column, self.domain.draw)._repr_html_()}"


def _workers(config: CampaignConfig) -> int:
    """Processes for scoring, where nobody said how many: calls in flight are to run, on as many cores as there are."""
    most = min(config.in_flight or 1, os.cpu_count() or 1)
    return max(config.num_workers, most) if config.num_workers else 0


def _completed(before: dict[str, Any]) -> dict[str, Any]:
    """Settings of a campaign that was begun before some of today's existed, with the defaults of those."""
    try:
        return {**before, "campaign": CampaignConfig.create(before.get("campaign")).model_dump(mode="json")}
    except ConfigError:
        return before
