"""Commands that take molecules or points and give a table."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from molvae.cli import complete, options, proteins, tables
from molvae.errors import ConfigError
from molvae.weights import DEFAULT_MODEL, model_name, weights_folder

if TYPE_CHECKING:
    from molvae.molecules.base import MolecularModel

app = options.new_app()

MaskOption = Annotated[str, typer.Option("--mask", help="valence, syntax or none.")]
Decodings = Annotated[int, typer.Option("--n-decodings", min=1, max=10_000, help="Decodings of each point; 1: greedy.")]
Steps = Annotated[int, typer.Option(min=2, max=10_000, help="Points on the path, both ends included.")]


@app.command()
def sample(
    number: Annotated[
        int, typer.Option("-k", "--number", min=1, max=10**12, help="How many points of the prior.")
    ] = 100,
    output: options.Output = None,
    model: options.Model = DEFAULT_MODEL,
    n_decodings: Decodings = 1,
    mask: MaskOption = "valence",
    like: Annotated[
        Path | None, typer.Option(help="Molecules: draw from the Gaussian fitted to their encodings instead.")
    ] = None,
    device: options.Device = "auto",
    seed: options.Seed = 0,
    shard: tables.ShardOption = None,
    cluster: tables.ClusterOption = None,
    shards: tables.ShardsOption = None,
    quiet: options.Quiet = False,
) -> None:
    """Draw molecules from the prior. With --like, from where given molecules lie."""
    if proteins.is_protein_model(model):
        proteins.only_for_molecules(
            mask=mask != "valence", shard=shard is not None, cluster=cluster is not None, shards=shards is not None
        )
        return proteins.sample(model, number, n_decodings, like, device, seed, output)
    from molvae.experiments.verbs import Sample

    values = {"number": number, "model": model, "n_decodings": n_decodings, "mask": _mask(mask), "seed": seed}
    tables.run(Sample.create(values, like=like), output, tables.Where(shard, cluster, shards), device, quiet=quiet)


@app.command()
def encode(
    input: options.Input = None,
    output: options.Output = None,
    model: options.Model = DEFAULT_MODEL,
    refine: Annotated[
        bool, typer.Option(help="Move each point until it decodes to its molecule (50 molecules a second).")
    ] = True,
    smiles_column: options.Column = None,
    device: options.Device = "auto",
    shard: tables.ShardOption = None,
    cluster: tables.ClusterOption = None,
    shards: tables.ShardsOption = None,
    quiet: options.Quiet = False,
) -> None:
    """Give the latent points of molecules.

    The table comes back with columns z0, z1, ..., z_model (whose they are), exact and error. exact says whether greedy
    decoding of the point gives the molecule back. A refused row stays, empty.
    """
    if proteins.is_protein_model(model):
        proteins.only_for_molecules(shard=shard is not None, cluster=cluster is not None, shards=shards is not None)
        return proteins.encode(model, input, smiles_column, device, output)
    from molvae.experiments.verbs import Encode

    verb = Encode(input=options.required(input), smiles_column=smiles_column, model=model, refine=refine)
    tables.run(verb, output, tables.Where(shard, cluster, shards), device, quiet=quiet)


@app.command()
def decode(
    input: Annotated[Path | None, typer.Option("-i", "--input", help="Table of points: .csv, .tsv, .parquet.")] = None,
    output: options.Output = None,
    model: Annotated[
        str | None,
        typer.Option("-m", "--model", help=f"Default: the shipped one that the table names, or {DEFAULT_MODEL}."),
    ] = None,
    n_decodings: Decodings = 50,
    choose: Annotated[
        str,
        typer.Option(help="posterior: the molecule whose q(z|x) is densest there; votes: the commonest."),
    ] = "posterior",
    mask: MaskOption = "valence",
    device: options.Device = "auto",
    seed: options.Seed = 0,
    shard: tables.ShardOption = None,
    cluster: tables.ClusterOption = None,
    shards: tables.ShardsOption = None,
    quiet: options.Quiet = False,
) -> None:
    """Give the molecules at latent points. The table has columns z0, z1, ..., as encode writes them."""
    if model is not None and proteins.is_protein_model(model):
        proteins.only_for_molecules(
            mask=mask != "valence",
            choose=choose != "posterior",
            shard=shard is not None,
            cluster=cluster is not None,
            shards=shards is not None,
        )
        return proteins.decode(model, input, n_decodings, device, seed, output)
    from molvae.experiments.verbs import Decode, models_in
    from molvae.molecules.tables import only_model

    path = options.required(input)
    named = models_in(path, tables.part_of(shard))
    if model is not None and named and named != [model_name(weights_folder(model))]:
        print(f"the points are of {', '.join(named)}; decoding with {model}", file=sys.stderr)
    values = {"n_decodings": n_decodings, "choose": _choice(choose), "mask": _mask(mask), "seed": seed}
    verb = Decode.create(values, input=path, model=model or only_model(named))
    tables.run(verb, output, tables.Where(shard, cluster, shards), device, quiet=quiet)


@app.command()
def interpolate(
    start: Annotated[str, typer.Argument(help="SMILES of the first molecule, or the first protein.")],
    end: Annotated[str, typer.Argument(help="SMILES of the last molecule, or the last protein.")],
    output: options.Output = None,
    steps: Steps = 12,
    method: Annotated[str, typer.Option(help="slerp or lerp.")] = "slerp",
    model: options.Model = DEFAULT_MODEL,
    n_decodings: Decodings = 50,
    device: options.Device = "auto",
    seed: options.Seed = 0,
) -> None:
    """Give the molecules along a path between two others."""
    from molvae.molecules.tables import check_decodings

    if proteins.is_protein_model(model):
        method = _one_of(method, "--method", ("slerp", "lerp"))
        return proteins.interpolate(model, (start, end), steps, method, n_decodings, device, seed, output)
    check_decodings(steps, n_decodings)
    path = _one_of(method, "--method", ("slerp", "lerp"))
    options.write(_load(model, device).interpolate(start, end, steps, path, n_decodings, seed), output)


@app.command()
def score(
    input: options.Input = None,
    output: options.Output = None,
    objective: Annotated[
        str, typer.Option(help="Formula over properties.", autocompletion=complete.objectives)
    ] = "5*QED - SAS",
    smiles_column: options.Column = None,
    num_workers: options.Workers = 0,
    shard: tables.ShardOption = None,
    cluster: tables.ClusterOption = None,
    shards: tables.ShardsOption = None,
    quiet: options.Quiet = False,
) -> None:
    """Score molecules with an objective. Every row comes back, a refused one with its reason."""
    from molvae.experiments.verbs import Score

    verb = Score(input=options.required(input), smiles_column=smiles_column, objective=objective)
    tables.run(verb, output, tables.Where(shard, cluster, shards), workers=num_workers, quiet=quiet)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="Folder of 'molvae fit'.")],
    input: options.Input = None,
    output: options.Output = None,
    smiles_column: options.Column = None,
    device: options.Device = "auto",
    shard: tables.ShardOption = None,
    cluster: tables.ClusterOption = None,
    shards: tables.ShardsOption = None,
    quiet: options.Quiet = False,
) -> None:
    """Predict an activity with a model of 'molvae fit'. Every row comes back, a refused one with its reason.

    Columns: the target, its sd (of the molecule's own value), sd_measurement (with the noise of a measurement),
    nearest_similarity and nearest (training molecule), in_domain.
    """
    from molvae.experiments.verbs import Predict

    verb = Predict(input=options.required(input), smiles_column=smiles_column, model=str(model))
    tables.run(verb, output, tables.Where(shard, cluster, shards), device, quiet=quiet)


@app.command()
def validate(
    input: options.Input = None,
    output: options.Output = None,
    model: Annotated[
        str, typer.Option("-m", "--model", help="Model whose training set novelty refers to.")
    ] = DEFAULT_MODEL,
    require: options.Require = None,
    forbid: options.Forbid = None,
    lipinski: Annotated[bool, typer.Option(help="Refuse molecules that break the rule of five.")] = False,
    smiles_column: options.Column = None,
    shard: tables.ShardOption = None,
    cluster: tables.ClusterOption = None,
    shards: tables.ShardsOption = None,
    quiet: options.Quiet = False,
) -> None:
    """Judge molecules, each refusal with its reason. Valid, duplicate, known or novel, filtered, alerts."""
    from molvae.experiments.verbs import Validate

    filters = options.given(require=require, forbid=forbid, lipinski=lipinski)
    values = {"smiles_column": smiles_column, "model": model, "filters": filters}
    tables.run(
        Validate.create(values, input=options.required(input)),
        output,
        tables.Where(shard, cluster, shards),
        quiet=quiet,
    )


def _load(model: str, device: str) -> "MolecularModel":
    from molvae.core.pretrained import load_model
    from molvae.molecules.base import as_molecular

    return as_molecular(load_model(model, device), model)


def _mask(name: str) -> Any:
    return _one_of(name, "--mask", ("valence", "syntax", "none"))


def _choice(name: str) -> Any:
    return _one_of(name, "--choose", ("posterior", "votes"))


def _one_of(name: str, flag: str, names: tuple[str, ...]) -> Any:
    if name not in names:
        raise ConfigError(f"{flag} is one of {', '.join(names)}, not {name!r}")
    return name
