"""Whether aromatic atoms can be given alternating double bonds: a matching problem on a small graph."""


def can_be_kekulised(must: dict[int, list[int]]) -> bool:
    """Whether every atom that needs a double bond can have one, no atom more than one.

    Args:
        must: for each atom that needs a double bond, the atoms that it could share one with; a partner that is
            not itself a key is free to take one or not.

    Returns:
        True if a matching exists that covers all keys. The atom with the fewest partners left is matched first, so
        chains and simple rings are decided without going back.
    """
    return _match(must, set())


def _match(must: dict[int, list[int]], used: set[int]) -> bool:
    tightest, options = -1, None
    for atom, partners in must.items():
        if atom in used:
            continue
        left = [partner for partner in partners if partner not in used]
        if not left:
            return False
        if options is None or len(left) < len(options):
            tightest, options = atom, left
            if len(left) == 1:
                break
    if options is None:
        return True
    for partner in options:
        used |= {tightest, partner}
        if _match(must, used):
            return True
        used -= {tightest, partner}
    return False
