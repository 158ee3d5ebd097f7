"""A made-up family of proteins, and what it is measured for."""

import random

from molvae.proteins.sequence import RESIDUES


def family(number: int, seed: int = 0) -> list[str]:
    """Descendants of two ancestors that differ in their ends; each a few mutations and perhaps a deletion away."""
    rng = random.Random(seed)
    ancestors = ["MKVAYDLEPRNWGGSTKLVEQHIFPD", "MKVAYDLEPRNWGGSTRRCCMYIHHE"]
    found: list[str] = []
    while len(found) < number:
        text = list(ancestors[len(found) % 2])
        for _ in range(rng.randrange(1, 5)):
            text[rng.randrange(len(text))] = rng.choice(RESIDUES)
        if rng.random() < 0.3:
            del text[rng.randrange(len(text))]
        if (sequence := "".join(text)) not in found:
            found.append(sequence)
    return found


def works(sequence: str) -> float:
    """The function of the made-up family: how many residues of one ancestor's end are there."""
    return sum(a == b for a, b in zip(sequence[-8:], "EQHIFPD"[-8:], strict=False)) / 8 + sequence.count("Q") / 4
