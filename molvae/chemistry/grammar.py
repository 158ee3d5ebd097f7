"""An incremental SMILES automaton: which token may come next, so that a molecule comes out (OpenSMILES 1.0).

A sequence decoder writes token after token and cannot take one back. The automaton follows what has been written as a
growing graph and refuses tokens after which no valid string could follow. At level ``syntax`` it sees to branches,
rings, bonds and length: what it lets out is always well-formed. At level ``valence`` it also counts valences, and
keeps aromatic systems such that they can be kekulised (see :mod:`molvae.chemistry.kekule`).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from molvae.chemistry.kekule import can_be_kekulised

Level = Literal["syntax", "valence"]
Kind = Literal["atom", "bond", "open", "close", "ring", "end", "never"]

# Highest sum of bond orders that RDKit accepts, by element and charge; brackets subtract their hydrogens.
_VALENCE = {
    "H": {0: 1}, "B": {0: 3, -1: 4}, "C": {0: 4, 1: 3, -1: 3}, "N": {0: 3, 1: 4, -1: 2}, "O": {0: 2, 1: 3, -1: 1},
    "F": {0: 1}, "Si": {0: 4}, "P": {0: 5, 1: 4, -1: 4}, "S": {0: 6, 1: 5, -1: 1}, "Cl": {0: 1}, "Se": {0: 6, 1: 5},
    "Br": {0: 1}, "I": {0: 1},
}  # fmt: skip
# In an aromatic ring sulfur and its kin use their lowest valence.
_AROMATIC_VALENCE = {"B": 3, "C": 4, "N": 3, "O": 2, "P": 3, "S": 2, "Se": 2, "As": 3}
_BOND_ORDER = {"-": 1, "=": 2, "#": 3, "$": 4, ":": 1, "/": 1, "\\": 1}
_BRACKET = re.compile(
    r"\[(?P<isotope>\d*)(?P<symbol>[A-Z][a-z]?|[a-z][a-z]?|\*)(?P<chiral>@{0,2})(?P<h>H\d?)?(?P<charge>[+-]+\d*)?(?::\d+)?\]"
)
_UNLIMITED = 99
_TOKENS_FOR_AROMATIC_RING = 9
_TOKENS_PER_RING = 3  # to close a ring label: at most two atoms, then the label


@dataclass(frozen=True)
class _Token:
    """What a token does, worked out once.

    Attributes:
        kind: its part in the string.
        order: bond order of a bond token.
        element: of an atom token.
        aromatic: whether an atom token is aromatic.
        capacity: bonds that an atom can have; for an aromatic one sigma bonds.
        valence: of an aromatic atom, hydrogens of its bracket taken off.
        label: of a ring token.
    """

    kind: Kind
    order: int = 0
    element: str = ""
    aromatic: bool = False
    capacity: int = 0
    valence: int = 0
    label: str = ""


def _read_token(text: str) -> _Token:
    if text == "<eos>":
        return _Token("end")
    if text in _BOND_ORDER:
        return _Token("bond", order=_BOND_ORDER[text], label=text)
    if text in "()" and text:
        return _Token("open" if text == "(" else "close")
    if text.isdigit() or text.startswith("%"):
        return _Token("ring", label=text.lstrip("%").strip("()").lstrip("0") or "0")
    return _read_atom(text)


def _read_atom(text: str) -> _Token:
    hydrogens, charge, symbol = 0, 0, text
    if text.startswith("["):
        match = _BRACKET.fullmatch(text)
        if match is None:
            return _Token("never")
        symbol = match["symbol"]
        hydrogens = int(match["h"][1:] or 1) if match["h"] else 0
        signs = match["charge"] or ""
        digits = signs.strip("+-")
        charge = (int(digits) if digits else len(signs)) * (-1 if "-" in signs else 1)
    elif not re.fullmatch(r"Br|Cl|[BCNOPSFIbcnops]", text):
        return _Token("never")  # padding, start, '.', '*'
    element = symbol.capitalize()
    if symbol.islower():
        valence = _AROMATIC_VALENCE.get(element, 4)
        # carbon loses a bond with either charge; the others gain one with a positive, lose one with a negative charge
        valence += -abs(charge) if element == "C" else charge
        sigma = valence - hydrogens - (1 if element == "C" and charge == 0 else 0)
        return _Token("atom", element=element, aromatic=True, capacity=min(3, sigma), valence=valence - hydrogens)
    known = _VALENCE.get(element, {})
    capacity = known.get(charge, max(known.values(), default=_UNLIMITED)) - hydrogens
    return _Token("atom", element=element, capacity=max(0, capacity))


class SmilesGrammar:
    """The automaton for one vocabulary.

    Args:
        tokens: all tokens by index, specials included; ``<eos>`` ends a string.
        max_length: longest string in tokens, the end token not counted.
    """

    def __init__(self, tokens: Sequence[str], max_length: int) -> None:
        self.tokens = [_read_token(text) for text in tokens]
        self.max_length = max_length

    def start(self, level: Level = "valence") -> "GrammarState":
        """The state before the first token."""
        return GrammarState(self, level)


class GrammarState:
    """One growing string. Make it with :meth:`SmilesGrammar.start`.

    Attributes:
        finished: whether the end token was taken.
        relaxed: whether at some step nothing passed and the syntax level had to decide.
    """

    def __init__(self, grammar: SmilesGrammar, level: Level) -> None:
        self.grammar, self.level = grammar, level
        self.finished = self.relaxed = False
        self.length = 0
        self.atoms: list[_Token] = []
        self.aromatic: list[int] = []  # the aromatic ones among them
        self.free: list[int] = []  # bonds that each atom can still take
        self.double: list[bool] = []  # whether an aromatic atom spends its pi electron outside the ring
        self.neighbours: list[tuple[int, ...]] = []
        self.aromatic_edges: list[tuple[int, ...]] = []  # neighbours through a bond that may become aromatic
        self.parent: list[int] = []
        self.in_ring: list[bool] = []
        self.ring_edges: set[tuple[int, int]] = set()
        self.rings: dict[str, tuple[int, str]] = {}  # open label -> atom, bond symbol
        self.stack: list[tuple[int, int]] = []  # branch point, number of atoms when the branch was opened
        self.current = -1
        self.bond: _Token | None = None
        self.after_open = False

    def copy(self) -> "GrammarState":
        """An independent state, for a second continuation."""
        other = GrammarState.__new__(GrammarState)
        other.__dict__.update(self.__dict__)
        for name in _MUTABLE:
            setattr(other, name, getattr(self, name).copy())
        return other

    def check(self, token_index: int) -> bool:
        """Whether a token may come next, so that the string can still be completed within its length."""
        token = self.grammar.tokens[token_index]
        return self._fits(token, self.level) and (self.level == "syntax" or self._keeps_aromaticity(token))

    def choose(self, ranked_indices: Iterable[int]) -> int:
        """The first of the ranked tokens that may come next.

        Where none passes, the syntax level decides alone (``relaxed``): the string stays well-formed, but RDKit may
        refuse it.
        """
        ranked = list(ranked_indices)
        for index in ranked:
            if self.check(index):
                return index
        self.relaxed = True
        for index in ranked:
            if self._fits(self.grammar.tokens[index], "syntax"):
                return index
        raise RuntimeError("no token can come next: the vocabulary lacks a carbon atom, a ring label or a bracket")

    def advance(self, token_index: int) -> None:
        """Take a token that :meth:`check` or :meth:`choose` accepted."""
        token = self.grammar.tokens[token_index]
        self.length += 1
        if token.kind == "atom":
            self._add_atom(token)
        elif token.kind == "bond":
            self.bond = token
        elif token.kind == "open":
            self.stack.append((self.current, len(self.atoms)))
            self.after_open = True
        elif token.kind == "close":
            self.current = self.stack.pop()[0]
        elif token.kind == "ring":
            self._take_ring(token)
        else:
            self.finished = True

    # --- what a token does to the graph ------------------------------------------------------------------------

    def _add_atom(self, token: _Token) -> None:
        index, previous = len(self.atoms), self.current
        self.atoms.append(token)
        if token.aromatic:
            self.aromatic.append(index)
        self.free.append(token.capacity)
        self.double.append(False)
        self.neighbours.append(())
        self.aromatic_edges.append(())
        self.parent.append(previous)
        self.in_ring.append(False)
        if previous >= 0:
            self._bond(previous, index, self.bond)
        self.current, self.bond, self.after_open = index, None, False

    def _take_ring(self, token: _Token) -> None:
        symbol = self.bond.label if self.bond else ""
        if token.label not in self.rings:
            self.rings[token.label] = (self.current, symbol)
            self.free[self.current] -= self._cost(self.current, symbol)
        else:
            other, other_symbol = self.rings.pop(token.label)
            self.free[other] += self._cost(other, other_symbol)  # what was reserved for this bond
            chosen = symbol or other_symbol
            self._bond(other, self.current, _BOND_TOKENS.get(chosen))
            self._close_cycle(other, self.current)
        self.bond = None

    def _bond(self, a: int, b: int, bond: _Token | None) -> None:
        symbol = bond.label if bond else ""
        for atom in (a, b):
            self.free[atom] -= self._cost(atom, symbol)
            if symbol == "=" and self.atoms[atom].aromatic:
                self.double[atom] = True
        self.neighbours[a] += (b,)
        self.neighbours[b] += (a,)
        if symbol in ("", ":") and self.atoms[a].aromatic and self.atoms[b].aromatic:
            self.aromatic_edges[a] += (b,)
            self.aromatic_edges[b] += (a,)

    def _cost(self, atom: int, symbol: str) -> int:
        """Bonds that an atom spends on a bond; an aromatic one counts sigma bonds only."""
        if self.level == "syntax" or self.atoms[atom].aromatic:
            return 1
        return _BOND_ORDER[symbol] if symbol else 1

    def _close_cycle(self, a: int, b: int) -> None:
        """Mark the atoms and bonds on the tree path between both ends."""
        above = [a]
        while self.parent[above[-1]] >= 0:
            above.append(self.parent[above[-1]])
        height = {atom: steps for steps, atom in enumerate(above)}
        path = [b]
        while path[-1] not in height:
            path.append(self.parent[path[-1]])
        path = above[: height[path[-1]]] + path[::-1]
        for left, right in zip(path, [*path[1:], path[0]], strict=True):
            self.in_ring[left] = True
            self.ring_edges.add((min(left, right), max(left, right)))

    # --- rules -----------------------------------------------------------------------------------------------------

    def _fits(self, token: _Token, level: Level) -> bool:
        """Everything but aromaticity."""
        if self.finished or token.kind == "never":
            return False
        if self.current < 0:
            return token.kind == "atom" and self._time_left(token)
        if token.kind == "end":
            return not (self.stack or self.rings or self.bond)
        if not self._time_left(token):
            return False
        expects_atom = self.after_open or self.bond is not None
        if token.kind == "atom":
            return self._can_attach(token, level)
        if token.kind == "bond":
            return self.bond is None and self._can_spend(self.current, token.label, level)
        if token.kind == "open":
            return not expects_atom and self._can_spend(self.current, "", level)
        if token.kind == "close":
            return not expects_atom and bool(self.stack) and self._rings_stay_closable(self.stack[-1][0], 0, 1, level)
        return not self.after_open and self._can_take_ring(token, level)

    def _can_spend(self, atom: int, symbol: str, level: Level, reserved: int = 0) -> bool:
        """Whether an atom can take one more bond, ``reserved`` bonds being set aside for it already."""
        if level == "syntax":
            return True
        token = self.atoms[atom]
        if token.aromatic:
            if symbol == "=" and (token.element != "C" or self.double[atom]):
                return False
            return symbol not in ("#", "$") and self.free[atom] + reserved >= 1
        return self.free[atom] + reserved >= (_BOND_ORDER[symbol] if symbol else 1)

    def _can_attach(self, token: _Token, level: Level) -> bool:
        symbol = self.bond.label if self.bond else ""
        if level == "syntax":
            return True
        if not self._can_spend(self.current, symbol, level):
            return False
        if token.aromatic:
            if symbol in ("#", "$") or (symbol == "=" and token.element != "C") or token.capacity < 1:
                return False
            left = token.capacity - 1
        else:
            left = token.capacity - (_BOND_ORDER[symbol] if symbol else 1)
        if left < 0 or (symbol == ":" and not (token.aromatic and self.atoms[self.current].aromatic)):
            return False
        # an open ring label must find an atom that can still take it
        if not self.rings or left > 0:
            return True
        spent = self._cost(self.current, symbol)
        return any(self.free[atom] - (spent if atom == self.current else 0) > 0 for atom, _ in self.stack)

    def _can_take_ring(self, token: _Token, level: Level) -> bool:
        symbol = self.bond.label if self.bond else ""
        if token.label not in self.rings:
            if not self._can_spend(self.current, symbol, level):
                return False
            spent = self._cost(self.current, symbol)
            return level == "syntax" or self.free[self.current] - spent > 0 or self._stack_has_room(0)
        other, other_symbol = self.rings[token.label]
        if other == self.current or other in self.neighbours[self.current]:
            return False
        if symbol and other_symbol and symbol != other_symbol and not {symbol, other_symbol} <= {"/", "\\", "-"}:
            return False
        chosen = symbol or other_symbol
        if not self._can_spend(self.current, chosen, level):
            return False
        if not self._can_spend(other, chosen, level, reserved=self._cost(other, other_symbol)):
            return False
        return self._rings_stay_closable(self.current, self._cost(self.current, chosen), 0, level, closing=1)

    def _rings_stay_closable(self, atom: int, spent: int, popped: int, level: Level, closing: int = 0) -> bool:
        """Whether the open labels left over find room at ``atom`` or further down the stack."""
        if level == "syntax" or len(self.rings) - closing == 0:
            return True
        return self.free[atom] - spent > 0 or self._stack_has_room(popped)

    def _stack_has_room(self, popped: int) -> bool:
        return any(self.free[atom] > 0 for atom, _ in self.stack[: len(self.stack) - popped])

    def _time_left(self, token: _Token) -> bool:
        """Whether everything open can still be closed within the length after this token.

        Each open branch needs one token. Each open label is given three: up to two atoms that lead away from its own
        atom, then the label. Where the spare tokens have run out, an atom is taken only to make room for a label, and
        from then on the label comes before all else.
        """
        left = self.grammar.max_length - self.length - 1  # after this token
        need = len(self.stack) + _TOKENS_PER_RING * len(self.rings) + int(self.bond is not None or self.after_open)
        spare = left + 1 - need  # before this token
        if token.kind == "ring" and token.label in self.rings:
            return left >= 0
        if token.kind == "close":
            return spare >= 0
        if token.kind == "ring":
            return spare >= 1 + _TOKENS_PER_RING
        if token.kind == "open":
            return spare >= 3
        if token.kind == "bond":
            return spare >= 2
        if self.bond is not None or self.after_open:
            return True
        if token.aromatic:
            # an aromatic system of its own takes a ring to complete
            begins = self.current < 0 or not self.atoms[self.current].aromatic
            return spare >= (_TOKENS_FOR_AROMATIC_RING if begins and self.level == "valence" else 1)
        if spare >= 1:
            return True
        return bool(self.rings) and not self._label_closes_here() and spare > -2 and self._holds_any_label(token)

    def _holds_any_label(self, token: _Token) -> bool:
        orders = [_BOND_ORDER[symbol] if symbol else 1 for _, symbol in self.rings.values()]
        return self.level == "syntax" or token.capacity - 1 >= max(orders)

    def _label_closes_here(self) -> bool:
        return any(self._can_take_ring(_Token("ring", label=label), self.level) for label in self.rings)

    # --- aromaticity ----------------------------------------------------------------------------------------------

    def _keeps_aromaticity(self, token: _Token) -> bool:
        """Whether the aromatic atoms can still all lie in rings and be kekulised after this token."""
        if token.kind == "open" or token.label == ":" or not self.aromatic:
            return True
        if token.kind in ("atom", "bond") and not self.atoms[self.current].aromatic:
            return True  # what was final stays as it was
        if token.kind == "end":
            return self._aromatic_atoms_can_be_completed(ended=True)
        after = self.copy()
        if token.kind == "atom":
            after._add_atom(token)
        elif token.kind == "bond":
            after.bond = token
            after._add_atom(_ANY_ATOM)  # whatever follows, the bond is decided
        elif token.kind == "ring":
            after._take_ring(token)
        else:
            after.current = after.stack.pop()[0]
        return after._aromatic_atoms_can_be_completed(ended=False)

    def _aromatic_atoms_can_be_completed(self, ended: bool) -> bool:
        """Whether every aromatic atom can lie in a ring, and every one that needs a double bond can have one.

        Atoms that can still gain bonds are wild: they may find a partner, or stop needing one, later.
        """
        wild: set[int] = set()
        if not ended:
            reachable = {self.current, *(atom for atom, _ in self.stack)}
            wild = {atom for atom in reachable if self.free[atom] > 0} | {atom for atom, _ in self.rings.values()}
        ring_edge = self._ring_edge_test(ended)
        able: set[int] = set()
        must: dict[int, list[int]] = {}
        for index in self.aromatic:
            token = self.atoms[index]
            ringless = not self.in_ring[index] and index not in wild
            if ringless and not any(ring_edge(index, other) for other in self.neighbours[index]):
                return False
            if self.double[index]:
                continue
            if token.element == "C" or token.valence - len(self.neighbours[index]) >= 1:
                able.add(index)
                if index not in wild:
                    must[index] = []
        for index, partners in must.items():
            partners += [other for other in self.aromatic_edges[index] if other in able and ring_edge(index, other)]
        return can_be_kekulised(must)

    def _ring_edge_test(self, ended: bool) -> Callable[[int, int], bool]:
        """A test whether a bond lies in a ring, or may come to lie in one.

        A ring through the bond above atom c is closed by a label on one side of the bond and an atom on the other.
        """
        edges = self.ring_edges
        if ended or not self.rings:
            return lambda a, b: ((a, b) if a < b else (b, a)) in edges
        above_current: set[int] = set()
        atom = self.current
        while atom >= 0:
            above_current.add(atom)
            atom = self.parent[atom]
        labels_below: dict[int, int] = {}  # for each atom the open labels that stand on it or on what hangs from it
        for atom, _ in self.rings.values():
            while atom >= 0:
                labels_below[atom] = labels_below.get(atom, 0) + 1
                atom = self.parent[atom]
        labels = len(self.rings)
        first_open = min((atom for atom, _ in self.stack if self.free[atom] > 0), default=len(self.atoms))

        def test(a: int, b: int) -> bool:
            low, c = (a, b) if a < b else (b, a)
            if (low, c) in edges:
                return True
            below = labels_below.get(c, 0)
            if c in above_current:
                return below < labels or (below > 0 and first_open < c)
            return below > 0

        return test


_MUTABLE = (
    "atoms", "aromatic", "free", "double", "neighbours", "aromatic_edges", "parent", "in_ring", "ring_edges", "rings",
    "stack",
)  # fmt: skip
"""Attributes of a state that a copy must not share."""
_ANY_ATOM = _Token("atom", element="C", capacity=4)
_BOND_TOKENS = {symbol: _Token("bond", order=order, label=symbol) for symbol, order in _BOND_ORDER.items()}
