"""Docstrings name things as Sphinx does, ``:func:`molvae.run.fetch.fetch```; here such names become links."""

import re

from griffe import Extension

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):`(~?)([\w.]+)`")
_CODE = re.compile(r"``([^`]+)``")


class SphinxRoles(Extension):
    """Rewrites the docstring of everything that has one."""

    def on_object(self, *, obj, **_):
        if obj.docstring is not None:
            text = _ROLE.sub(_link, obj.docstring.value)
            text = _CODE.sub(r"`\1`", text)
            obj.docstring.value = re.sub(r"::$", ":", text, flags=re.MULTILINE)


def _link(match):
    short, name = match.groups()
    shown = name.rpartition(".")[2] if short else name
    if "." not in name:
        return f"`{name}`"
    # optional: what has no entry here, as of another package, is shown as a name
    return f'<autoref identifier="{name}" optional><code>{shown}</code></autoref>'
