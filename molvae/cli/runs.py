"""Commands that execute a recipe: each builds one from its options, or reads one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from molvae.cli import complete, options
from molvae.errors import ConfigError
from molvae.weights import DEFAULT_MODEL, SEARCH_MODEL

app = options.new_app()


@app.command()
def design(
    input: options.Data = None,
    objective: Annotated[
        str | None,
        typer.Option(help='Formula over properties (default "5*QED - SAS").', autocompletion=complete.objectives),
    ] = None,
    direction: Annotated[str | None, typer.Option(help="max or min.")] = None,
    oracle: Annotated[
        str | None, typer.Option(help="'module:function', 'command: program arguments' or 'dock:RECEPTOR'.")
    ] = None,
    oracle_settings: Annotated[
        Path | None, typer.Option(help="Settings of the oracle (TOML), such as the box to dock in.")
    ] = None,
    confirm: Annotated[
        int | None, typer.Option(min=1, help="Score so many of the best once more at full fidelity.")
    ] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds for one answer of a custom oracle.")] = None,
    budget: Annotated[
        int | None,
        typer.Option(min=1, max=1_000_000, help="Oracle calls in all, starting molecules included (500)."),
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Molecules scored in a step (10).")] = None,
    start_size: Annotated[
        int | None, typer.Option(min=1, help="Starting molecules drawn from the input (100).")
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="Default: hybrid (proteins: latent); see molvae list strategies.", autocompletion=complete.strategies
        ),
    ] = None,
    pareto: Annotated[
        list[str] | None, typer.Option(help="One of several formulas to maximise at once: give it for each.")
    ] = None,
    baselines: Annotated[str | None, typer.Option(help="Strategies to run beside it, e.g. random,screening.")] = None,
    require: options.Require = None,
    forbid: options.Forbid = None,
    lead: options.Lead = None,
    min_similarity: options.MinSimilarity = None,
    scaffold: options.ScaffoldToKeep = None,
    require_novel: Annotated[bool, typer.Option(help="Refuse molecules of the training set.")] = False,
    per_scaffold: options.PerScaffold = None,
    per_cluster: options.PerCluster = None,
    cluster_similarity: options.ClusterSimilarity = None,
    output: options.RunFolder = None,
    model: options.Model = SEARCH_MODEL,
    mirror: options.Mirror = None,
    smiles_column: options.Column = None,
    num_workers: options.Workers = 0,
    cluster: options.ClusterOption = None,
    in_flight: Annotated[
        int | None, typer.Option(min=1, help="Keep so many oracle calls running: an answer, then a new proposal.")
    ] = None,
    refill: Annotated[
        int | None, typer.Option(min=1, help="With --in-flight: so many answers, then as many proposals (1).")
    ] = None,
    device: options.Device = "auto",
    seed: options.SeedOfRun = None,
    quiet: options.Quiet = False,
) -> None:
    """Find molecules with a high objective. Without -i, it starts from RDKit's NCI compounds."""
    from molvae.experiments.design import DesignRecipe
    from molvae.run.config import read_toml

    if timeout is not None and oracle is None:
        raise ConfigError("--timeout is for an oracle of your own: give one with --oracle, or leave it out")
    campaign = options.given(
        objective=objective,
        direction=direction,
        oracle=oracle,
        oracle_settings=None if oracle_settings is None else read_toml(oracle_settings),
        confirm=confirm,
        timeout=timeout,
        budget=budget,
        batch=batch,
        start_size=start_size,
        strategy="pareto" if pareto and strategy is None else strategy,
        pareto=pareto,
        baselines=None if baselines is None else [name.strip() for name in baselines.split(",") if name.strip()],
        require_novel=require_novel,
        in_flight=in_flight,
        refill=refill,
    )
    campaign |= options.filters_given(
        require=require, forbid=forbid, lead=lead, min_similarity=min_similarity, scaffold=scaffold
    )
    campaign |= options.diversity_given(per_scaffold, per_cluster, cluster_similarity)
    campaign |= {} if seed is None else {"seed": seed}
    recipe = DesignRecipe.create({"campaign": campaign}, input=input, smiles_column=smiles_column, model=model)
    options.execute(recipe, output, device, num_workers, mirror, quiet, cluster=cluster)


@app.command()
def train(
    recipe: Annotated[Path | None, typer.Argument(help="Recipe (TOML); default: all defaults.")] = None,
    input: options.Data = None,
    held_out: Annotated[
        str | None, typer.Option(help="File for validation; default: a twentieth of the input.")
    ] = None,
    initial: Annotated[
        str | None, typer.Option("--from", help="Fine-tune this model: a shipped one, a model or run folder.")
    ] = None,
    output: options.RunFolder = None,
    epochs: options.Epochs = None,
    max_molecules: options.MaxMolecules = None,
    mirror: options.Mirror = None,
    smiles_column: options.Column = None,
    num_workers: options.Workers = 0,
    tensorboard: options.Tensorboard = False,
    device: options.Device = "auto",
    seed: options.SeedOfRun = None,
    quiet: options.Quiet = False,
) -> None:
    """Train a molecular VAE.

    It is one of SMILES or, if the recipe says so, of graphs. Leaves a model folder that every other command takes
    with -m.
    """
    from molvae.experiments.data import TrainingRecipe
    from molvae.experiments.registry import make_recipe
    from molvae.molecules.training import fine_tuning

    values = with_fit(recipe, epochs, seed)
    values.setdefault("kind", "train")
    if initial is not None:
        if values["kind"] != "train":
            raise ConfigError("--from is for models of SMILES: a recipe of graphs names train.initial itself")
        values["train"] = fine_tuning(initial, values.get("train", {}))
    values |= options.given(data=input, held_out=held_out, max_molecules=max_molecules, smiles_column=smiles_column)
    training = make_recipe(values)
    if not isinstance(training, TrainingRecipe):
        raise ConfigError(f"{recipe} is a recipe of kind {training.kind!r}, not of a training: molvae run {recipe}")
    options.execute(training, output, device, num_workers, mirror, quiet, tensorboard)


def with_fit(recipe: Path | None, epochs: int | None, seed: int | None) -> dict[str, Any]:
    """The values of a training recipe, with the options for its loop."""
    from molvae.run.config import read_toml

    values = {} if recipe is None else read_toml(recipe)
    for name, value in (("epochs", epochs), ("seed", seed)):
        if value is not None:
            part = values.setdefault("train", {})
            fit = part.setdefault("fit", {}) if isinstance(part, dict) else None
            if not isinstance(fit, dict):
                raise ConfigError(f"{recipe}: train and train.fit are tables")
            fit[name] = value
    return values


@app.command()
def fit(
    assay: Annotated[Path, typer.Argument(help="Table of molecules and measurements.")],
    target: Annotated[str, typer.Option(help="Column of the measurements.")],
    output: options.RunFolder = None,
    unit: Annotated[str, typer.Option(help="Unit of the measurements, in words; for the record.")] = "",
    concentration: Annotated[
        str | None, typer.Option(help="M, mM, uM, nM or pM: the values are concentrations, model -log10 of them.")
    ] = None,
    kernel: Annotated[str, typer.Option(help="auto (the data choose), fingerprint, latent or sum.")] = "auto",
    folds: Annotated[int, typer.Option(min=0, help="Folds of each split; 0: no validation.")] = 5,
    model: Annotated[
        str, typer.Option("-m", "--model", help="VAE that gives the latent points: shipped, or a folder.")
    ] = DEFAULT_MODEL,
    smiles_column: options.Column = None,
    device: options.Device = "auto",
    seed: options.Seed = 0,
    quiet: options.Quiet = False,
) -> None:
    """Learn an activity from your own table, and say how well. An objective then names it: model('FOLDER')."""
    from molvae.experiments.fit import FitRecipe

    values = {"data": str(assay), "target": target, "unit": unit, "kernel": kernel, "folds": folds, "seed": seed}
    recipe = FitRecipe.create(values, concentration=concentration, model=model, smiles_column=smiles_column)
    options.execute(recipe, output, device, quiet=quiet)


@app.command()
def evaluate(
    model: Annotated[
        str, typer.Argument(help="A shipped model or a model folder.", autocompletion=complete.models)
    ] = DEFAULT_MODEL,
    data: Annotated[str, typer.Option("-i", "--input", help="zinc250k (its test split) or a file.")] = "zinc250k",
    output: options.RunFolder = None,
    max_molecules: options.MaxMolecules = None,
    prior_samples: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Points of the prior (1,000).")
    ] = None,
    samples: Annotated[
        Path | None, typer.Option(help="Measure this file of generated molecules instead, against the input.")
    ] = None,
    mirror: options.Mirror = None,
    smiles_column: options.Column = None,
    num_workers: options.Workers = 0,
    device: options.Device = "auto",
    seed: options.Seed = 0,
    quiet: options.Quiet = False,
) -> None:
    """Measure a molecular VAE. Reconstruction, prior validity, KL, property error: one table, JSON and a report."""
    from molvae.cli import proteins

    if proteins.is_protein_model(model):
        measured = proteins.evaluation(model, data, smiles_column, max_molecules, prior_samples, samples, seed)
        return options.execute(measured, output, device, num_workers, mirror, quiet)
    from molvae.experiments.evaluate import EvaluateRecipe
    from molvae.experiments.samples import SamplesRecipe
    from molvae.run.recipe import Recipe

    recipe: Recipe
    source = {"model": model, "data": data, "smiles_column": smiles_column}
    if samples is None:
        evaluation = options.given(molecules=max_molecules, prior_samples=prior_samples)
        recipe = EvaluateRecipe.create({"evaluation": {**evaluation, "seed": seed}}, **source)
    elif max_molecules is not None or prior_samples is not None:
        raise ConfigError("--samples measures a whole file: leave --max-molecules and --prior-samples out")
    else:
        recipe = SamplesRecipe.create({"samples": str(samples), "seed": seed}, **source)
    options.execute(recipe, output, device, num_workers, mirror, quiet)


@app.command()
def benchmark(
    recipe: Annotated[
        Path | None, typer.Argument(help="Recipe of kind benchmark (TOML); default: all defaults.")
    ] = None,
    input: options.Data = None,
    model: options.ModelOfRun = None,
    output: options.RunFolder = None,
    mirror: options.Mirror = None,
    num_workers: options.Workers = 0,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Run strategies against each other under equal budgets. With -n, several campaigns side by side."""
    from molvae.experiments.benchmark import BenchmarkRecipe
    from molvae.run.config import read_toml

    values = {} if recipe is None else read_toml(recipe)
    options.execute(
        BenchmarkRecipe.create(values, input=input, model=model), output, device, num_workers, mirror, quiet
    )


@app.command()
def run(
    recipe: Annotated[Path, typer.Argument(help="Recipe (TOML); an empty file is the default design run.")],
    output: options.RunFolder = None,
    mirror: options.Mirror = None,
    num_workers: options.Workers = 0,
    cluster: options.ClusterOption = None,
    tensorboard: options.Tensorboard = False,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Execute a recipe of any kind."""
    from molvae.experiments.registry import read_recipe

    options.execute(read_recipe(recipe), output, device, num_workers, mirror, quiet, tensorboard, cluster)


@app.command()
def resume(
    folder: Annotated[Path, typer.Argument(help="A run folder.")],
    mirror: options.Mirror = None,
    num_workers: options.Workers = 0,
    cluster: options.ClusterOption = None,
    tensorboard: options.Tensorboard = False,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Go on with the run of a folder, whatever its kind. Nothing that was paid for is paid again."""
    from molvae.experiments.registry import recipe_of_run

    options.execute(recipe_of_run(folder), folder, device, num_workers, mirror, quiet, tensorboard, cluster)


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Build the report of a run folder again."""
    from molvae.report import build

    print(build(folder))
