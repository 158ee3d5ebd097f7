"""What makes the commands of help texts and of documentation pages take seconds; the last of two equal options wins."""

import shlex

TINY = {
    "design": "-m zinc250k-small --budget 14 --start-size 10 --batch 4 -q",
    "resume": "-q",
    "run": "-q",
    "benchmark": "-n 1 -q",
    "suggest": "-m zinc250k-small",
    "fit": "--kernel fingerprint --folds 2 -q",
    "predict": "-q",
    "score": "-q",
    "encode": "-m zinc250k-small --no-refine -q",
    "sample": "-m zinc250k-small -k 5",
    "interpolate": "-m zinc250k-small --steps 3 --n-decodings 4",
    "decode": "--n-decodings 4",
    "train": "--from zinc250k-small --max-molecules 24 --epochs 1 -q",
    "evaluate": "--max-molecules 8 --prior-samples 20 -q",
    "images train": "--epochs 1 -q",
    "images evaluate": "--nll-images 4 --nll-samples 3 -q",
}
"""Command -> options."""


def command_of(line: str) -> tuple[str, list[str]]:
    """``molvae images train -o x`` -> ``images train`` and the words after ``molvae``."""
    words = shlex.split(line)[1:]
    return " ".join(words[: 2 if words[0] in ("images", "data") else 1]), words


def tiny(line: str) -> list[str]:
    """The words of a command line after ``molvae``, with the options that make it small."""
    command, words = command_of(line)
    return [*words, *shlex.split(TINY.get(command, ""))]
