"""Tables of molecules: every row comes back, whatever its index and its other columns."""

import pandas as pd

from molvae.chemistry.domain import MOLECULES
from molvae.chemistry.filters import FilterConfig, Filters
from molvae.chemistry.tables import score_table, validate_table
from molvae.design.objective import Objective
from molvae.design.validation import Validator
from molvae.run.progress import silent

TABLE = pd.DataFrame({"price": [3, 4, 5], "smiles": ["CCO", "C1CC", "CCBr"], "score": [9, 9, 9]}, index=[7, 8, 9])


def test_score():
    scored = score_table(TABLE, Objective.parse("2*MW"), progress=silent)
    assert scored.columns.tolist() == ["smiles", "valid", "error", "score", "MW", "price"]
    assert scored["valid"].tolist() == [True, False, True] and scored["error"][1]
    assert scored["score"][0] == 2 * scored["MW"][0] and pd.isna(scored["score"][1])
    assert scored["price"].tolist() == [3, 4, 5]
    constant = score_table(TABLE, Objective.parse("MW**0"), progress=silent)["score"]  # NaN ** 0 is 1
    assert constant[0] == 1 and pd.isna(constant[1])


def test_validate():
    judged = validate_table(TABLE, Validator(MOLECULES, None, Filters(FilterConfig(forbid=("Br",)))))
    assert judged["status"].tolist() == ["valid", "invalid", "filtered"]
    assert judged["price"].tolist() == [3, 4, 5]
