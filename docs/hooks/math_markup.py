"""Formulas as MathML, which browsers draw themselves, and the code of a formula beside it.

``$...$`` and ``$$...$$`` are LaTeX; latex2mathml turns them into MathML when the site is built, so that no script and
no font is needed. A line ``<!-- source: molvae.core.objectives.iwae -->`` becomes the code of that function or class as
it is now, without its docstring.
"""

import ast
import html
import re
from pathlib import Path

from latex2mathml.converter import convert

_ROOT = Path(__file__).resolve().parents[2]
_FORMULA = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', re.DOTALL)
_SOURCE = re.compile(r"^<!-- source: ([\w.]+) -->$", re.MULTILINE)


def on_page_markdown(markdown, **_):
    """Put the code in."""
    return _SOURCE.sub(lambda match: f'```python title="{match[1]}"\n{source_of(match[1])}\n```', markdown)


def on_page_content(page_html, **_):
    """Put the MathML in."""
    return _FORMULA.sub(_mathml, page_html)


def _mathml(match):
    latex = html.unescape(match[2]).strip()
    inline = latex.startswith(r"\(")
    latex = latex[2:-2].strip()
    if not latex.isascii():
        raise ValueError(f"write the formula in LaTeX: {latex}")
    drawn = convert(latex, display="inline" if inline else "block")
    return drawn if inline else f'<div class="formula">{drawn}</div>'


def source_of(name: str) -> str:
    """The code of ``package.module.function`` or ``package.module.Class.method``, without its docstring.

    Raises:
        ValueError: there is no such thing.
    """
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        path = _ROOT.joinpath(*parts[:end]).with_suffix(".py")
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            return _code(text, _found(ast.parse(text), parts[end:], name))
    raise ValueError(f"no module of {name}")


def _found(node, names, whole):
    for name in names:
        inside = [part for part in node.body if getattr(part, "name", None) == name]
        if not inside:
            raise ValueError(f"{whole} is not in the package any more: correct the page that shows it")
        node = inside[0]
    return node


def _code(text, node):
    lines = text.splitlines()
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    kept = list(range(first - 1, node.end_lineno))
    if ast.get_docstring(node) is not None:
        docstring = node.body[0]
        kept = [number for number in kept if not docstring.lineno - 1 <= number < docstring.end_lineno]
    shown = [lines[number][node.col_offset :] for number in kept]
    return "\n".join(shown).rstrip()
