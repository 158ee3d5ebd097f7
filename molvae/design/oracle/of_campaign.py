"""The scorer that the settings of a campaign ask for."""

import functools
from collections.abc import Callable
from typing import Any

from molvae.design.objective import Objective
from molvae.design.oracle.cluster import Cluster
from molvae.design.oracle.named import NamedOracle, named_oracle
from molvae.design.oracle.remote import MANY, Lent, Place, RemoteNamedScorer, RemoteScorer, task_of
from molvae.design.oracle.scorers import (
    PROPERTY_TIMEOUT,
    CallableScorer,
    ExecutorScorer,
    NamedScorer,
    PropertyScorer,
    Scorer,
    call_function,
    check_oracle,
    parse_oracle,
)
from molvae.design.protocols import Domain
from molvae.design.settings import CampaignConfig
from molvae.errors import ConfigError, RunFolderError

_CALLABLE = "callable:"  # how an oracle that is a Python object is named in the settings


def oracle_setting(oracle: Any) -> str | None:
    """What the settings say of an oracle: its text, or the name of a Python function."""
    if oracle is None or isinstance(oracle, str):
        return oracle
    return f"{_CALLABLE} {getattr(oracle, '__qualname__', type(oracle).__name__)}"


def make_scorer(
    config: CampaignConfig,
    objective: Objective | None,
    domain: Domain,
    oracle: Any,
    workers: int,
    place: Place | None = None,
) -> Scorer:
    """Build it; nothing has been paid for yet.

    Args:
        config: of the campaign.
        objective: its objective, parsed, or None.
        domain: of its candidates.
        oracle: a Python function, a scorer, or what the settings say already.
        workers: candidates scored side by side; 0: in this process, where that can be.
        place: a cluster or an executor in place of processes of our own.

    Raises:
        ConfigError: the settings contradict each other.
        RunFolderError: the campaign was begun with a Python function, which is not given.
        MolvaeError: the oracle cannot be set up.
    """
    if isinstance(oracle, Scorer):
        return oracle
    if callable(oracle):
        return _callable_scorer(oracle, objective, place)
    if config.oracle is not None and config.oracle.startswith(_CALLABLE):
        raise RunFolderError(f"this campaign was begun with a Python function ({config.oracle}): pass it as oracle=")
    named = named_oracle(config.oracle or "", config.oracle_settings)
    if named is not None:
        _check_named(config, named)
        task = task_of(config.oracle, config.oracle_settings, objective, ())
        if place is not None:
            return RemoteNamedScorer(named, task, objective, place, config.timeout)
        return NamedScorer(named, task, objective, max(1, workers), config.timeout)
    if config.confirm is not None:
        raise ConfigError("confirm needs an oracle with a cheap and a full fidelity, such as dock:RECEPTOR")
    if place is not None:
        return _remote_scorer(config, objective, domain, place)
    if config.oracle is not None:
        return parse_oracle(config.oracle, objective, max(1, workers), config.timeout)
    if objective is None:
        raise ConfigError("a campaign needs an objective, an oracle, or both")
    return PropertyScorer(objective, also=domain.reported, num_workers=workers)


def _callable_scorer(function: Callable[[str], Any], objective: Objective | None, place: Place | None) -> Scorer:
    if place is None:
        return CallableScorer(function, objective)
    if isinstance(place, Cluster):
        raise ConfigError(
            "workers elsewhere import the oracle: name it, oracle='module:function', instead of passing the function"
        )
    return ExecutorScorer(functools.partial(call_function, function), objective, functools.partial(Lent, place), MANY)


def _remote_scorer(config: CampaignConfig, objective: Objective | None, domain: Domain, place: Place) -> Scorer:
    if config.oracle is not None:
        check_oracle(config.oracle)
        return RemoteScorer(task_of(config.oracle, None, objective, ()), objective, place, config.timeout)
    if objective is None:
        raise ConfigError("a campaign needs an objective, an oracle, or both")
    return RemoteScorer(task_of(None, None, objective, tuple(domain.reported)), None, place, PROPERTY_TIMEOUT)


def _check_named(config: CampaignConfig, oracle: NamedOracle) -> None:
    """Refuse settings that contradict an oracle, before anything is started or paid."""
    if config.objective is None and config.direction == "min":
        raise ConfigError(
            f"the score of {config.oracle} is better the larger it is: leave direction out, or give an objective over"
            f" {', '.join(oracle.names)}"
        )
    if config.confirm is not None:
        oracle.full()
