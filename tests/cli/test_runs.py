"""Commands that execute recipes: the same command goes on, other settings are refused, no flag is ignored."""

import pandas as pd
import pytest

SMALL = ("-m", "zinc250k-small", "--budget", "26", "--start-size", "20", "--batch", "6", "-q")


def test_design_writes_a_whole_run_folder_and_goes_on(molvae, tmp_path):
    command = ("design", *SMALL, "--baselines", "screening", "-o", "run")
    done = molvae(*command)
    assert done.returncode == 0 and done.stderr == ""  # -q is silent
    run = tmp_path / "run"
    for name in ("config.json", "provenance.json", "campaign.sqlite", "molecules.csv", "molecules.sdf", "report.html"):
        assert (run / name).stat().st_size > 0, name
    molecules = pd.read_csv(run / "molecules.csv")
    assert len(molecules) == 26 and molecules["score"].is_monotonic_decreasing
    assert (run / "baselines" / "screening" / "campaign.sqlite").exists()
    assert "report: run/report.html" in done.stdout and "26 molecules scored" in done.stdout

    store = (run / "campaign.sqlite").read_bytes()
    assert molvae(*command).stdout == done.stdout
    assert molvae("resume", "run", "-q").stdout == done.stdout
    pd.testing.assert_frame_equal(molecules, pd.read_csv(run / "molecules.csv"))
    assert (run / "campaign.sqlite").read_bytes() == store
    assert molvae("report", "run").returncode == 0
    refused = molvae("design", *SMALL, "--seed", "1", "-o", "run")
    assert refused.returncode == 1 and "molvae resume run" in refused.stderr


def test_a_campaign_goes_on_without_the_file_that_it_began_with(molvae, tmp_path):
    (tmp_path / "start.smi").write_text("CCO\nc1ccccc1CCN\nCC(=O)Nc1ccc(O)cc1\nCC(=O)Oc1ccccc1C(=O)O\n")
    command = (
        "design",
        "-i",
        "start.smi",
        "-m",
        "zinc250k-small",
        "--budget",
        "6",
        "--start-size",
        "4",
        "-q",
        "-o",
        "run",
    )
    done = molvae(*command)
    (tmp_path / "start.smi").unlink()
    assert molvae(*command).stdout == done.stdout
    other = molvae("design", "-i", "other.smi", *command[3:])
    assert other.returncode == 1 and "input: 'start.smi' then, 'other.smi' now" in other.stderr


def test_design_with_an_oracle_that_fails_now_and_then(molvae, tmp_path):
    (tmp_path / "lab.py").write_text(
        "def measure(smiles):\n"
        "    if 'Br' in smiles or 'Cl' in smiles:\n"
        "        raise ValueError('the assay hates halogens')\n"
        "    return float(len(smiles))\n"
    )
    done = molvae(
        "design", "--oracle", "lab:measure", *SMALL[:2], "--budget", "40", "--start-size", "30", "-o", "run", "-q"
    )
    assert done.returncode == 0, done.stderr
    molecules = pd.read_csv(tmp_path / "run" / "molecules.csv")
    failed = molecules[molecules["status"] == "failed"]
    assert len(molecules) == 40 and len(failed) > 0
    assert failed["error"].str.contains("halogens").all()
    assert f"40 molecules scored, {len(failed)} of them without an answer, most often: ValueError" in done.stdout


def test_an_oracle_that_never_answers_is_an_error_and_what_was_asked_is_recorded(molvae, tmp_path):
    (tmp_path / "broken.py").write_text("def score(smiles):\n    raise ValueError('no licence')\n")
    done = molvae("design", "--oracle", "broken:score", *SMALL[:2], "--budget", "12", "--start-size", "12", "-o", "run")
    assert done.returncode == 1
    assert "none of 12 molecules got an answer, most often: ValueError: no licence" in done.stderr
    assert (tmp_path / "run" / "molecules.csv").read_text().count("no licence") == 12


def test_a_file_in_the_place_of_the_run_folder_is_refused(molvae, tmp_path):
    (tmp_path / "run").write_text("mine")
    done = molvae("design", *SMALL, "-o", "run")
    assert done.returncode == 1 and "run is a file: a run needs a folder" in done.stderr


def test_train_evaluate_and_use_a_model_of_ones_own(molvae, tmp_path):
    chains = [f"{'C' * (1 + n % 9)}{x}{'C' * (1 + n // 9)}" for n in range(36) for x in ("O", "N", "S")]
    (tmp_path / "data.smi").write_text("\n".join(chains))
    (tmp_path / "tiny.toml").write_text(
        'kind = "train"\n[train]\nbatch_size = 16\n[train.model]\nlatent_size = 4\nchannels = 16\ndense_size = 16\n'
        "hidden_size = 32\nposition_channels = 8\nflow_layers = 2\nflow_width = 16\n"
        "[train.validation]\nprior_samples = 10\n"
    )
    command = ("train", "tiny.toml", "-i", "data.smi", "--epochs", "2", "-o", "run", "-q")
    done = molvae(*command)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "model: run/model\nreport: run/report.html\n"
    for name in ("model.safetensors", "config.json", "vocabulary.json", "README.md", "known.npy"):
        assert (tmp_path / "run" / "model" / name).exists(), name
    weights = (tmp_path / "run" / "last.safetensors").stat().st_mtime_ns
    assert molvae(*command).stdout == molvae("resume", "run", "-q").stdout == done.stdout
    assert (tmp_path / "run" / "last.safetensors").stat().st_mtime_ns == weights  # nothing was trained again
    refused = molvae("train", "tiny.toml", "-i", "data.smi", "--epochs", "3", "-o", "run", "-q")
    assert refused.returncode == 1 and "train.fit.epochs: 2 then, 3 now" in refused.stderr

    line = "evaluate run/model -i data.smi --prior-samples 20 --max-molecules 20 -o evaluation -q"
    done = molvae(*line.split())
    assert done.returncode == 0, done.stderr
    assert "reconstruction, protocol D" in done.stdout and "JT, 50 decodings: q chooses, votes, any" in done.stdout
    assert molvae("sample", "-m", "run/model", "-k", "3").returncode == 0
    molvae("encode", "-m", "run/model", "-i", "data.smi", "--no-refine", "-o", "z.csv")
    unasked = molvae("decode", "-i", "z.csv")  # no folder is opened because a table names it
    assert unasked.returncode == 1 and "say -m" in unasked.stderr
    assert molvae("decode", "-i", "z.csv", "-m", "run/model", "--n-decodings", "2").returncode == 0

    # fine-tuned on molecules with a token that it does not know, by its own architecture and without the recipe
    (tmp_path / "mine.smi").write_text("\n".join(["C[Se]C", "CC[Se]C", "C" * 40, *chains]))
    command = ("train", "-i", "mine.smi", "--from", "run", "--epochs", "1", "-o", "mine")
    done = molvae(*command)
    assert done.returncode == 0, done.stderr
    assert "new tokens: 1  added to the vocabulary: [Se]" in done.stderr
    assert "refused, training: 1  left out" in done.stderr and "has 40 tokens" in done.stderr
    assert "refused: mine/refused.csv" in done.stdout
    assert pd.read_csv(tmp_path / "mine" / "refused.csv")["smiles"].tolist() == ["C" * 40]
    assert "Molecules left out: 1, for instance:" in (tmp_path / "mine" / "model" / "README.md").read_text()
    assert molvae("resume", "mine", "-q").stdout == done.stdout
    (tmp_path / "selenium.smi").write_text("C[Se]CC")
    encoded = molvae("encode", "-m", "mine", "-i", "selenium.smi", "--no-refine")
    assert encoded.returncode == 0 and "C[Se]CC" in encoded.stdout and "vocabulary" not in encoded.stdout
    missing = molvae("train", "-i", "mine.smi", "--from", "chembl", "-o", "other", "-q")
    assert missing.returncode == 1 and "no model 'chembl': give a folder, or one of the shipped" in missing.stderr

    (tmp_path / "data.smi").write_text("\n".join(chains[1:]))
    changed = molvae("resume", "run", "-q")
    assert changed.returncode == 1 and "something has changed since it began (sources.train.sha256" in changed.stderr


def test_an_evaluation_without_one_good_molecule_ends_at_once(molvae, tmp_path):
    (tmp_path / "bad.smi").write_text("C1CC\n((\n")
    (tmp_path / "foreign.smi").write_text("[U]\n[Xe]\n")
    for file, words in (("bad.smi", "none of its 2 rows is a molecule"), ("foreign.smi", "the model can hold none")):
        done = molvae("evaluate", "zinc250k-small", "-i", file, "-o", f"of-{file}", "-q")
        assert done.returncode == 1 and words in done.stderr
    done = molvae("evaluate", "--samples", "bad.smi", "-i", "foreign.smi", "-q")
    assert done.returncode == 1 and "nothing to measure" in done.stderr


def test_a_file_of_generated_molecules_is_measured_without_a_model(molvae, tmp_path):
    (tmp_path / "made.smi").write_text("CCO\nc1ccccc1CCN\nC1CC\nc1ccccc1CCN\n")
    (tmp_path / "real.smi").write_text("c1ccccc1CCN\nCC(=O)Nc1ccc(O)cc1\n")
    done = molvae("evaluate", "--samples", "made.smi", "-i", "real.smi", "-o", "run", "-q")
    assert done.returncode == 0, done.stderr
    lines = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines()[:8])
    assert float(lines["validity"]) == 0.75 and float(lines["molecules"]) == 4
    assert "Quality of the molecules" in (tmp_path / "run" / "report.html").read_text()
    assert molvae("resume", "run", "-q").stdout == done.stdout


@pytest.mark.parametrize(
    ("recipe", "flags"),
    [
        ('kind = "study"\nstudy = "manifold"', "-n 3"),
        ('kind = "images"', "-n 3"),
        ("", "--tensorboard"),
        ('kind = "samples"\nsamples = "made.smi"', "--device cpu"),
    ],
)
def test_a_flag_that_makes_no_difference_is_refused(molvae, tmp_path, recipe, flags):
    (tmp_path / "recipe.toml").write_text(recipe)
    done = molvae("run", "recipe.toml", *flags.split(), "-q")
    assert done.returncode == 1 and f"has no use for {flags.split()[0]}" in done.stderr


def test_without_quiet_it_tells_how_far_it_has_come(molvae):
    done = molvae("design", *SMALL[:-1], "--strategy", "screening", "-n", "2", "-o", "run")
    assert done.returncode == 0 and "screening: 26 of 26" in done.stderr


def test_an_interrupted_run_says_how_to_go_on(molvae, tmp_path, monkeypatch):
    from molvae.design.campaign import Campaign

    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Campaign, "advance", interrupt)
    done = molvae("design", *SMALL, "-o", "run")
    assert done.returncode == 130 and "go on with: molvae resume run" in done.stderr
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)


def test_a_benchmark_runs_side_by_side_and_goes_on(molvae, tmp_path):
    (tmp_path / "recipe.toml").write_text(
        'kind = "benchmark"\nmodel = "zinc250k-small"\n[benchmark]\nobjectives = ["qed_sas"]\n'
        'strategies = ["screening", "genetic"]\nseeds = [0]\n[benchmark.campaign]\nbudget = 14\nstart_size = 10\n'
        "batch = 4\nnum_workers = 0\n"
    )
    done = molvae("benchmark", "recipe.toml", "-o", "run", "-q", "-n", "2")
    assert done.returncode == 0, done.stderr
    assert "screening" in done.stdout and "genetic" in done.stdout
    assert "top-10 curve" in (tmp_path / "run" / "report.html").read_text()
    assert molvae("benchmark", "recipe.toml", "-o", "run", "-q").stdout == done.stdout
    refused = molvae("benchmark", "-o", "run", "-q")
    assert refused.returncode == 1 and "other settings" in refused.stderr
