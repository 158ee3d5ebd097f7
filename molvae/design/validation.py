"""From strings to molecules that RDKit vouches for: each with a verdict, and each refusal with its reason."""

from collections.abc import Container, Sequence

import pandas as pd
from rdkit import Chem

from molvae.chemistry.filters import AlertCatalog, Filters, lipinski_violations
from molvae.chemistry.molecule import parse_smiles

ALERT_CATALOGS: tuple[AlertCatalog, ...] = ("PAINS", "BRENK")
COLUMNS = ("input", "smiles", "valid", "status", "reason", "novel", "alerts", "lipinski_violations")


class Validator:
    """Judges candidates.

    The verdicts, of which the first that applies is given:

    - ``invalid``: no SMILES, or a molecule that RDKit does not sanitise;
    - ``duplicate``: the same molecule stands further up, or was seen before;
    - ``filtered``: refused by the filters (elements, charge, alerts, SMARTS, ...);
    - ``known``: in the training set, if novelty is required;
    - ``valid``: none of these.
    """

    def __init__(
        self,
        known: Container[str] | None,
        filters: Filters,
        require_novel: bool = False,
        alert_catalogs: Sequence[AlertCatalog] = ALERT_CATALOGS,
    ) -> None:
        """Set up.

        Args:
            known: canonical SMILES of the training set; with ``None`` every molecule counts as novel.
            filters: which molecules are acceptable.
            require_novel: refuse what is in the training set, instead of only reporting it.
            alert_catalogs: structural alerts to report; they refuse nothing, unless the filters name them as well.
        """
        self._known = known
        self._filters = filters
        self._require_novel = require_novel
        self._alert_catalogs = tuple(alert_catalogs)

    def validate(self, strings: Sequence[str], seen: Container[str] = frozenset()) -> pd.DataFrame:
        """Judge each string.

        Args:
            strings: candidates, of any origin.
            seen: canonical SMILES that are no news, such as those already scored.

        Returns:
            One row for each string, in its order: ``input``, ``smiles`` (canonical, ``None`` if invalid), ``valid``
            (whether it is a molecule, which refused ones may well be), ``status``, ``reason`` (``""`` if valid),
            ``novel`` (a molecule that is not in the training set), ``alerts`` (joined by ``"; "``),
            ``lipinski_violations`` (0 to 4, missing if invalid).
        """
        first: dict[str, int] = {}
        rows = [self._judge(text, seen, first, row) for row, text in enumerate(strings)]
        table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
        return table.astype({"valid": bool, "novel": bool, "lipinski_violations": "Int64"})

    def _judge(self, text: str, seen: Container[str], first: dict[str, int], row: int) -> dict[str, object]:
        molecule, reason = parse_smiles(text)
        if molecule is None:
            return {
                "input": text,
                "smiles": None,
                "valid": False,
                "status": "invalid",
                "reason": reason,
                "novel": False,
                "alerts": "",
                "lipinski_violations": None,
            }
        smiles = Chem.MolToSmiles(molecule)
        novel = self._known is None or smiles not in self._known
        status, reason = self._verdict(molecule, smiles, novel, seen, first)
        first.setdefault(smiles, row)
        return {
            "input": text,
            "smiles": smiles,
            "valid": True,
            "status": status,
            "reason": reason,
            "novel": novel,
            "alerts": "; ".join(self._filters.alerts(molecule, self._alert_catalogs)),
            "lipinski_violations": lipinski_violations(molecule),
        }

    def _verdict(
        self, molecule: Chem.Mol, smiles: str, novel: bool, seen: Container[str], first: dict[str, int]
    ) -> tuple[str, str]:
        if smiles in first:
            return "duplicate", f"same molecule as row {first[smiles] + 1} of this list"
        if smiles in seen:
            return "duplicate", "seen before"
        refusals = self._filters.reasons(molecule)
        if refusals:
            return "filtered", "; ".join(refusals)
        if self._require_novel and not novel:
            return "known", "in the training set"
        return "valid", ""
