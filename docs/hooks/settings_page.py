"""Every setting of every kind of recipe, from the classes that read them."""

import inspect
import json
import re
import types
import typing

import annotated_types
from pydantic import AfterValidator, BaseModel

from molvae.chemistry.docking.settings import DockingConfig
from molvae.chemistry.filters import FilterConfig
from molvae.experiments.registry import KINDS
from molvae.experiments.studies.registry import STUDIES
from molvae.run.registry import Registry

_ELSEWHERE = {"campaign.filters": FilterConfig, "campaign.oracle_settings": DockingConfig}
"""Tables whose settings depend on a domain or an oracle: those of molecules and of docking are shown."""


def settings_page() -> str:
    """Markdown of the page."""
    lines = [
        "# Settings",
        "",
        "Made from the classes that read them. A recipe is a TOML file with one of these kinds of run: `molvae run "
        "RECIPE.toml`. What it does not set has the default. A setting that is not known is an error that names the "
        "nearest one. A table may be written as such, `[campaign]` and below it `budget = 300`, or with a dot, "
        "`campaign.budget = 300`.",
        "",
    ]
    shown: dict[type, str] = {}
    for kind in KINDS:
        recipe = KINDS[kind]
        lines += [f"## {kind}", "", KINDS.descriptions[kind].capitalize() + f': `kind = "{kind}"`.', ""]
        lines += _table(recipe, "", shown, kind)
    lines += ["## Studies", "", "Settings of each study, in the table `[settings]` of a recipe of kind `study`.", ""]
    for name in STUDIES:
        lines += [f"### study {name}", "", STUDIES.descriptions[name].capitalize() + ".", ""]
        lines += _table(STUDIES[name].settings, "settings.", shown, "study")
    return "\n".join(lines)


def _table(model, prefix, shown, kind):
    rows, inner = [], []
    for name, field in model.model_fields.items():
        if name == "kind":
            continue
        path = f"{prefix}{name}"
        nested = _ELSEWHERE.get(path) or _config_in(field.annotation)
        rows.append(f"| `{name}` | {_cell(_kind(field))} | {_cell(_default(field))} | {_cell(_about(field))} |")
        if nested is not None and not getattr(nested, "whole", False):
            inner.append((path, nested))
    lines = ["| setting | is | default | what it does |", "|---|---|---|---|", *rows, ""] if rows else []
    for path, nested in inner:
        lines += [f"**Table `[{path}]`**", "", _first(inspect.getdoc(nested)), ""]
        if nested in shown and shown[nested] != f"{kind}:{path}":
            where, _, table = shown[nested].partition(":")
            lines += [f"The settings of `[{table}]` of [{where}](#{where.replace(' ', '-')}).", ""]
        else:
            shown[nested] = f"{kind}:{path}"
            lines += _table(nested, f"{path}.", shown, kind)
    return lines


def _config_in(annotation):
    """The class of settings that a field holds, if it holds one."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return next((found for part in typing.get_args(annotation) if (found := _config_in(part))), None)
    return None


_WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "none"}


def _kind(field):
    return _type(field.annotation) + _bounds(field.metadata)


def _type(annotation):
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(parts[0]) + _bounds(parts[1:])
    if origin is typing.Literal:
        return "one of " + ", ".join(f"`{part}`" for part in parts)
    if origin is typing.Union or isinstance(annotation, types.UnionType):
        return " or ".join(_type(part) for part in parts if part is not type(None))
    if origin is tuple:
        inside = [_type(part) for part in parts if part is not Ellipsis]
        return f"list of {inside[0]}" if Ellipsis in parts else "[" + ", ".join(inside) + "]"
    if origin is dict:
        return f"table: {_type(parts[0])} = {_type(parts[1])}"
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return "number or schedule" if annotation.__name__ == "Schedule" else "table"
    return _WORDS.get(
        annotation, "any" if annotation is typing.Any else str(getattr(annotation, "__name__", annotation))
    )


def _bounds(metadata):
    text = ""
    for item in metadata:
        for kind, sign in ((annotated_types.Ge, "≥"), (annotated_types.Gt, ">"), (annotated_types.Le, "≤")):
            if isinstance(item, kind):
                text += f", {sign} {_number(getattr(item, kind.__name__.lower()))}"
        if isinstance(item, annotated_types.Lt):
            text += f", < {_number(item.lt)}"
        if isinstance(item, AfterValidator):
            text += _names(item.func)
    return text


def _names(check):
    """What a setting is checked against, if that is a set of names."""
    if isinstance(owner := getattr(check, "__self__", None), Registry):
        return ", one of " + ", ".join(f"`{name}`" for name in owner)
    names = inspect.getclosurevars(check).nonlocals.get("names") if inspect.isfunction(check) else None
    return "" if names is None else ", one of " + ", ".join(f"`{name}`" for name in names)


def _number(value):
    if isinstance(value, int) and value > 10**12:
        return f"2^{value.bit_length() - 1}"
    return f"{int(value) if value == int(value) else value:,}"


def _default(field):
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return (
            f"`{value.value:g}`" if type(value).__name__ == "Schedule" and value.kind == "constant" else "see the table"
        )
    if value is None:
        return "none"
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"


def _about(field):
    return _plain(field.description or "")


def _first(text):
    return _plain((text or "").split("\n\n")[0])


def _plain(text):
    """A docstring in a page: roles of Sphinx become names."""
    text = re.sub(r":\w+:`~?([\w.]+)`", lambda match: f"`{match[1].rpartition('.')[2]}`", text)
    return text.replace("``", "`").replace("<", "\\<")


def _cell(text):
    return " ".join(text.replace("|", "\\|").split())
