"""The command line: parse, call one function, print where the result lies.

torch and rdkit are imported inside the commands, so that ``molvae --help`` answers at once. A result table goes to
``-o`` or, without it, to stdout; everything else goes to stderr.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from molvae.errors import ConfigError, InputError, MolvaeError
from molvae.run.progress import Progress, on_stderr, silent
from molvae.version import __version__
from molvae.weights import DEFAULT_MODEL, SEARCH_MODEL, model_name, shipped_models, weights_folder

if TYPE_CHECKING:
    import pandas as pd

    from molvae.molecules.reranking import Choice

app = typer.Typer(
    name="molvae",
    help="Design molecules in the latent space of a variational autoencoder.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
images_app = typer.Typer(
    help="The same VAE on images: train, evaluate, sample, interpolate, manifold.", no_args_is_help=True
)
data_app = typer.Typer(help="Download data sets and prepare molecule files.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(images_app, name="images")

Input = Annotated[Path | None, typer.Option("-i", "--input", help="Molecules: .smi, .csv, .csv.gz, .sdf, .parquet.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Where the result goes (default: stdout).")]
RunFolder = Annotated[Path | None, typer.Option("-o", "--output", help="Run folder (default: runs/KIND-DATE-TIME).")]
Column = Annotated[str | None, typer.Option("--smiles-column", help="Column that holds the SMILES.")]
Model = Annotated[str, typer.Option("-m", "--model", help="A shipped model or a model folder.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, ...")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Workers = Annotated[int, typer.Option("-n", "--num-workers", help="Processes; 0: choose.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress on stderr.")]
Mirror = Annotated[Path | None, typer.Option("--mirror", help="Read data sets from this folder, not from the net.")]
MaskOption = Annotated[str, typer.Option("--mask", help="valence, syntax or none.")]
Decodings = Annotated[int, typer.Option("--n-decodings", help="Decodings of each point; 1: greedy.")]


def main() -> None:
    """Entry point: an error of ours is one message and exit status 1; Ctrl-C is 130."""
    try:
        app(standalone_mode=True)
    except MolvaeError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("interrupted; what was finished is stored", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None
    except OSError as error:
        print(f"error: {error.filename or 'file system'}: {error.strerror or error}", file=sys.stderr)
        raise SystemExit(1) from None


def _version(value: bool) -> None:
    if value:
        print(f"molvae {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


@app.command()
def design(
    input: Input = None,
    objective: Annotated[str | None, typer.Option(help='Formula over properties (default "5*QED - SAS").')] = None,
    direction: Annotated[str | None, typer.Option(help="max or min.")] = None,
    oracle: Annotated[str | None, typer.Option(help="'module:function' or 'command: program arguments'.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds for one answer of a custom oracle.")] = None,
    budget: Annotated[int | None, typer.Option(help="Oracle calls in all, starting molecules included (500).")] = None,
    batch: Annotated[int | None, typer.Option(help="Molecules scored in a step (10).")] = None,
    start_size: Annotated[int | None, typer.Option(help="Starting molecules drawn from the input (100).")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="latent (default), tanimoto, genetic, ... or a method of the literature.")
    ] = None,
    pareto: Annotated[
        list[str] | None, typer.Option(help="One of several formulas to maximise at once: give it for each.")
    ] = None,
    baselines: Annotated[str | None, typer.Option(help="Strategies to run beside it, e.g. random,screening.")] = None,
    require: Annotated[list[str] | None, typer.Option(help="SMARTS that every molecule must contain.")] = None,
    forbid: Annotated[list[str] | None, typer.Option(help="SMARTS that no molecule may contain.")] = None,
    require_novel: Annotated[bool, typer.Option(help="Refuse molecules of the training set.")] = False,
    output: RunFolder = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the campaign of this run folder.")] = None,
    model: Model = SEARCH_MODEL,
    smiles_column: Column = None,
    num_workers: Annotated[int | None, typer.Option("-n", "--num-workers", help="Processes for scoring.")] = None,
    device: Device = "auto",
    seed: Annotated[int | None, typer.Option(help="Seed of everything random (0).")] = None,
    quiet: Quiet = False,
) -> None:
    """Find molecules with a high objective; without -i, start from RDKit's NCI compounds."""
    settings: dict[str, Any] = {
        "objective": objective,
        "direction": direction,
        "oracle": oracle,
        "timeout": timeout,
        "budget": budget,
        "batch": batch,
        "start_size": start_size,
        "strategy": "pareto" if pareto and strategy is None else strategy,
        "pareto": pareto or None,
        "baselines": None if baselines is None else [name.strip() for name in baselines.split(",") if name.strip()],
        "require_novel": require_novel or None,
        "num_workers": num_workers,
        "seed": seed,
    }
    settings = {name: value for name, value in settings.items() if value is not None}
    filters = {name: value for name, value in (("require", require), ("forbid", forbid)) if value}
    if filters:
        settings["filters"] = filters
    from molvae.experiments.recipes import DesignRecipe, resume_design, run_design

    if resume is not None:
        if settings or input is not None or output is not None:
            raise ConfigError("--resume takes all settings from the run folder: give no others")
        finish_design(*resume_design(resume, device, _progress(quiet)))
        return
    recipe = DesignRecipe.create(
        {"campaign": settings},
        input=None if input is None else str(input),
        smiles_column=smiles_column,
        model=model,
    )
    finish_design(*run_design(recipe, output, device, _progress(quiet)))


def finish_design(folder: Path, table: "pd.DataFrame") -> None:
    """Print the best molecules and where the report lies."""
    from molvae.report import build

    report = build(folder)
    columns = [name for name in ("score", "QED", "SAS", "logP", "novel", "call", "smiles") if name in table]
    print(table[columns].head(10).to_string(index=False, float_format="{:.4f}".format))
    print(f"\n{len(table)} molecules scored: {folder / 'molecules.csv'}\nreport: {report}")


@app.command()
def train(
    recipe: Annotated[Path | None, typer.Argument(help="Recipe (TOML); default: all defaults.")] = None,
    input: Annotated[
        str | None, typer.Option("-i", "--input", help="Data set name (zinc250k) or molecule file.")
    ] = None,
    held_out: Annotated[
        str | None, typer.Option(help="File for validation; default: a twentieth of the input.")
    ] = None,
    output: RunFolder = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the training of this run folder.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    max_molecules: Annotated[int | None, typer.Option(help="Use only the first molecules of the data.")] = None,
    mirror: Mirror = None,
    smiles_column: Column = None,
    num_workers: Workers = 0,
    tensorboard: Annotated[bool, typer.Option(help="Also write TensorBoard events.")] = False,
    device: Device = "auto",
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    quiet: Quiet = False,
) -> None:
    """Train a molecular VAE; leaves a model folder that every other command takes with -m."""
    from molvae.experiments.recipes import TrainRecipe, resume_training, run_training
    from molvae.run.config import read_toml

    if resume is not None:
        folder = resume_training(resume, device, num_workers, mirror, _progress(quiet), tensorboard)
    else:
        values = {} if recipe is None else read_toml(recipe)
        training = values.setdefault("train", {})
        for name, value in (("epochs", epochs), ("seed", seed)):
            if value is not None:
                training.setdefault("fit", {})[name] = value
        made = TrainRecipe.create(
            values, data=input, held_out=held_out, max_molecules=max_molecules, smiles_column=smiles_column
        )
        folder = run_training(made, output, device, num_workers, mirror, _progress(quiet), tensorboard)
    from molvae.report import build

    print(f"model: {folder / 'model'}\nreport: {build(folder)}")


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A shipped model or a model folder.")] = DEFAULT_MODEL,
    data: Annotated[str, typer.Option("-i", "--input", help="zinc250k (its test split) or a file.")] = "zinc250k",
    output: RunFolder = None,
    max_molecules: Annotated[int | None, typer.Option(help="Use only the first molecules of the data.")] = None,
    prior_samples: Annotated[int, typer.Option(help="Points of the prior.")] = 1000,
    samples: Annotated[
        Path | None, typer.Option(help="Measure this file of generated molecules instead, against the input.")
    ] = None,
    mirror: Mirror = None,
    smiles_column: Column = None,
    num_workers: Workers = 0,
    device: Device = "auto",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Measure reconstruction, prior validity, KL and property error; prints one table, writes JSON and a report."""
    from molvae.experiments.recipes import EvaluateRecipe, evaluate_samples, run_evaluation
    from molvae.molecules.evaluation import summary_table
    from molvae.report import build

    if samples is not None:
        folder, numbers = evaluate_samples(samples, data, model, output, smiles_column, mirror, seed, _progress(quiet))
        for name, number in numbers.items():
            print(f"{name.replace('_', ' '):44s} {number:.4g}")
        print(f"\nnumbers: {folder / 'samples.json'}\nreport: {build(folder)}")
        return
    recipe = EvaluateRecipe.create(
        {"evaluation": {"molecules": max_molecules, "prior_samples": prior_samples, "seed": seed}},
        model=model,
        data=data,
        smiles_column=smiles_column,
    )
    folder, result = run_evaluation(recipe, output, device, num_workers, mirror, _progress(quiet))
    for name, value in summary_table(result):
        print(f"{name:44s} {value}")
    print(f"\nnumbers: {folder / 'evaluation.json'}\nreport: {build(folder)}")


@app.command()
def run(
    recipe: Annotated[Path, typer.Argument(help="Recipe (TOML); an empty file is the default design run.")],
    output: RunFolder = None,
    mirror: Mirror = None,
    num_workers: Workers = 0,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Execute a recipe."""
    from molvae.experiments import recipes
    from molvae.report import build

    made = recipes.read_recipe(recipe)
    if isinstance(made, recipes.DesignRecipe):
        finish_design(*recipes.run_design(made, output, device, _progress(quiet), mirror))
    elif isinstance(made, recipes.TrainRecipe):
        folder = recipes.run_training(made, output, device, num_workers, mirror, _progress(quiet), False)
        print(f"model: {folder / 'model'}\nreport: {build(folder)}")
    elif isinstance(made, recipes.ImagesRecipe):
        finish_images(*recipes.run_images(made, output, device, mirror, _progress(quiet)))
    elif isinstance(made, recipes.StudyRecipe):
        folder = recipes.run_study_recipe(made, output, mirror, _progress(quiet))
        print(f"tables and arrays: {folder / 'panels'}\nreport: {build(folder)}")
    elif isinstance(made, recipes.BenchmarkRecipe):
        finish_benchmark(*recipes.run_benchmark_recipe(made, output, device, _progress(quiet), mirror))
    elif isinstance(made, recipes.Figure4Recipe):
        folder = recipes.run_figure4(made, output, device, _progress(quiet), mirror)
        print(f"tables: {folder / 'panels'}\nreport: {build(folder)}")
    elif isinstance(made, recipes.AblationRecipe):
        folder, table = recipes.run_ablations(made, output, device, num_workers, mirror, _progress(quiet))
        print(table.drop(columns="why").to_string(index=False))
        print(f"\nreport: {build(folder)}")
    else:
        folder, _ = recipes.run_evaluation(made, output, device, num_workers, mirror, _progress(quiet))
        print(f"numbers: {folder / 'evaluation.json'}\nreport: {build(folder)}")


@app.command()
def suggest(
    folder: Annotated[Path, typer.Argument(help="Run folder; made by the first call.")],
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="How many molecules.")] = 10,
    output: Output = None,
    input: Annotated[
        Path | None,
        typer.Option(
            "-i", "--input", help="Molecules to begin with; if some have a score (column score), these alone."
        ),
    ] = None,
    direction: Annotated[str | None, typer.Option(help="max or min (first call).")] = None,
    require: Annotated[list[str] | None, typer.Option(help="SMARTS that every molecule must contain.")] = None,
    forbid: Annotated[list[str] | None, typer.Option(help="SMARTS that no molecule may contain.")] = None,
    model: Model = SEARCH_MODEL,
    smiles_column: Column = None,
    device: Device = "auto",
    seed: Annotated[int | None, typer.Option(help="Seed of everything random (0).")] = None,
) -> None:
    """Say which molecules a laboratory should measure next; answer with 'molvae tell'.

    While molecules of the last plate are unanswered, they come again: an empty score says that a measurement failed.
    """
    settings: dict[str, Any] = {"direction": direction, "seed": seed}
    settings = {name: value for name, value in settings.items() if value is not None}
    filters = {name: value for name, value in (("require", require), ("forbid", forbid)) if value}
    if filters:
        settings["filters"] = filters
    from molvae.experiments.recipes import suggest_molecules

    table = suggest_molecules(folder, number, input, smiles_column, settings, model, device)
    _write(table, output)


@app.command()
def tell(
    folder: Annotated[Path, typer.Argument(help="Run folder of 'molvae suggest'.")],
    results: Annotated[Path, typer.Argument(help="Measured molecules: smiles and score; other rows are taken too.")],
    smiles_column: Column = None,
    score_column: Annotated[str, typer.Option(help="Column that holds the score.")] = "score",
    output: Output = None,
    device: Device = "auto",
) -> None:
    """Take in what a laboratory has measured; every row of the file gets its verdict."""
    from molvae.experiments.recipes import tell_results
    from molvae.report import build

    told, awaited = tell_results(folder, results, smiles_column, score_column, device)
    _write(told, output)
    counts = told["status"].value_counts()
    print(", ".join(f"{number} {status}" for status, number in counts.items()), file=sys.stderr)
    print(f"{awaited} molecules are still awaited\nreport: {build(folder)}", file=sys.stderr)
    if len(told) and (told["status"] == "refused").all():
        raise InputError(f"no row of {results} could be used")


@app.command()
def benchmark(
    recipe: Annotated[
        Path | None, typer.Argument(help="Recipe of kind benchmark (TOML); default: all defaults.")
    ] = None,
    input: Annotated[
        str | None, typer.Option("-i", "--input", help="Data set name (zinc250k) or molecule file.")
    ] = None,
    output: RunFolder = None,
    mirror: Mirror = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Run strategies against each other under equal budgets; with -o FOLDER again, it goes on where it was."""
    from molvae.experiments.recipes import BenchmarkRecipe, run_benchmark_recipe
    from molvae.run.config import read_toml

    made = BenchmarkRecipe.create({} if recipe is None else read_toml(recipe), input=input)
    finish_benchmark(*run_benchmark_recipe(made, output, device, _progress(quiet), mirror))


def finish_benchmark(folder: Path, rows: "pd.DataFrame") -> None:
    """Print the means over seeds and where the report lies."""
    from molvae.report import build

    names = ["best", "top 10", "AUC top 10", "valid", "novel", "diversity", "seconds per call"]
    means = rows.groupby(["objective", "strategy"], sort=False)[names].mean()
    print(means.to_string(float_format="{:.3f}".format))
    print(f"\ntable: {folder / 'table.csv'}\nreport: {build(folder)}")


@app.command()
def sample(
    number: Annotated[int, typer.Option("-k", "--number", help="How many points of the prior.")] = 100,
    output: Output = None,
    model: Model = DEFAULT_MODEL,
    n_decodings: Decodings = 1,
    mask: MaskOption = "valence",
    like: Annotated[
        Path | None, typer.Option(help="Molecules: draw from the Gaussian fitted to their encodings instead.")
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Molecules at points drawn from the prior, or from where given molecules lie."""
    loaded = _load(model, device)
    smiles = None if like is None else _read(like, None)["smiles"].astype(str).tolist()
    _write(loaded.sample(number, n_decodings=n_decodings, mask=_mask(mask), seed=seed, like=smiles), output)


@app.command()
def encode(
    input: Input = None,
    output: Output = None,
    model: Model = DEFAULT_MODEL,
    smiles_column: Column = None,
    device: Device = "auto",
) -> None:
    """Latent points of molecules: the table with columns z0, z1, ..., z_model (whose they are) and error added.

    A refused row stays, empty.
    """
    import pandas as pd

    table = _read(input, smiles_column).reset_index(drop=True)
    z, problems = _load(model, device).encode_with_errors(table["smiles"].astype(str).tolist())
    columns = pd.DataFrame(z.numpy(), columns=[f"z{place}" for place in range(z.shape[1])])
    table["z_model"] = model_name(weights_folder(model))
    table["error"] = [problems.get(row, "") for row in range(len(table))]
    _write(pd.concat([table, columns], axis=1), output, len(problems))


@app.command()
def decode(
    input: Input = None,
    output: Output = None,
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
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Molecules at latent points: a table with columns z0, z1, ... (as encode writes it)."""
    import pandas as pd

    from molvae.chemistry.io import read_table

    table = read_table(_required(input))
    loaded = _load(_model_of_points(table, model), device)
    names = [f"z{place}" for place in range(loaded.config.latent_size)]
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InputError(f"{input} has no column {missing[0]!r}: decode needs z0 to {names[-1]}, as encode writes them")
    z = table[names].apply(pd.to_numeric, errors="coerce").to_numpy("float32", copy=True)
    made = loaded.decode(z, n_decodings=n_decodings, mask=_mask(mask), seed=seed, choose=cast("Choice", choose))
    rest = table.drop(columns=[name for name in (*names, "z_model", *made.columns) if name in table.columns])
    _write(pd.concat([made, rest.reset_index(drop=True)], axis=1), output)


def _model_of_points(table: "pd.DataFrame", asked: str | None) -> str:
    """The model to decode with: what was asked for, else what the table of points names."""
    named = sorted(set(table["z_model"].dropna().astype(str))) if "z_model" in table.columns else []
    if asked is not None:
        if named and named != [model_name(weights_folder(asked))]:
            print(f"the points are of {', '.join(named)}; decoding with {asked}", file=sys.stderr)
        return asked
    if len(named) > 1:
        raise InputError(f"the points are of several models ({', '.join(named)}): decode them one by one, or say -m")
    if named and named[0] not in shipped_models():  # a table does not decide which folders are opened
        raise InputError(f"the points are of the model {named[0]}: say -m {named[0]}")
    return named[0] if named else DEFAULT_MODEL


@app.command()
def interpolate(
    start: Annotated[str, typer.Argument(help="SMILES of the first molecule.")],
    end: Annotated[str, typer.Argument(help="SMILES of the last molecule.")],
    output: Output = None,
    steps: Annotated[int, typer.Option(help="Points on the path, both ends included.")] = 12,
    method: Annotated[str, typer.Option(help="slerp or lerp.")] = "slerp",
    model: Model = DEFAULT_MODEL,
    n_decodings: Decodings = 50,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Molecules along a path between two others."""
    loaded = _load(model, device)
    _write(loaded.interpolate(start, end, steps, method, n_decodings, seed), output)


@app.command()
def score(
    input: Input = None,
    output: Output = None,
    objective: Annotated[str, typer.Option(help="Formula over properties.")] = "5*QED - SAS",
    smiles_column: Column = None,
    num_workers: Workers = 0,
    quiet: Quiet = False,
) -> None:
    """Score molecules with an objective; every row comes back, a refused one with its reason."""
    import pandas as pd

    from molvae.chemistry.domain import MOLECULES
    from molvae.chemistry.properties import compute_many
    from molvae.design.objective import Objective

    parsed = Objective.parse(objective, domain=MOLECULES)
    table = _read(input, smiles_column).reset_index(drop=True)
    names = parsed.properties
    made = compute_many(table["smiles"].astype(str).tolist(), names, num_workers=num_workers, progress=_progress(quiet))
    made.insert(3, "score", parsed.evaluate({name: made[name].to_numpy(float) for name in names}))
    rest = table.drop(columns=[name for name in made.columns if name in table.columns])
    _write(pd.concat([made, rest], axis=1), output, int((~made["valid"]).sum()))


@app.command()
def validate(
    input: Input = None,
    output: Output = None,
    model: Annotated[
        str, typer.Option("-m", "--model", help="Model whose training set novelty refers to.")
    ] = DEFAULT_MODEL,
    require: Annotated[list[str] | None, typer.Option(help="SMARTS that every molecule must contain.")] = None,
    forbid: Annotated[list[str] | None, typer.Option(help="SMARTS that no molecule may contain.")] = None,
    lipinski: Annotated[bool, typer.Option(help="Refuse molecules that break the rule of five.")] = False,
    smiles_column: Column = None,
) -> None:
    """Judge molecules: valid, duplicate, known or novel, filtered, alerts; each refusal with its reason."""
    import pandas as pd

    from molvae.chemistry.domain import MOLECULES
    from molvae.chemistry.filters import FilterConfig, Filters
    from molvae.design.validation import Validator
    from molvae.molecules.known import known_molecules

    chosen = FilterConfig.create({}, require=require or None, forbid=forbid or None, lipinski=lipinski or None)
    table = _read(input, smiles_column).reset_index(drop=True)
    validator = Validator(MOLECULES, known_molecules(model), Filters(chosen))
    made = validator.validate(table["smiles"].astype(str).tolist())
    rest = table.drop(columns=[name for name in made.columns if name in table.columns])
    _write(pd.concat([made, rest], axis=1), output, int((made["status"] != "valid").sum()))


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Build the report of a run folder again."""
    from molvae.report import build

    print(build(folder))


ImageModel = Annotated[Path, typer.Argument(help="A run folder of `molvae images train`, or a model folder.")]
ImageDataset = Annotated[str, typer.Option("-d", "--data", help="digits, mnist, freyfaces or half_rings.")]
Picture = Annotated[Path, typer.Option("-o", "--output", help="PNG or SVG file.")]


@images_app.command("train")
def images_train(
    recipe: Annotated[Path | None, typer.Argument(help="Recipe (TOML); default: digits, all defaults.")] = None,
    output: RunFolder = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the training of this run folder.")] = None,
    data: Annotated[str | None, typer.Option("-d", "--data", help="digits, mnist, freyfaces or half_rings.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    mirror: Mirror = None,
    tensorboard: Annotated[bool, typer.Option(help="Also write TensorBoard events.")] = False,
    device: Device = "auto",
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    quiet: Quiet = False,
) -> None:
    """Train a VAE of images; leaves a model folder, pictures and a report."""
    from molvae.experiments.recipes import ImagesRecipe, resume_images, run_images
    from molvae.run.config import read_toml

    if resume is not None:
        finish_images(*resume_images(resume, device, mirror, _progress(quiet), tensorboard))
        return
    values = {} if recipe is None else read_toml(recipe)
    for name, value in (("epochs", epochs), ("seed", seed)):
        if value is not None:
            values.setdefault("train", {}).setdefault("fit", {})[name] = value
    made = ImagesRecipe.create(values, data=data)
    finish_images(*run_images(made, output, device, mirror, _progress(quiet), tensorboard))


def finish_images(folder: Path, result: dict[str, Any]) -> None:
    """Print the numbers of an image model and where the report lies."""
    from molvae.images.training import image_summary
    from molvae.report import build

    for name, value in image_summary(result):
        print(f"{name:60s} {value}")
    model = f"model: {folder / 'model'}\n" if (folder / "model").is_dir() else ""
    print(f"\n{model}report: {build(folder)}")


@images_app.command("evaluate")
def images_evaluate(
    model: ImageModel,
    data: ImageDataset = "digits",
    output: RunFolder = None,
    nll_images: Annotated[int | None, typer.Option(help="Test images for the NLL (default: all; 0: none).")] = None,
    nll_samples: Annotated[int, typer.Option(help="Importance samples for each.")] = 5000,
    binarisation: Annotated[str, typer.Option(help="dynamic, static, threshold or none.")] = "dynamic",
    mirror: Mirror = None,
    device: Device = "auto",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Bounds, active units and importance-sampled NLL on the test images."""
    from molvae.experiments.recipes import evaluate_image_model
    from molvae.images.training import ImageEvaluationConfig

    config = ImageEvaluationConfig.create(
        {"nll_samples": nll_samples, "binarisation": binarisation, "seed": seed}, nll_images=nll_images
    )
    finish_images(*evaluate_image_model(model, data, config, output, device, mirror, _progress(quiet)))


@images_app.command("sample")
def images_sample(
    model: ImageModel,
    output: Picture = Path("samples.png"),
    number: Annotated[int, typer.Option("-k", "--number", min=1, help="How many images.")] = 100,
    label: Annotated[int | None, typer.Option(help="Class, for a conditional model; default: all in turn.")] = None,
    noise: Annotated[bool, typer.Option(help="Draw pixels from p(x|z) too, instead of its mean.")] = False,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Draw images of z ~ N(0, I) into one picture."""
    from molvae.images.pictures import sample_panel
    from molvae.images.vae import ImageVAE

    _picture(sample_panel(ImageVAE.from_pretrained(model, device), number, label, noise, seed), output)


@images_app.command("interpolate")
def images_interpolate(
    model: ImageModel,
    images: Annotated[list[int], typer.Argument(help="Rows of two or more test images.")],
    data: ImageDataset = "digits",
    output: Picture = Path("interpolation.png"),
    steps: Annotated[int, typer.Option(help="Points on each stretch, both ends included.")] = 10,
    method: Annotated[str, typer.Option(help="slerp or lerp.")] = "slerp",
    mirror: Mirror = None,
    device: Device = "auto",
) -> None:
    """Draw a path through test images."""
    from molvae.images.datasets import load_images
    from molvae.images.pictures import path_panel
    from molvae.images.vae import ImageVAE

    loaded = ImageVAE.from_pretrained(model, device)
    _picture(path_panel(loaded, load_images(data, mirror).test, images, steps, method), output)


@images_app.command("manifold")
def images_manifold(
    model: ImageModel,
    output: Picture = Path("manifold.png"),
    side: Annotated[int, typer.Option(min=2, help="Pictures along each side.")] = 20,
    device: Device = "auto",
) -> None:
    """Draw the plane of a model with two latent dimensions, through the inverse Gaussian CDF."""
    from molvae.images.pictures import manifold_panel
    from molvae.images.vae import ImageVAE

    _picture(manifold_panel(ImageVAE.from_pretrained(model, device), side), output)


def _picture(panel: Any, path: Path) -> None:
    from molvae.report.panel_figures import save_panel_picture

    print(save_panel_picture(panel, path))


@data_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="zinc250k, mnist or freyfaces.")],
    mirror: Mirror = None,
    cache: Annotated[Path | None, typer.Option(help="Where the files go (default: the user's cache).")] = None,
) -> None:
    """Download a data set and check it; with --mirror, take the same files from a folder."""
    from molvae.experiments.recipes import fetch_dataset

    for file in fetch_dataset(name, mirror, cache).values():
        print(file)


@data_app.command()
def prepare(
    input: Annotated[Path, typer.Argument(help="Molecules: .smi, .csv, .csv.gz, .sdf, .parquet.")],
    cache: Annotated[
        Path | None, typer.Option(help="Where the prepared data goes (default: the user's cache).")
    ] = None,
    smiles_column: Column = None,
    num_workers: Workers = 0,
    quiet: Quiet = False,
) -> None:
    """Canonicalise, deduplicate and compute properties once; training then starts at once."""
    from molvae.chemistry.prepare import prepare as prepare_file

    made = prepare_file(
        input,
        cache_dir=cache,
        smiles_column=smiles_column,
        num_workers=num_workers,
        progress=_progress(quiet),
    )
    print(f"{made.counts}\nprepared: {made.folder}\nrejected rows: {made.rejects_path}")


def _progress(quiet: bool) -> Progress:
    return silent if quiet else on_stderr


def _required(path: Path | None) -> Path:
    if path is None:
        raise ConfigError("give the input file with -i")
    return path


def _read(path: Path | None, smiles_column: str | None) -> "pd.DataFrame":
    from molvae.chemistry.io import read_molecules

    return read_molecules(_required(path), smiles_column).frame


def _load(model: str, device: str) -> Any:
    from molvae.molecules.vae import MoleculeVAE

    return MoleculeVAE.from_pretrained(model, device)


def _mask(name: str) -> Any:
    if name not in ("none", "syntax", "valence"):
        raise ConfigError(f"--mask is valence, syntax or none, not {name!r}")
    return name


def _write(table: "pd.DataFrame", path: Path | None, refused: int = 0) -> None:
    """Table to a file, or as CSV to stdout; says how many rows were refused, and fails if none was any good."""
    if path is None:
        table.to_csv(sys.stdout, index=False)
    else:
        from molvae.chemistry.io import write_molecules

        write_molecules(table, path)
        print(f"{len(table)} rows: {path}", file=sys.stderr)
    if refused:
        print(f"{refused} of {len(table)} rows were refused; the reason stands in each", file=sys.stderr)
    if refused == len(table):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
