"""Whether aromatic atoms can be given alternating double bonds: a matching problem on a small graph.

It is asked several times for every token of every string that is decoded, so sets of atoms are the bits of an integer.
"""

from collections.abc import Iterable, Mapping


def can_be_kekulised(must: Mapping[int, Iterable[int]]) -> bool:
    """Whether every atom that needs a double bond can have one, no atom more than one.

    Args:
        must: for each atom that needs a double bond, the atoms that it could share one with; a partner that is
            not itself a key is free to take one or not.

    Returns:
        True if a matching exists that covers all keys.
    """
    partners = {}
    for atom, others in must.items():
        bits = 0
        for other in others:
            bits |= 1 << other
        partners[atom] = bits
    return _match(list(partners), partners, -1)


def _match(keys: list[int], partners: dict[int, int], free: int) -> bool:
    """Whether the keys among the ``free`` atoms can be matched.

    An atom with one partner left has no choice, and taking it may leave others without one: chains are decided so, in
    one or two rounds. Where every atom has a choice, as in a ring, the partners of one are tried in turn.
    """
    while True:
        waiting = []
        for atom in keys:
            if not free >> atom & 1:
                continue  # it was the only partner of another
            options = partners[atom] & free
            if not options:
                return False
            if options & (options - 1):
                waiting.append(atom)
            else:
                free &= ~(options | 1 << atom)
        if not waiting:
            return True
        if len(waiting) == len(keys):
            break
        keys = waiting
    atom = waiting[0]
    options = partners[atom] & free
    while options:
        partner = options & -options
        if _match(waiting, partners, free & ~(partner | 1 << atom)):
            return True
        options ^= partner
    return False
