"""From strings to items of a domain: each with a verdict, and each refusal with its reason."""

from collections.abc import Container, Sequence
from typing import Any

import pandas as pd

from molvae.core.seen import DUPLICATE, FirstRows, duplicate_of
from molvae.design.protocols import Domain, Filters


class Validator:
    """Judges candidates.

    The verdicts, of which the first that applies is given:

    - ``invalid``: the text is not a valid item of the domain;
    - ``duplicate``: the same item stands further up;
    - ``filtered``: refused by the filters;
    - ``known``: in the training set, if novelty is required;
    - ``valid``: none of these.

    Args:
        domain: of the candidates.
        known: identities of the training set; with None every item counts as novel.
        filters: which items are acceptable; default: those of the domain as they are without settings.
        require_novel: refuse what is in the training set, instead of only reporting it.
    """

    def __init__(
        self,
        domain: Domain,
        known: Container[str] | None = None,
        filters: Filters | None = None,
        require_novel: bool = False,
    ) -> None:
        self.domain = domain
        self.filters = domain.filters(domain.filter_settings()) if filters is None else filters
        self._known = known
        self._require_novel = require_novel

    def verdict(self, item: Any) -> tuple[str, str]:
        """``filtered``, ``known`` or ``valid``, and the reason (``""`` if valid)."""
        if refusals := self.filters.reasons(item):
            return "filtered", "; ".join(refusals)
        if self._require_novel and not self.is_novel(item):
            return "known", "in the training set"
        return "valid", ""

    def is_novel(self, item: Any) -> bool:
        """Whether an item is not in the training set."""
        return self._known is None or item.identity not in self._known

    def alerts(self, item: Any) -> str:
        """What to warn of, joined by ``"; "``."""
        return "; ".join(self.filters.alerts(item))

    def validate(self, texts: Sequence[str], first_row: int = 0, seen: FirstRows | None = None) -> pd.DataFrame:
        """Judge each text.

        Args:
            texts: candidates, of any origin; a part of a list, if the next two arguments say so.
            first_row: which row of the list the first of them is.
            seen: what the rows before it were; these are added.

        Returns:
            One row for each text, in its order: ``input``, the column of the domain (the identity, None if invalid),
            ``valid`` (whether it is an item, which refused ones may well be), ``status``, ``reason`` (``""`` if valid),
            ``novel`` (an item that is not in the training set), ``alerts`` (joined by ``"; "``), and what the filters
            count, ``lipinski_violations`` of molecules (missing if invalid).
        """
        seen = FirstRows() if seen is None else seen
        rows = [self._row(text, seen, row) for row, text in enumerate(texts, start=first_row)]
        columns = ["input", self.domain.column, "valid", "status", "reason", "novel", "alerts", *self.filters.counted]
        table = pd.DataFrame(rows, columns=columns, dtype=object)
        return table.astype({"valid": bool, "novel": bool, **dict.fromkeys(self.filters.counted, "Int64")})

    def _row(self, text: str, seen: FirstRows, row: int) -> list[Any]:
        item, reason = self.domain.parse(text)
        if item is None:
            return [text, None, False, "invalid", reason, False, "", *[None for _ in self.filters.counted]]
        first = seen.first(item.identity, row)
        status, reason = self.verdict(item) if first == row else (DUPLICATE, duplicate_of(first))
        counts = self.filters.counts(item)
        numbers = [counts[name] for name in self.filters.counted]
        return [text, item.identity, True, status, reason, self.is_novel(item), self.alerts(item), *numbers]
