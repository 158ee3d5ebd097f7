"""What a campaign optimises: an arithmetic expression over named properties, such as ``5*QED - SAS``.

The text is parsed by :mod:`ast` into a tree of our own that can hold nothing but numbers, names, arithmetic and
a handful of functions; no text of the user is ever executed. The same tree works on floats (one candidate), on
numpy arrays (a table) and on torch tensors (gradients through the property predictor).
"""

import ast
import difflib
import functools
import operator
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeVar

import numpy as np

from molvae.errors import ConfigError
from molvae.run.progress import Progress, silent, track

if TYPE_CHECKING:  # the protocols know torch, and a worker process that scores should not wait for it
    from molvae.design.protocols import Domain

Value = TypeVar("Value")
Direction = Literal["max", "min"]

MAX_LENGTH = 1000  # characters; a person writes no longer formula
MAX_DEPTH = 100  # nested operations, far below the recursion limit of Python


@dataclass(frozen=True)
class Number:
    """A constant, always finite."""

    value: float


@dataclass(frozen=True)
class Name:
    """A property, looked up when the objective is evaluated."""

    name: str


@dataclass(frozen=True)
class Operation:
    """An operator or function of the table below, applied to its arguments."""

    operation: str
    arguments: tuple["Node", ...]


Node = Number | Name | Operation


class _Operation(NamedTuple):
    """How to compute an operation; ``library`` is numpy or torch, whichever the arguments belong to."""

    fewest: int
    most: int | None
    apply: Callable[..., Any]


def _gauss(library: Any, x: Any, mu: Any, sigma: Any) -> Any:
    return library.exp(-0.5 * ((x - mu) / sigma) ** 2)


_FUNCTIONS: dict[str, _Operation] = {
    "abs": _Operation(1, 1, lambda library, x: library.abs(x)),
    "min": _Operation(2, None, lambda library, *values: functools.reduce(library.minimum, values)),
    "max": _Operation(2, None, lambda library, *values: functools.reduce(library.maximum, values)),
    "exp": _Operation(1, 1, lambda library, x: library.exp(x)),
    "log": _Operation(1, 1, lambda library, x: library.log(x)),
    "log10": _Operation(1, 1, lambda library, x: library.log10(x)),
    "sqrt": _Operation(1, 1, lambda library, x: library.sqrt(x)),
    "sigmoid": _Operation(1, 1, lambda library, x: 1.0 / (1.0 + library.exp(-x))),
    "clip": _Operation(3, 3, lambda library, x, low, high: library.minimum(library.maximum(x, low), high)),
    "gauss": _Operation(3, 3, _gauss),
}
_ARITHMETIC: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.UAdd: "positive",
    ast.USub: "negative",
}
_OPERATIONS: dict[str, _Operation] = _FUNCTIONS | {
    "+": _Operation(2, 2, lambda _, a, b: operator.add(a, b)),
    "-": _Operation(2, 2, lambda _, a, b: operator.sub(a, b)),
    "*": _Operation(2, 2, lambda _, a, b: operator.mul(a, b)),
    "/": _Operation(2, 2, lambda _, a, b: operator.truediv(a, b)),
    "**": _Operation(2, 2, lambda _, a, b: operator.pow(a, b)),
    "positive": _Operation(1, 1, lambda _, a: operator.pos(a)),
    "negative": _Operation(1, 1, lambda _, a: operator.neg(a)),
}
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
FUNCTIONS: tuple[str, ...] = tuple(_FUNCTIONS)
"""The functions that an objective may call: ``min`` and ``max`` of two or more, ``clip(x, low, high)``,
``gauss(x, mu, sigma)`` = exp(-((x - mu)/sigma)^2 / 2), ``sigmoid(x)`` = 1/(1 + exp(-x)), natural ``log``."""


@dataclass(frozen=True)
class Objective:
    """A formula over properties and the direction in which it is better.

    Objectives are equal when formula and direction are, however they were spaced. ``str(objective)`` is the
    formula in a normal form that parses to an equal objective.

    Attributes:
        tree: the formula.
        direction: whether more or less of it is better.
        text: the formula as text.
        domain: whose properties it names; None if they are known only to those who call :meth:`evaluate`.
    """

    tree: Node
    direction: Direction
    text: str = field(compare=False)
    domain: "Domain | None" = field(default=None, compare=False, repr=False)

    @classmethod
    def parse(
        cls, text: str, direction: str = "max", domain: "Domain | None" = None, other_names: bool = False
    ) -> Self:
        """Read a formula.

        Args:
            text: for example ``"5*QED - SAS"``, ``"min(QED, 0.9) - abs(logP - 2)/3"``,
                ``"QED * similarity('celecoxib')"``, or the name of a task of the domain, ``"osimertinib_mpo"``.
            direction: ``"max"`` or ``"min"``.
            domain: whose properties, targets and tasks may be named; without one all names are allowed.
            other_names: allow names that are not properties of the domain too, because an oracle of the user answers
                with them; they are checked when its answers arrive.

        Raises:
            ConfigError: the text is not a formula (shows where), or names something unknown (gives the nearest known).
        """
        if direction not in ("max", "min"):
            raise ConfigError(f"the direction of an objective is 'max' or 'min', not {direction!r}")
        if len(text) > MAX_LENGTH:
            raise ConfigError(f"an objective has at most {MAX_LENGTH} characters; this one has {len(text)}")
        text = " ".join(text.split())
        text = text if domain is None else domain.tasks.get(text, text)
        source = _parse_syntax(text)
        tree = _Builder(text, domain, other_names).build(source, 0)
        if next(_names(tree), None) is None:
            raise ConfigError(f"the objective {text!r} names no property, so every candidate would score the same")
        return cls(tree, "max" if direction == "max" else "min", ast.unparse(source), domain)

    @property
    def properties(self) -> tuple[str, ...]:
        """The names in the formula, in the order in which they first appear."""
        return tuple(dict.fromkeys(_names(self.tree)))

    @property
    def sign(self) -> int:
        """+1 if more is better, -1 if less is; the oracle alone applies it."""
        return 1 if self.direction == "max" else -1

    def evaluate(self, values: Mapping[str, Value]) -> Value:
        """Compute the formula, in the user's sign.

        Args:
            values: one entry for each of :attr:`properties`: all floats, or arrays or tensors of shapes that
                broadcast. Further entries are ignored.

        Returns:
            A float, a float64 array or a tensor; NaN or infinity where the formula is undefined (``log(-1)``, ``1/0``).

        Raises:
            ConfigError: a property is missing from ``values``.
        """
        missing = [name for name in self.properties if name not in values]
        if missing:
            given_names = _listing(values) or "nothing"
            raise ConfigError(f"the objective {self.text!r} needs {_listing(missing)}; only {given_names} is known")
        given: dict[str, Any] = {name: values[name] for name in self.properties}
        torch = sys.modules.get("torch")  # where there is a tensor, torch has been imported
        like = next((v for v in given.values() if torch is not None and isinstance(v, torch.Tensor)), None)
        if torch is not None and like is not None:
            dtype = like.dtype if like.is_floating_point() else torch.get_default_dtype()
            as_value = functools.partial(torch.as_tensor, dtype=dtype, device=like.device)
            result: Any = _compute(self.tree, {k: as_value(v) for k, v in given.items()}, as_value, torch)
            return result
        with np.errstate(all="ignore"):
            # np.float64 scalars, not floats: 1/0 is inf, a huge power is inf, and (-8)**0.5 is NaN, never complex
            arrays = {name: np.asarray(value, dtype=np.float64)[()] for name, value in given.items()}
            result = _compute(self.tree, arrays, np.float64, np)
        return result if np.ndim(result) else float(result)  # type: ignore[return-value]

    def __str__(self) -> str:
        return self.text


def formula_values(objectives: Sequence[Objective], items: Sequence[Any], progress: Progress = silent) -> np.ndarray:
    """Values (n, m) of m formulas over properties of their domain, in the user's sign.

    Args:
        objectives: m formulas of one domain.
        items: n items; the row of what is None is NaN, and so is a formula whose properties are not defined.
        progress: told how far it has come.

    Raises:
        ConfigError: a property cannot be computed at all, such as that of a model whose folder is gone.
    """
    domain = objectives[0].domain
    assert domain is not None, "parse the objectives with a domain"
    names = tuple(dict.fromkeys(name for objective in objectives for name in objective.properties))
    rows = [
        dict.fromkeys(names, np.nan) if item is None else _properties(domain, item, names)
        for item in track(items, "properties", len(items), progress)
    ]
    properties = {name: np.array([row[name] for row in rows], dtype=float) for name in names}
    columns = [np.broadcast_to(objective.evaluate(properties), len(items)) for objective in objectives]
    values = np.stack(columns, 1).astype(float)
    values[[item is None for item in items]] = np.nan  # NaN ** 0 is 1, so a formula need not be NaN where all is
    return values


def _properties(domain: "Domain", item: Any, names: Sequence[str]) -> dict[str, float]:
    """One by one, so that one that is not defined does not cost the others."""
    values: dict[str, float] = {}
    for name in names:
        try:
            values[name] = domain.compute(item, [name])[name]
        except ConfigError:  # a model whose folder is gone is no property of the molecule
            raise
        except (ValueError, RuntimeError, ArithmeticError):
            values[name] = np.nan
    return values


def _compute(node: Node, values: Mapping[str, Any], constant: Callable[[float], Any], library: Any) -> Any:
    match node:
        case Number(value):
            return constant(value)
        case Name(name):
            return values[name]
        case Operation(operation, arguments):
            return _OPERATIONS[operation].apply(
                library, *(_compute(argument, values, constant, library) for argument in arguments)
            )


def _names(node: Node) -> Iterator[str]:
    if isinstance(node, Name):
        yield node.name
    elif isinstance(node, Operation):
        for argument in node.arguments:
            yield from _names(argument)


def _parse_syntax(text: str) -> ast.expr:
    """Python's own parser, with its failures turned into ours."""
    if not text:
        raise ConfigError("the objective is empty; give a formula such as '5*QED - SAS'")
    outside = _QUOTED.sub(lambda quoted: " " * len(quoted[0]), text)  # a SMARTS may hold a #
    if "#" in outside:
        raise _error("an objective cannot hold a comment", text, outside.index("#"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # '0or 1' and '\d' only warn
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        position = min(error.offset - 1, len(text)) if error.offset else len(text)  # 0: the text ends too soon
        raise _error(f"the objective is not a valid formula ({error.msg})", text, position) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise _error(f"the objective is not a valid formula ({error or type(error).__name__})", text, 0) from None


@dataclass(frozen=True)
class _Builder:
    """Copies the allowed part of a Python syntax tree into ours and refuses the rest."""

    text: str
    domain: "Domain | None"
    other_names: bool

    def build(self, node: ast.expr, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.error(f"the objective nests more than {MAX_DEPTH} operations", node)
        match node:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float() as value):
                return self.number(value, node)
            case ast.Name(id=name):
                return self.name(name, node)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _ARITHMETIC:
                return self.operation(_ARITHMETIC[type(op)], [operand], node, depth)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self.operation(_ARITHMETIC[type(op)], [left, right], node, depth)
            case ast.BinOp(op=ast.BitXor()):
                raise self.error("write ** for a power, not ^", node)
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(argument))], keywords=[]):
                return self.target(name, argument, node)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(name, arguments, node, depth)
        raise self.error(
            "only numbers, property names, + - * / ** ( ), the functions "
            f"{', '.join(FUNCTIONS)} and targets such as similarity('celecoxib') are allowed in an objective",
            node,
        )

    def number(self, value: float, node: ast.expr) -> Number:
        try:
            return self.finite(Number(float(value)), node)
        except OverflowError:
            raise self.error("this number is too large", node) from None

    def name(self, name: str, node: ast.expr) -> Name:
        if name in _FUNCTIONS:
            raise self.error(f"{name} is a function: write {name}(...)", node)
        if self.domain is not None and not self.other_names and name not in self.domain.properties:
            raise self.error(f"unknown property {name!r}{_nearest(name, self.domain.properties)}", node)
        return Name(name)

    def target(self, kind: str, argument: str, node: ast.expr) -> Node:
        if self.domain is None:
            return Name(f"{kind}({argument!r})")
        if kind not in self.domain.targets:
            raise self.error(f"{kind!r} takes no text{_nearest(kind, self.domain.targets)}", node)
        try:
            return Name(self.domain.target(kind, argument))
        except ConfigError as error:
            raise self.error(str(error), node) from None

    def call(self, name: str, arguments: list[ast.expr], node: ast.expr, depth: int) -> Node:
        if name not in _FUNCTIONS:
            raise self.error(f"unknown function {name!r}{_nearest(name, FUNCTIONS)}", node)
        fewest, most, _ = _FUNCTIONS[name]
        if len(arguments) < fewest or (most is not None and len(arguments) > most):
            wanted = f"{fewest} or more" if most is None else str(fewest)
            raise self.error(f"{name} takes {wanted} arguments, not {len(arguments)}", node)
        return self.operation(name, arguments, node, depth)

    def operation(self, operation: str, arguments: list[ast.expr], node: ast.expr, depth: int) -> Node:
        return self.finite(Operation(operation, tuple(self.build(part, depth + 1) for part in arguments)), node)

    def finite(self, node: Any, source: ast.expr) -> Any:
        """Refuse a part that is constant and has no finite value, such as ``1/0`` or ``9**9**9``."""
        if isinstance(node, Name) or next(_names(node), None) is not None:
            return node
        with np.errstate(all="ignore"):
            if not np.isfinite(_compute(node, {}, np.float64, np)):
                raise self.error("this part has no finite value", source)
        return node

    def error(self, message: str, node: ast.expr) -> ConfigError:
        # ast counts bytes of UTF-8, the user counts characters
        before = self.text.encode("utf-8", "replace")[: node.col_offset]
        return _error(message, self.text, len(before.decode("utf-8", "ignore")))


def _error(message: str, text: str, position: int) -> ConfigError:
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return ConfigError(f"{message}, at position {position}:\n    {shown}\n    {' ' * position}^")


def _nearest(name: str, known: Collection[str]) -> str:
    """A hint at what was meant; capitals count for nothing, as ``qed`` means ``QED``."""
    lowered = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), lowered, n=1)
    return f"; did you mean {lowered[near[0]]!r}?" if near else f"; known: {', '.join(known)}"


def _listing(names: Collection[str]) -> str:
    return ", ".join(repr(name) for name in names)
