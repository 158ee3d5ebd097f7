"""Assay tables as they come: what can be used is used, and every other row says why not."""

import math

import numpy as np
import pytest

from molvae.activity.assay import RESERVED, make_assay, read_assay
from molvae.activity.model import ActivityModel
from molvae.activity.table import predict_table
from molvae.errors import InputError

GOOD = [("C" * n, str(float(n))) for n in range(1, 13)]


def assay_of(rows, **settings):
    return make_assay([text for text, _ in rows], [value for _, value in rows], "pIC50", **settings)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("C1CC", "5"), "molecule: not a valid SMILES"),
        (("", "5"), "molecule: empty"),
        (("CCO", ""), "no value"),
        (("CCO", "n/a"), "no value"),
        (("CCO", "about 5"), "not a number"),
        (("CCO", "inf"), "not a finite number"),
        (("CCO", "1e999"), "not a finite number"),
        (("CCO", "1e200"), "too large to compute with"),
        (("CCO", ">10"), "censored value: only a bound is known"),
        (("CCO", " <= 0.5"), "censored value: only a bound is known"),
        (("CCO", "~7"), "censored value: only a bound is known"),
        (("C", "1.0"), "repeats molecule and value of line 1"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason_and_the_good_go_on(row, reason):
    assay = assay_of([*GOOD, row])
    assert assay.refused.to_dict("records") == [{"line": 13, "smiles": row[0], "pIC50": row[1], "reason": reason}]
    assert len(assay) == 12 and assay.rows == 13


def test_replicates_are_kept_and_their_scatter_is_told():
    # the same molecule written in two ways, three measurements: 1, 2, 3
    assay = assay_of([*GOOD[:10], ("OCC", "1"), ("CCO", "2"), ("C(O)C", "3")])
    assert len(assay.molecules) == 11 and len(assay) == 13
    np.testing.assert_array_equal(assay.molecule[-3:], [10, 10, 10])
    assert assay.replicate_sd == (pytest.approx(1.0), 2)
    sd, freedom = assay_of(GOOD).replicate_sd
    assert math.isnan(sd) and freedom == 0


def test_concentrations_become_logarithms():
    assay = assay_of([(text, value) for text, value in GOOD] + [("CCO", "0"), ("CCN", "-1")], concentration="nM")
    np.testing.assert_allclose(assay.values[0], 9.0)
    assert assay.target == "ppIC50" and assay.unit == "-log10 of mol/L"
    assert assay.refused["reason"].unique().tolist() == ["a concentration must be positive"]
    assert assay_of(GOOD, concentration="µM").values[0] == pytest.approx(6.0)
    assert assay_of([("C" * n, f"{n}e-315") for n in range(1, 12)], concentration="pM").values.max() > 326
    with pytest.raises(InputError, match="no unit of concentration: there are M, mM"):
        assay_of(GOOD, concentration="mg/mL")


def test_a_table_that_cannot_be_used_says_why(tmp_path):
    path = tmp_path / "assay.csv"
    path.write_text("smiles,IC50\n" + "".join(f"{text},>10\n" for text, _ in GOOD))
    with pytest.raises(InputError, match=r"no column 'pIC50'; its columns: .*IC50"):
        read_assay(path, "pIC50")
    with pytest.raises(InputError, match=r"0 usable molecules with 'IC50'; a model needs 10 \(12 rows: censored"):
        read_assay(path, "IC50")
    with pytest.raises(InputError, match="every usable value of 'pIC50' is 3"):
        assay_of([(text, "3") for text, _ in GOOD])


def test_a_target_is_not_named_like_a_column_of_ours(measured):
    fitted = ActivityModel("fingerprint").fit(measured["smiles"][:20], measured["activity"][:20])
    fitted.target = "pIC50"
    written = {*predict_table(fitted, measured[["smiles"]].head(1)), *assay_of(GOOD).refused}
    assert written - {"pIC50"} == RESERVED
    for name in sorted(RESERVED):
        with pytest.raises(InputError, match=f"'{name}' cannot be the target.*rename the column"):
            make_assay([text for text, _ in GOOD], [value for _, value in GOOD], name)
    assert len(make_assay([text for text, _ in GOOD], [value for _, value in GOOD], "mean")) == len(GOOD)


def test_small_values_are_something_to_learn():
    assert len(assay_of([(text, f"{value}e-12") for text, value in GOOD])) == len(GOOD)  # IC50 in mol/L
    with pytest.raises(InputError, match="nothing to learn"):
        assay_of([(text, "1e-12") for text, _ in GOOD])


def test_lines_are_those_of_the_file(tmp_path):
    path = tmp_path / "assay.csv"
    path.write_text("smiles,y\n\n" + "".join(f"{text},{value}\n" for text, value in GOOD) + "zz,1\n")
    assert read_assay(path, "y").refused["line"].tolist() == [15]
