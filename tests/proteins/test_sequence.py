"""What is taken for a protein, and the reason where it is not."""

import pytest

from molvae.proteins.sequence import LONGEST, Protein


@pytest.mark.parametrize("text", ["MKVA", "mkva", " M K\nV A ", "MK--V.A", "MKVA*"])
def test_ways_to_write_one_protein(text):
    item, reason = Protein.parse(text)
    assert item == Protein("MKVA") and reason == "" and item.identity == "MKVA" and len(item) == 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no sequence"),
        ("---", "no sequence"),
        (None, "no sequence"),
        ("M", "1 residue is less than 2"),
        ("MKX", "residue 3 of MKX: X stands for any residue"),
        ("MUK", "selenocysteine"),
        ("MK*VA", "stop codon"),
        ("M1", "'1' is no amino acid"),
        ("MKé", "no amino acid"),
        ("A" * (LONGEST + 1), "2001 residues are more than 2000"),
    ],
)
def test_what_is_no_protein_says_why(text, reason):
    item, told = Protein.parse(text)
    assert item is None and reason in told
