"""A design campaign: ask -> decode -> validate -> score -> tell, resumable at every step.

Whatever a campaign does next is a function of its settings, its seed and the answers of the oracle. Candidates are
stored before they are scored, every answer is stored before it is used, and a step is closed only when the strategy
knows its outcomes. A campaign killed at any moment therefore goes on from its folder, pays for no molecule twice,
and ends with the result that it would have had.
"""

import dataclasses
import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from molvae.chemistry.filters import Filters
from molvae.core.training_set import known_molecules
from molvae.design.oracle.oracle import Oracle
from molvae.design.oracle.scorers import CallableScorer, PropertyScorer, Scorer, parse_oracle
from molvae.design.settings import CampaignConfig, StrategyName
from molvae.design.start import read_start, select_start, write_start
from molvae.design.store import CampaignStore, Candidate
from molvae.design.strategies.base import Outcome, Suggestion
from molvae.design.strategies.registry import make_space, make_strategy
from molvae.design.validation import Validator
from molvae.errors import BudgetExhausted, ConfigError, InputError, RunFolderError
from molvae.molecules.vae import MoleculeVAE
from molvae.run.folder import is_begun, new_run_name, open_run_folder, read_run
from molvae.run.progress import Event, Progress, on_stderr
from molvae.weights import model_name

STORE = "campaign.sqlite"
_CALLABLE = "callable:"  # how an oracle that is a Python object is named in the settings
TOLD = "told"  # origin of a molecule that was scored without having been asked for
_MAX_STALLED = 25  # steps in a row without a new molecule after which a strategy counts as exhausted


class Campaign:
    """One optimisation of one objective under one budget, in one run folder.

        campaign = Campaign(model, objective="5*QED - SAS", start=table, budget=500)
        campaign.run()                                  # with the built-in or a custom oracle
        table = campaign.ask(10); campaign.tell(table)  # or with scores from elsewhere

    Args:
        model: the autoencoder.
        objective: formula over properties; with an ``oracle`` it may use the names that the oracle answers with.
        start: molecules to begin with: a table with a ``smiles`` column, or a list of SMILES; default: RDKit's NCI set.
            More than ``config.start_size`` are sampled; the others are the pool of the screening baseline.
        budget: oracle calls in all, the starting molecules included.
        folder: run folder; default ``runs/design-<date>-<time>``.
        oracle: ``module:function``, ``command: ...``, or a Python callable SMILES -> float; default: the objective.
        config: all further settings; the arguments above and ``overrides`` win over it.
        progress: told how far it has come.
        workers: processes for scoring; 0: as the settings say.
        record: the recipe that the run folder records; default: one with these settings.
        overrides: single settings of :class:`CampaignConfig`.

    The same campaign in the same folder goes on where it was.

    Raises:
        ConfigError: settings contradict each other.
        InputError: no starting molecule is left.
        RunFolderError: the folder holds another run, or one with other settings, weights or starting molecules.
    """

    def __init__(
        self,
        model: MoleculeVAE,
        objective: str | None = None,
        start: pd.DataFrame | Sequence[str] | None = None,
        budget: int | None = None,
        folder: str | Path | None = None,
        oracle: Any = None,
        config: CampaignConfig | None = None,
        progress: Progress = on_stderr,
        workers: int = 0,
        record: Mapping[str, Any] | None = None,
        **overrides: Any,
    ) -> None:
        named = oracle if isinstance(oracle, str) or oracle is None else f"{_CALLABLE} {_name_of(oracle)}"
        self.config = (config or CampaignConfig()).replace(
            objective=objective, budget=budget, oracle=named, **overrides
        )
        self.model = model
        chosen, pool = select_start(model, start, self.config)
        self.folder = Path(folder) if folder is not None else new_run_name("design")
        self.workers = workers
        # everything that can be wrong with the settings shows before the folder is made
        scorer = _make_scorer(self.config, oracle, workers)
        self._create(chosen, pool, record)
        self._set_up(scorer, chosen, pool, progress, oracle)

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        model: MoleculeVAE | None = None,
        oracle: Any = None,
        progress: Progress = on_stderr,
        workers: int = 0,
    ) -> Self:
        """Go on with the campaign of a run folder.

        Args:
            folder: the run folder.
            model: default: the model that the run names.
            oracle: only if the campaign was started with a Python callable: the same one.
            progress: told how far it has come.
            workers: processes for scoring; 0: as the settings say.

        Raises:
            RunFolderError: no campaign, a damaged one, or the model is not the one that it began with.
        """
        self = cls.__new__(cls)
        self.folder = Path(folder)
        run = read_run(self.folder, "design")
        try:
            self.config = CampaignConfig.create(run.settings["campaign"])
            name, weights = str(run.settings["model"]), run.facts["weights"]
        except (KeyError, TypeError, ConfigError) as error:
            raise RunFolderError(f"{self.folder}/config.json cannot be used: {error}") from None
        self.model = model if model is not None else MoleculeVAE.from_pretrained(name)
        if self.model.fingerprint() != weights:
            raise RunFolderError(f"{self.folder} began with other weights than those of {name!r}")
        self.workers = workers
        chosen, pool = read_start(self.folder)
        self._set_up(_make_scorer(self.config, oracle, workers), chosen, pool, progress, oracle)
        return self

    def baseline(self, strategy: StrategyName) -> "Campaign":
        """The same campaign with another strategy, in ``<run>/baselines/<strategy>``; resumed if it was begun.

        Model, objective, oracle, starting molecules, filters, budget and seed are the same.
        """
        folder = self.folder / "baselines" / strategy
        if (folder / "config.json").exists():
            return Campaign.resume(folder, self.model, self._given_oracle, self.progress, self.workers)
        other = Campaign.__new__(Campaign)
        other.folder, other.model, other.workers = folder, self.model, self.workers
        other.config = self.config.replace(strategy=strategy, baselines=())
        scorer = _make_scorer(other.config, self._given_oracle, self.workers)
        other._create(self.start, self.pool)
        other._set_up(scorer, self.start, self.pool, self.progress, self._given_oracle)
        return other

    def _create(self, start: list[str], pool: list[str], record: Mapping[str, Any] | None = None) -> None:
        name = model_name(self.model.folder) if self.model.folder else ""
        campaign = self.config.model_dump(mode="json")
        settings = record or {"input": None, "smiles_column": None, "model": name, "campaign": campaign}
        molecules = hashlib.sha256("\n".join([*start, "", *pool]).encode()).hexdigest()
        facts = {"weights": self.model.fingerprint(), "start": molecules}
        if not is_begun(self.folder, "design", settings):
            # config.json makes a folder a run, so it comes last: what was killed before it is simply begun again
            write_start(self.folder, start, pool)
        open_run_folder(self.folder, "design", settings, self.config.seed, facts)

    def _set_up(self, scorer: Scorer, start: list[str], pool: list[str], progress: Progress, oracle: Any) -> None:
        config = self.config
        self.progress = progress
        self._given_oracle = oracle
        self.start, self.pool = start, pool
        self.objective = config.parsed_objective()
        self.scorer = scorer
        self.store = CampaignStore(self.folder / STORE)
        sign = self.objective.sign if self.objective is not None else (1 if config.direction == "max" else -1)
        self.oracle = Oracle(scorer, self.store, config.budget, sign)
        self.space = make_space(self.model, self.objective, config)
        self.strategy = make_strategy(config.strategy, self.space, pool, config)
        known = known_molecules(self.model.folder) if self.model.folder is not None else None
        self.validator = Validator(known, Filters(config.filters), config.require_novel)
        self._accepted: dict[str, bool] = {}  # verdicts of validation, which searches structural alerts and is slow
        self.stalled = 0
        self._proposed = 0  # the last step in which this process made the strategy propose
        self._step_began = time.monotonic()
        self._replay()

    def _replay(self) -> None:
        """Bring the strategy to where the stored steps left it."""
        last = self.store.last_step()
        self.step = 0 if last is None else last + 1
        if last is None:
            return
        self._begin()
        candidates = self.store.candidates()
        for step in range(1, last + 1):
            rows = candidates[candidates["step"] == step]
            self.strategy.tell(self._outcomes(rows, step))
            self._count_stalled(rows)
        states = self.store.steps()
        self.strategy.load_state(_last_state(states))

    # --- running ------------------------------------------------------------------------------------------------

    def run(self) -> pd.DataFrame:
        """Spend the budget; returns :meth:`results`.

        Raises:
            OracleError: the oracle cannot be called at all; everything paid for is stored.
        """
        while not self.finished:
            self.advance()
            self._report()
        return self.results()

    def _report(self) -> None:
        best = self.best
        text = "" if best is None else f"best {best['score']:.4f}  {best['smiles']}"
        done = self.finished
        name, calls, budget = self.config.strategy, self.oracle.calls, self.config.budget
        self.progress(Event(name, calls, budget, text, milestone=done, ended=done))

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or the strategy has nothing new to propose."""
        return self.step > 0 and (self.oracle.calls_left == 0 or self.stalled >= _MAX_STALLED)

    def advance(self) -> None:
        """One step: the starting molecules first, then a batch of candidates."""
        if self.step == 0:
            self.oracle.evaluate(self.start, "start", 0)
            self._begin()
            self._close_step()
            return
        paid = self.store.evaluations()["step"].eq(self.step).sum()  # by a process that died in this step
        rows = self._candidates(min(self.config.batch, self.oracle.calls_left + int(paid)))
        due = [smiles for smiles, status in zip(rows["smiles"], rows["status"], strict=True) if status == "valid"]
        if due:
            self.oracle.evaluate(due, self.config.strategy, self.step)
        self.strategy.tell(self._outcomes(rows, self.step))
        self._count_stalled(rows)
        self._close_step()

    def ask(self, n: int = 10) -> pd.DataFrame:
        """Candidates to be scored elsewhere; asked again before they are told, the same ones come back.

        The starting molecules must be scored first: until then they are what is asked for, all at once.

        Args:
            n: how many.

        Returns:
            ``smiles``, ``predicted_mean``, ``predicted_std`` (in the user's sign), ``novel``, ``alerts``, ``score``
            (NaN, to be filled in).

        Raises:
            BudgetExhausted: no call is left.
        """
        if self.step == 0:
            if self.pending:
                return self._to_ask(self.pending[: self.oracle.calls_left], None)
            self._begin()
            self._close_step()
        self._close_if_answered()  # a process may have died between the last answer and this
        if self.oracle.calls_left == 0:
            raise BudgetExhausted(f"all {self.config.budget} oracle calls are spent")
        rows = self._candidates(min(n, self.oracle.calls_left))
        rows = rows[
            [s == "valid" and m not in self.oracle for s, m in zip(rows["status"], rows["smiles"], strict=True)]
        ]
        return self._to_ask(rows["smiles"].tolist(), rows)

    def tell(self, table: pd.DataFrame) -> pd.DataFrame:
        """Scores measured elsewhere: a table with ``smiles`` and ``score`` (empty: the measurement failed).

        The rows may be some of those asked for, in any order, and others: a molecule that was not asked for is taken
        in, and the search learns from it with the next step. What has been told before is kept as it was. A step
        closes when all its candidates have been told.

        Returns:
            One row for each input: ``smiles, score`` (as remembered), ``status`` (``ok``, ``failed``, ``repeated`` or
            ``refused``), ``asked`` and ``error`` (the reason).

        Raises:
            InputError: a column is missing.
        """
        missing = {"smiles", "score"} - set(table.columns)
        if missing:
            raise InputError(f"tell needs the columns smiles and score; {', '.join(sorted(missing))} is missing")
        pending = set(self.pending)
        rows = [
            self._tell(str(text), score, pending) for text, score in zip(table["smiles"], table["score"], strict=True)
        ]
        self._close_if_answered()
        return pd.DataFrame(rows, columns=["smiles", "score", "status", "asked", "error"])

    def _tell(self, text: str, score: Any, pending: set[str]) -> dict[str, Any]:
        value = pd.to_numeric(score, errors="coerce")
        if pd.isna(value) and not (pd.isna(score) or not str(score).strip()):
            # a text in the place of a number is a mistake to be corrected, not a measurement that failed
            return {"smiles": text, "score": np.nan, "status": "refused", "asked": False, "error": f"score: {score!r}"}
        parsed = self.validator.validate([text]).iloc[0]
        asked = parsed["smiles"] in pending
        origin = ("start" if self.step == 0 else self.config.strategy) if asked else TOLD
        answer = self.oracle.tell([text], [float(value)], origin, self.step).iloc[0]
        told = {"smiles": answer["smiles"], "score": answer["score"], "asked": asked, "error": answer["error"] or ""}
        if answer["status"] == "invalid":
            return {**told, "smiles": text, "status": "refused"}
        if answer["cached"]:
            differs = not pd.isna(value) and value != answer["score"]
            return {**told, "status": "repeated", "error": "the first score is kept" if differs else ""}
        return {**told, "status": answer["status"]}

    @property
    def pending(self) -> list[str]:
        """Molecules that were asked for and have no answer yet."""
        if self.step == 0:
            return [smiles for smiles in self.start if smiles not in self.oracle]
        rows = self.store.candidates(self.step)
        valid = rows.loc[rows["status"] == "valid", "smiles"]
        return [smiles for smiles in valid if smiles not in self.oracle]

    # --- steps --------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        known = [smiles for smiles in self.start if smiles in self.oracle] + self._unasked(0)
        answers = self.oracle.evaluate(known, "start", 0)
        self.strategy.begin(answers["smiles"].tolist(), answers["utility"].to_numpy())

    def _candidates(self, count: int) -> pd.DataFrame:
        """The candidates of this step: those stored before a kill, or new ones, stored before they are used."""
        rows = self.store.candidates(self.step)
        if len(rows):
            self._catch_up(count)
            return rows
        self._proposed = self.step
        chosen: set[str] = set()
        candidates: list[Candidate] = []
        for suggestion in self.strategy.propose(count, self.step, self._judge):
            candidates.append(self._choose(suggestion, len(candidates), chosen))
        self.store.record_candidates(self.step, candidates)
        return self.store.candidates(self.step)

    def _catch_up(self, count: int) -> None:
        """Move the strategy on to where it was when another process made it propose the candidates of this step."""
        if self._proposed < self.step:
            self.strategy.propose(count, self.step, self._judge)
            self._proposed = self.step

    def _close_if_answered(self) -> None:
        """Close the step if every molecule that was asked for has been told."""
        rows = self.store.candidates(self.step) if self.step > 0 else pd.DataFrame()
        if rows.empty or self.pending:
            return
        self._catch_up(int((rows["status"] == "valid").sum()))
        self.strategy.tell(self._outcomes(rows, self.step))
        self._count_stalled(rows)
        self._close_step()

    def _judge(self, smiles: str) -> bool:
        if smiles in self.oracle:
            return False
        if smiles not in self._accepted:
            self._accepted[smiles] = self.validator.validate([smiles])["status"].iloc[0] == "valid"
        return self._accepted[smiles]

    def _choose(self, suggestion: Suggestion, slot: int, chosen: set[str]) -> Candidate:
        """The first option that validation accepts; else the verdict on the most likely one."""
        made = Candidate(
            slot=slot,
            smiles=suggestion.text or None,
            status="invalid",
            z=suggestion.z,
            reason=suggestion.error,
            votes=0,
            predicted_mean=suggestion.mean,
            predicted_std=suggestion.std,
            acquisition=suggestion.acquisition,
            feasibility=suggestion.feasibility,
        )
        refused: Candidate | None = None
        for option in suggestion.options:
            verdict = self.validator.validate([option.smiles], _Either(self.oracle, chosen)).iloc[0]
            candidate = dataclasses.replace(
                made,
                smiles=verdict["smiles"] or option.smiles,
                status=verdict["status"],
                reason=verdict["reason"],
                votes=option.votes,
            )
            if candidate.status == "valid":
                chosen.add(str(candidate.smiles))
                return candidate
            refused = refused or candidate
        return refused or made

    def _unasked(self, step: int) -> list[str]:
        """Molecules that were told in a step without having been asked for."""
        table = self.store.evaluations()
        return list(table.loc[(table["origin"] == TOLD) & (table["step"] == step), "smiles"])

    def _outcomes(self, rows: pd.DataFrame, step: int) -> list[Outcome]:
        """What became of the candidates of one step, and what was told unasked, from the store alone."""
        outcomes = []
        for row in rows.to_dict("records"):
            # what the filters refuse is as infeasible to the search as what decodes to nothing
            smiles = None if row["status"] in ("invalid", "filtered") else str(row["smiles"])
            utility = np.nan
            if smiles is not None and smiles in self.oracle:
                utility = self._utility(smiles)
            outcomes.append(Outcome(row["z"], smiles, utility))
        return outcomes + [Outcome(None, smiles, self._utility(smiles)) for smiles in self._unasked(step)]

    def _utility(self, smiles: str) -> float:
        return float(self.oracle.evaluate([smiles], "", self.step)["utility"].iloc[0])

    def _count_stalled(self, rows: pd.DataFrame) -> None:
        self.stalled = 0 if (rows["status"] == "valid").any() else self.stalled + 1

    def _close_step(self) -> None:
        self.store.record_step(self.step, self.strategy.state(), time.monotonic() - self._step_began)
        self._step_began = time.monotonic()
        self.step += 1

    def _to_ask(self, smiles: list[str], rows: pd.DataFrame | None) -> pd.DataFrame:
        verdicts = self.validator.validate(smiles)
        mean = np.full(len(smiles), np.nan) if rows is None else rows["predicted_mean"].to_numpy(float)
        std = np.full(len(smiles), np.nan) if rows is None else rows["predicted_std"].to_numpy(float)
        return pd.DataFrame(
            {
                "smiles": smiles,
                "predicted_mean": self.oracle.sign * mean,
                "predicted_std": std,
                "novel": verdicts["novel"].tolist(),
                "alerts": verdicts["alerts"].tolist(),
                "score": np.full(len(smiles), np.nan),
            }
        )

    # --- results ------------------------------------------------------------------------------------------------

    def results(self) -> pd.DataFrame:
        """All scored molecules, best first: ``smiles, id, valid, error, score, <properties>, novel, alerts, call``."""
        table = self.store.evaluations(expand=True)
        verdicts = self.validator.validate(table["smiles"].tolist())
        table["valid"] = verdicts["valid"].to_numpy()
        table["novel"] = verdicts["novel"].to_numpy()
        table["alerts"] = verdicts["alerts"].to_numpy()
        table.insert(1, "id", [f"call-{call}" for call in table["call"]])
        order = (self.oracle.sign * table["score"]).sort_values(ascending=False, kind="stable").index
        return table.loc[order].reset_index(drop=True)

    @property
    def best(self) -> pd.Series | None:
        """The best scored molecule so far."""
        table = self.store.evaluations()
        table = table[table["status"] == "ok"]
        if table.empty:
            return None
        return table.loc[(self.oracle.sign * table["score"]).idxmax()]

    def close(self) -> None:
        """Close the store and the scorer's processes."""
        self.store.close()
        self.scorer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        from html import escape

        name = escape(self.config.objective or str(self.config.oracle))
        head = f"{name}: {self.oracle.calls} of {self.config.budget} calls"
        return f"<p>{head}</p>{self.results().head(10).to_html(escape=True)}"


class _Either:
    """Membership in one container or the other."""

    def __init__(self, first: Any, second: Any) -> None:
        self.first, self.second = first, second

    def __contains__(self, item: object) -> bool:
        return item in self.first or item in self.second


def _make_scorer(config: CampaignConfig, oracle: Any, workers: int) -> Scorer:
    workers = workers or config.num_workers
    objective = config.parsed_objective()
    if callable(oracle):
        return CallableScorer(oracle, objective)
    if config.oracle is not None and config.oracle.startswith(_CALLABLE):
        raise RunFolderError(f"this campaign was begun with a Python function ({config.oracle}): pass it as oracle=")
    if config.oracle is not None:
        return parse_oracle(config.oracle, objective, max(1, workers), config.timeout)
    if objective is None:
        raise ConfigError("a campaign needs an objective, an oracle, or both")
    return PropertyScorer(objective, also=("QED", "SAS", "logP", "MW"), num_workers=workers)


def _name_of(function: Any) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))


def _last_state(steps: pd.DataFrame) -> dict[str, Any]:
    return dict(steps.sort_values("step").iloc[-1]["state"])
