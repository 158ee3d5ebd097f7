"""What the VAE of a protein family is worth: reconstruction, function from z, and designs, beside baselines."""

import json
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field

from molvae.core.evaluate import active_units, evaluate_bounds
from molvae.errors import InputError
from molvae.experiments.proteins_data import ProteinData, ProteinRecipe, labels, numbers
from molvae.proteins import evaluation
from molvae.proteins.alignment import identity
from molvae.proteins.baselines import (
    AlignedValidator,
    BaselineConfig,
    aligned_batch,
    aligned_tokens,
    aligned_vae,
    means,
    recurrent_vae,
)
from molvae.proteins.batches import family_in_order, texts
from molvae.proteins.likelihood import generate
from molvae.proteins.pictures import function_panel, group_panel, path_ends, path_panel
from molvae.proteins.training import residue_accuracy
from molvae.proteins.vae import ProteinVAE
from molvae.run.config import Seed
from molvae.run.files import write_text
from molvae.run.panels import Panel, save_panels
from molvae.run.progress import Event
from molvae.run.recipe import Context, Result

Rows = dict[str, dict[str, float]]
_WRITTEN = 200  # held-out sequences that are decoded freely


class ProteinsEvaluateRecipe(ProteinRecipe):
    """Evaluation of the VAE of a protein family; with ``baselines`` they are trained on the same sequences."""

    uses: ClassVar = frozenset({"device", "mirror"})
    kind: Literal["proteins_evaluate"] = "proteins_evaluate"
    model: str
    """Model or run folder of stage three."""
    function_column: str | None = None
    """Column with a measured number."""
    threshold: float = Field(0.5, ge=-1e9, le=1e9)
    """Above it a sequence counts as functional."""
    group_column: str | None = None
    """Column of the groups that are held out whole."""
    largest_group_alone: bool = True
    """Ask also within the group that has most functional sequences, where the group itself tells nothing."""
    label_column: str | None = None
    """Column of labels that neighbours vote for."""
    labels: tuple[str, ...] = ()
    """Labels that are asked about, in lower case; default: all."""
    designs: int = Field(500, ge=0, le=1_000_000)
    """Points of the prior that are decoded."""
    temperature: float = Field(1.0, ge=0, le=100)
    """Of these decodings; 0: greedy."""
    aligned: bool = False
    """The rows of the file are aligned: also train the VAE of the alignment."""
    baselines: bool = False
    """Train a GRU VAE of raw sequences, and if there is an alignment the VAE of that, on the same training part."""
    baseline: BaselineConfig = BaselineConfig()
    seed: Seed = 0
    """Of the draws."""

    def execute(self, context: Context) -> Result:
        """Measure; leaves ``numbers.json``, tables and pictures.

        Raises:
            InputError: none of the sequences can be held by the model.
        """
        self.is_begun(context)
        model = ProteinVAE.from_pretrained(self.model, context.device)
        whole = self.proteins(context)
        data = self._held(whole, model)
        folder = self.open_folder(context, {"sources": data.sources, "model": model.fingerprint()})
        # as training splits: first every tenth, then what the model can hold
        training, held_out = (_that_fit(part, model) for part in whole.split())
        if model.known is not None:
            new = [sequence not in model.known for sequence in held_out["sequence"]]
            held_out = held_out[new].reset_index(drop=True)
        if held_out.empty:
            raise InputError(
                "every sequence that would be held out was trained on: give data and 'keep' as the training had them"
            )

        def told(what: str) -> None:
            context.progress(Event("evaluation", text=what, milestone=True))

        told("reconstruction of held-out sequences")
        others = held_out["sequence"].tolist()
        rebuilt: Rows = {"this model": self._rebuilt(model, model.in_order(others), others)}
        representations = self._representations(model, data.sequences)
        drawn = {"this model": self._drawn(model)}
        if self.baselines:
            told("training the GRU VAE")
            longest = model.config.max_length
            recurrent = recurrent_vae(
                self.baseline, training["sequence"].tolist(), others, longest, folder / "gru", context.device,
                context.progress,
            )  # fmt: skip
            rebuilt["GRU VAE"] = self._rebuilt(recurrent, family_in_order(others, None), others)
            representations["GRU VAE, z"] = means(recurrent, family_in_order(data.sequences, None)).numpy()
            drawn["GRU VAE"] = self._drawn(recurrent)
        if self.aligned:
            told("training the VAE of the alignment")
            aligned = aligned_vae(
                self.baseline, training["written"].tolist(), held_out["written"].tolist(), folder / "aligned",
                context.device, context.progress,
            )  # fmt: skip
            rows = aligned_batch(aligned_tokens(held_out["written"].tolist()))
            every = aligned_batch(aligned_tokens(data.frame["written"].tolist()))
            accuracy = AlignedValidator(self.baseline, [rows]).measure(aligned)["residue_accuracy"]
            rebuilt["VAE of the alignment"] = {"residue accuracy, no residues told": accuracy}
            representations["VAE of the alignment, z"] = means(aligned, [every]).numpy()
            points = aligned.prior.sample((self.designs,), torch.Generator().manual_seed(self.seed))
            with torch.no_grad():
                modes = aligned.decoder(points.unsqueeze(0)).mode[0]
            drawn["VAE of the alignment"] = [text for text in _without_gaps(modes) if text]
        panels = [self._panel("rebuilt", "Reconstruction of held-out sequences", rebuilt, _REBUILT)]
        numbers_: dict[str, Any] = {"reconstruction": rebuilt}
        told("function and labels from representations")
        more, found = self._function(representations, data)
        panels, numbers_ = panels + more, numbers_ | found
        if self.designs:
            told("designs beside natural sequences")
            known = training["sequence"].tolist()
            table: Rows = {"held-out natural": evaluation.design_statistics(others, known, others)}
            for name, designs in drawn.items():
                table[name] = evaluation.design_statistics(designs, known, others)
                if model.function is not None:
                    table[name]["predicted function"] = float(model.function(designs).mean())
            if model.function is not None:
                table["held-out natural"]["predicted function"] = float(model.function(others).mean())
            panels.append(self._panel("designs", "Designs beside natural sequences", table, _DESIGNS))
            numbers_["designs"] = table
        panels += self._pictures(model, data, representations["this model, z"])
        write_text(folder / "numbers.json", json.dumps(numbers_, indent=1))
        save_panels(folder, panels)
        return Result(folder, _as_text(panels), {"numbers": folder / "numbers.json"})

    def _held(self, data: ProteinData, model: ProteinVAE) -> ProteinData:
        good = _that_fit(data.frame, model)
        if len(good) < 20:
            raise InputError(
                f"{len(good)} of {len(data.frame)} sequences have up to {model.config.max_length} residues, which the"
                " model can hold: an evaluation needs 20"
            )
        return ProteinData(good, data.refused, data.sources)

    def _rebuilt(self, model: Any, batches: list[Any], sequences: list[str]) -> dict[str, float]:
        bounds = evaluate_bounds(model, batches, seed=self.seed)
        with torch.no_grad():
            z = torch.cat([model.posterior(batch.to(model.device)).mean for batch in batches])
            tokens, _ = generate(model.decoder, z[:_WRITTEN])
        shares = [identity(a, b) if b else 0.0 for a, b in zip(sequences, texts(tokens), strict=False)]
        return {
            "residue accuracy": residue_accuracy(model, batches),
            "at the z of another": residue_accuracy(model, batches, shuffled=True),
            "identity, written freely": float(np.mean(shares)),
            "reconstruction, nats": bounds["reconstruction"],
            "KL, nats": bounds["kl"],
            "active units": float(active_units(z.cpu())),
        }

    def _representations(self, model: ProteinVAE, sequences: list[str]) -> dict[str, np.ndarray]:
        """What function is to be told from, by name: (n, d) each."""
        z = model.encode(sequences).numpy()
        found = {"this model, z": z, "compressed code": model.codes(sequences).numpy()}
        found["mean states of the transformer"] = model.states(sequences).numpy()
        if model.config.encoder is None:  # whose weights are our own
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                untrained = ProteinVAE(model.config).eval()
            found["the same, untrained"] = untrained.states(sequences).numpy()
        found["counts of pairs, 64 components"] = evaluation.reduced(evaluation.pair_counts(sequences))
        found["shares of the residues"] = evaluation.composition(sequences)
        return found

    def _function(
        self, representations: dict[str, np.ndarray], data: ProteinData
    ) -> tuple[list[Panel], dict[str, Rows]]:
        panels, found = [], {}
        if self.function_column is not None:
            value = numbers(data.frame, self.function_column)
            rows = np.flatnonzero(np.isfinite(value))
            known, positive = value[rows], value[rows] > self.threshold
            random = evaluation.random_split(positive, self.seed)
            splits = [random]
            if self.group_column is not None:
                groups = np.array(labels(data.frame, self.group_column))[rows]
                splits.append(evaluation.group_split(groups.tolist(), self.seed))
                if self.largest_group_alone and positive.any():
                    names, sizes = np.unique(groups[positive & (groups != "")], return_counts=True)
                    if len(names):
                        name = names[sizes.argmax()]
                        splits.append(evaluation.within(random, groups == name, f"within {name}"))
            table = {
                name: evaluation.function_row(each[rows], known, positive, splits)
                for name, each in representations.items()
            }
            caption = (
                f"AUROC of {self.function_column} above {self.threshold:g} ({int(positive.sum())} of {len(known)}"
                f" measured), {evaluation.FOLDS} folds; neighbours: the mean of {evaluation.NEIGHBOURS}. What is"
                " held out decides how hard it is. Representations were learnt without measurements."
            )
            panels.append(self._panel("function-table", "Function from a representation", table, caption))
            found["function"] = table
        if self.label_column is not None:
            given = [text.lower() for text in labels(data.frame, self.label_column)]
            wanted = set(self.labels) or {text for text in given if text}
            rows = np.array([row for row, text in enumerate(given) if text in wanted], dtype=int)
            if len(rows) < evaluation.FOLDS:
                raise InputError(f"{self.label_column}: only {len(rows)} rows have one of the labels")
            named = [given[row] for row in rows]
            split = evaluation.random_split(np.ones(len(rows), dtype=bool), self.seed)
            table = {n: evaluation.label_accuracy(each[rows], named, split) for n, each in representations.items()}
            most = max(named.count(name) for name in set(named)) / len(named)
            caption = (
                f"{len(named)} sequences of {len(set(named))} labels, {evaluation.FOLDS} folds, votes of"
                f" {evaluation.NEIGHBOURS} neighbours; always the commonest label: {most:.2f}."
            )
            panels.append(self._panel("labels", f"{self.label_column} by nearest neighbours", table, caption))
            found["labels"] = table
        return panels, found

    def _drawn(self, model: Any) -> list[str]:
        """Sequences written at points of the prior, those that are no protein left out."""
        if not self.designs:
            return []
        generator = torch.Generator().manual_seed(self.seed)
        z = model.prior.sample((self.designs,), generator)
        parts = [generate(model.decoder, part, self.temperature, generator)[0] for part in z.split(256)]
        return [text for part in parts for text in texts(part) if len(text) > 1]

    def _pictures(self, model: ProteinVAE, data: ProteinData, z: np.ndarray) -> list[Panel]:
        panels = []
        groups = [""] * len(z)
        if self.group_column is not None or self.label_column is not None:
            column = self.group_column or self.label_column or ""
            groups = list(labels(data.frame, column))
            panels.append(group_panel(z, groups, column.replace("_", " ")))
        if self.function_column is not None:
            value = numbers(data.frame, self.function_column)
            positive = np.nan_to_num(value, nan=-np.inf) > self.threshold
            panels.append(function_panel(z, value, positive, self.threshold, self.function_column))
        first, last = path_ends(model, data.sequences, groups)
        names = tuple(groups[row] or f"row {row + 1}" for row in (first, last))
        panels.append(path_panel(model, data.sequences[first], data.sequences[last], (names[0], names[1])))
        return panels

    def _panel(self, name: str, title: str, rows: Rows, caption: str) -> Panel:
        return Panel(name, "table", title, caption, frame=evaluation.table_of(rows, "what"))


_REBUILT = (
    "Residue accuracy: share of residues that are the first choice, told z and the true residues before them; at the z"
    " of another: the same with codes exchanged, which is what the decoder knows of the family without a code. Written"
    " freely: greedy decoding of z alone, identity after alignment (200 sequences)."
)
_DESIGNS = (
    "Decoded points of the prior. Distance of lengths: Kolmogorov-Smirnov. Composition, pairs: Pearson correlation"
    " with held-out natural sequences of the shares of residues, and of log of how much more often two residues"
    " stand 1 to 4 places apart than by chance. Nearest: identity to the most similar training sequence."
)


def _without_gaps(tokens: torch.Tensor) -> list[str]:
    """Rows of an alignment as sequences."""
    from molvae.proteins.sequence import RESIDUES

    return ["".join(RESIDUES[token - 4] for token in row if token >= 4) for row in tokens.tolist()]


def _as_text(panels: list[Panel]) -> str:
    tables = [panel for panel in panels if panel.kind == "table" and panel.frame is not None]
    with pd.option_context("display.width", 200, "display.max_columns", 30):
        return "\n\n".join(
            f"{panel.title}\n{panel.frame.to_string(index=False, float_format='{:.3f}'.format)}"  # type: ignore[union-attr]
            for panel in tables
        )


def _that_fit(frame: pd.DataFrame, model: ProteinVAE) -> pd.DataFrame:
    return frame[frame["sequence"].str.len() <= model.config.max_length].reset_index(drop=True)
