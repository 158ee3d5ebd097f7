"""Pages of the docstrings: what the package shows at its top, and every module by the room it is in."""

import ast
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_FACE = [
    ("molvae.core.pretrained.load_model", "A model by its name, folder or address."),
    ("molvae.molecules.vae.MoleculeVAE", "Molecules written as SMILES."),
    ("molvae.molecules.graph_vae.GraphVAE", "Molecules as junction trees."),
    ("molvae.images.vae.ImageVAE", "Images."),
    ("molvae.design.campaign.Campaign", "A search for what scores high."),
    ("molvae.design.objective.Objective", "What is maximised."),
    ("molvae.activity.model.ActivityModel", "A model of your own measurements."),
]


def python_page() -> str:
    """Markdown of the page of what ``from molvae import ...`` gives."""
    lines = ["# Python", "", "What `from molvae import ...` gives, from its docstrings.", ""]
    for name, _ in _FACE:
        lines += [
            f"::: {name}",
            "    options:",
            "      heading_level: 2",
            "      show_root_full_path: false",
            "      inherited_members: true",
            "      show_bases: false",
            "",
        ]
    return "\n".join(lines)


def modules_pages() -> dict[str, str]:
    """Path -> Markdown, one page for each package directly below ``molvae``."""
    pages = {}
    shown = {name.rpartition(".")[0]: name.rpartition(".")[2] for name, _ in _FACE}
    for room in sorted(path for path in (_ROOT / "molvae").iterdir() if (path / "__init__.py").is_file()):
        if room.name in ("cli", "weights"):
            continue
        about = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
        lines = [f"# molvae.{room.name}", "", *_about(about), ""]
        for path in sorted(room.rglob("*.py")):
            if path.name == "__init__.py" or not _documented(path):
                continue
            module = ".".join(path.relative_to(_ROOT).with_suffix("").parts)
            lines += [f"::: {module}", "    options:", "      heading_level: 2", "      toc_label: " + module[7:]]
            if module in shown:
                lines += [f"      filters: ['!^_', '!^{shown[module]}$']"]
            lines += [""]
        pages[f"reference/modules/{room.name}.md"] = "\n".join(lines)
    return pages


def _about(text):
    """The docstring of a package: its first paragraph, and what is set as a table."""
    first, _, rest = text.partition("\n\n")
    return [first, "", *(["```text", rest, "```"] if "    " in rest else [rest])]


def _documented(path):
    if not (path.parent / "__init__.py").is_file():  # the pages of the browser are no modules to import
        return False
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is not None
