"""Proteins as inline SVG: rows of coloured residues, each with its letter."""

from molvae.proteins.sequence import GAPS, Protein

COLOURS = {
    "AILMV": "#cfe0f5",  # water-repellent
    "FWY": "#8db9e8",  # aromatic
    "KR": "#f4a6a0",  # positive
    "H": "#f6cdbd",
    "DE": "#d9a6e0",  # negative
    "STNQ": "#c4e8c0",  # polar
    "C": "#f6e58d",
    "G": "#f4d3a0",
    "P": "#f7efb2",
}
"""Residues of one kind -> colour, much as alignments are coloured (Zappo, ClustalX)."""
COLOUR = {residue: colour for residues, colour in COLOURS.items() for residue in residues}
_MOST = 600  # residues that are drawn


def sequence_svg(text: str, width: int = 220, height: int = 160) -> str:
    """The residues of a protein in rows, ten in a group; an empty string if it is none.

    Letters of the twenty amino acids only: no text of the user gets into the SVG.
    """
    item, _ = Protein.parse(text)
    if item is None:
        return ""
    sequence = item.sequence[:_MOST]
    columns = 10
    while columns < 60 and (width / (columns + 10)) * 1.5 * -(-len(sequence) // columns) > height:
        columns += 10
    side = width / columns
    tall = min(side * 1.5, height / -(-len(sequence) // columns))
    parts = []
    for place, residue in enumerate(sequence):
        x, y = side * (place % columns), tall * (place // columns)
        parts.append(f"<rect x='{x:.1f}' y='{y:.1f}' width='{side:.1f}' height='{tall:.1f}' fill='{COLOUR[residue]}'/>")
        parts.append(f"<text x='{x + side / 2:.1f}' y='{y + 0.75 * tall:.1f}'>{residue}</text>")
    size = min(side * 1.3, tall * 0.85)
    style = f"font-family='monospace' font-size='{size:.1f}' text-anchor='middle' fill='#222222'"
    drawn = tall * -(-len(sequence) // columns)
    return (
        f"<svg role='img' width='{width}' height='{height}' viewBox='0 0 {width} {max(drawn, 1):.1f}'>"
        f"<g {style}>{''.join(parts)}</g></svg>"
    )


def differences(parent: str, child: str) -> str:
    """Two aligned rows as mutations in the numbering of the parent: ``A12V, del13, ins40G``."""
    changes, place = [], 0
    for a, b in zip(parent, child, strict=True):
        place += a not in GAPS
        if a != b:
            changes.append(f"ins{place}{b}" if a in GAPS else f"del{place}" if b in GAPS else f"{a}{place}{b}")
    return ", ".join(changes)
