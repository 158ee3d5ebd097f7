"""Scorers: whatever an oracle of a user does, each molecule gets an answer or a reason."""

import gc
import json
import math
import re
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from molvae.chemistry.domain import MOLECULES
from molvae.design.objective import Objective
from molvae.design.oracle.scorers import (
    CallableScorer,
    CommandScorer,
    FunctionScorer,
    PropertyScorer,
    parse_oracle,
)
from molvae.errors import ConfigError, OracleError
from molvae.proteins.domain import ProteinDomain
from molvae.proteins.function import FunctionModel


def parse(text: str, direction: str = "max") -> Objective:
    """A formula over properties of molecules, and names that an oracle gives."""
    return Objective.parse(text, direction, MOLECULES, other_names=True)


ASPIRIN, CAFFEINE, ETHANOL = "CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "CCO"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a user."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- formulas over properties ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_workers", [0, 1, 2])
def test_a_formula_over_properties(num_workers: int) -> None:
    objective = parse("5*QED - SAS")
    with PropertyScorer(objective, also=["MW"], num_workers=num_workers) as scorer:
        answers = scorer.score([ASPIRIN, "C1CC", CAFFEINE, ASPIRIN])
    assert list(answers[0].properties) == ["QED", "SAS", "MW"]
    assert answers[0].score == pytest.approx(objective.evaluate(answers[0].properties))
    assert answers[0].score == answers[3].score != answers[2].score
    assert answers[0].properties["MW"] == pytest.approx(180.16, abs=0.01)
    assert not answers[1].ok
    assert math.isnan(answers[1].score)
    assert answers[1].error


def test_a_worker_makes_the_domain_of_a_fitted_model_again() -> None:
    members = [start + end for start in ("MKVAYDLEPRN", "GGSTKLVEQHI") for end in "ACDEFGHIKL"]
    domain = ProteinDomain(FunctionModel.fit(members, np.repeat([1.0, 0.0], 10)))
    objective = Objective.parse("function", "max", domain)
    with PropertyScorer(objective, num_workers=1) as scorer:
        answers = scorer.score(members[9:11])
    here = PropertyScorer(objective, num_workers=0).score(members[9:11])
    scores = [answer.score for answer in here]  # weights travel as in a model folder, with eight digits
    assert [answer.score for answer in answers] == pytest.approx(scores, rel=1e-6) and scores[0] > scores[1]


def test_a_domain_that_workers_do_not_know_is_refused_with_what_to_do() -> None:
    class Own(ProteinDomain):
        name = "own"

    objective = Objective.parse("length", "max", Own())
    assert PropertyScorer(objective, num_workers=0).score(["MKV"])[0].score == 3
    with pytest.raises(ConfigError, match=r"do not know the domain 'own': .*num_workers = 0"):
        PropertyScorer(objective, num_workers=1)


def test_the_score_is_in_the_users_sign() -> None:
    [up], [down] = (PropertyScorer(parse("MW", d), num_workers=0).score([ETHANOL]) for d in ("max", "min"))
    assert up.score == down.score > 0


def test_a_formula_that_is_undefined_for_a_molecule() -> None:
    [answer] = PropertyScorer(parse("log(rings)"), num_workers=0).score([ETHANOL])
    assert answer.error == "the score is -inf, which is not a score"
    assert answer.properties == {"rings": 0.0}


def test_without_a_domain_only_the_names_of_the_oracle_count() -> None:
    alone = CallableScorer(lambda smiles: {"dock": 2.0}, Objective.parse("dock - MW"))
    assert "needs 'MW'; only 'dock' is known" in str(alone.score([ETHANOL])[0].error)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_unknown_property_is_reported_at_once(num_workers: int) -> None:
    with pytest.raises(ConfigError, match="no property 'Weight'"):
        PropertyScorer(parse("QED"), also=["Weight"], num_workers=num_workers)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("1e300*MW", r"the score is 4\.607e\+301, which is too large to compute with \(at most 1e\+30\)"),
        ("-1e300*MW", r"the score is -4\.607e\+301, which is too large"),
        ("1e300*MW*1e300", "the score is inf, which is not a score"),
    ],
)
def test_a_formula_beyond_all_measure(formula: str, message: str) -> None:
    [answer] = PropertyScorer(parse(formula), num_workers=0).score([ETHANOL])
    assert not answer.ok
    assert re.match(message, str(answer.error)), answer.error


# --- functions ------------------------------------------------------------------------------------------------------

USER_MODULE = """
import os, signal, time

def length(smiles):
    return len(smiles)

def several(smiles):
    return {"dock": -len(smiles), "depth": 2}

def scored(smiles):
    return {"score": len(smiles), "ring": "1" in smiles and 1.5 or 0}

def troubled(smiles):
    if smiles == "C":
        raise RuntimeError("no conformer </script>")
    if smiles == "CC":
        return float("nan")
    if smiles == "CCC":
        time.sleep(600)
    if smiles == "CCCC":
        os._exit(1)
    if smiles == "CCCCC":
        os.kill(os.getpid(), signal.SIGKILL)
    if smiles == "N":
        return "7"
    if smiles == "NN":
        return None
    if smiles == "NNN":
        return {"score": True}
    if smiles == "NNNN":
        return {"dock": 1.0}
    if smiles == "F":
        return 10**400
    if smiles == "Cl":
        return -(10**400)
    if smiles == "Br":
        return {"score": 1e200}
    if smiles == "I":
        return lambda: 1.0
    if smiles == "S":
        raise ValueError("\\ud800")
    return 1.0

broken = 3
"""


@pytest.fixture
def user_module(folder: Path) -> Path:
    (folder / "oracle_of_a_user.py").write_text(USER_MODULE)
    return folder


def test_a_function_of_the_current_folder(user_module: Path) -> None:
    with FunctionScorer("oracle_of_a_user:length") as scorer:
        assert [answer.score for answer in scorer.score(["C", "CCC"])] == [1.0, 3.0]


def test_a_function_may_return_properties_with_the_score(user_module: Path) -> None:
    with FunctionScorer("oracle_of_a_user:scored") as scorer:
        [answer] = scorer.score(["C1CC1"])
    assert (answer.score, answer.properties) == (5.0, {"ring": 1.5})


def test_an_objective_may_combine_names_of_the_function_with_properties(user_module: Path) -> None:
    objective = parse("dock - 0.1*MW", "min")
    with FunctionScorer("oracle_of_a_user:several", objective) as scorer:
        [answer] = scorer.score([ETHANOL])
    assert answer.score == pytest.approx(-3 - 0.1 * 46.069, abs=1e-3)
    assert list(answer.properties) == ["dock", "MW", "depth"]
    with FunctionScorer("oracle_of_a_user:length", parse("score/MW")) as scorer:
        assert scorer.score([ETHANOL])[0].score == pytest.approx(3 / 46.069, abs=1e-4)
    with FunctionScorer("oracle_of_a_user:several", parse("dok")) as scorer:
        assert scorer.score([ETHANOL])[0].error == "the objective 'dok' needs 'dok'; only 'dock', 'depth' is known"


@pytest.mark.parametrize("num_workers", [1, 2])
def test_every_kind_of_trouble_stays_with_its_molecule(user_module: Path, num_workers: int) -> None:
    expected = {
        "C": "RuntimeError: no conformer </script>",
        "CC": "the score is nan, which is not a score",
        "CCC": "no answer within 1.5 s",
        "CCCC": "the process ended with exit status 1",
        "CCCCC": "the process was killed by SIGKILL",
        "N": "TypeError: the result is str, not a number",
        "NN": "the score is nan, which is not a score",
        "NNN": "TypeError: 'score' is bool, not a number",
        "NNNN": "no 'score' among 'dock': name one so, or give an objective",
        "F": "the score is inf, which is not a score",
        "Cl": "the score is -inf, which is not a score",
        "Br": "the score is 1e+200, which is too large to compute with (at most 1e+30)",
        "I": "TypeError: the result is function, not a number",
        "S": "ValueError: ?",
    }
    molecules = [molecule for bad in expected for molecule in (bad, "O")]
    with FunctionScorer("oracle_of_a_user:troubled", timeout=1.5, num_workers=num_workers) as scorer:
        answers = scorer.score(molecules)
    for molecule, answer in zip(molecules, answers, strict=True):
        assert answer.error == expected.get(molecule)
        assert answer.ok == math.isfinite(answer.score) == (molecule == "O")


def test_names_that_no_file_could_hold(user_module: Path) -> None:
    (user_module / "odd_names.py").write_text(
        "def score(smiles): return {'score': 1, 'a\\ud800': 2, 'x' * 1000: 3, 5: 4}"
    )
    with FunctionScorer("odd_names:score") as scorer:
        [answer] = scorer.score([ETHANOL])
    assert [*answer.properties.values()] == [2.0, 3.0, 4.0]
    assert [len(name.encode()) for name in answer.properties] == [2, 80, 1]


def test_whoever_leaves_early_ends_the_tasks_under_way(user_module: Path) -> None:
    with FunctionScorer("oracle_of_a_user:troubled", num_workers=2) as scorer:
        answers = scorer.stream(["O", "CCC", "CCC"])
        assert next(answers)[0] == 0
        answers.close()
        assert scorer.score(["OO"])[0].score == 1.0  # with new processes


def test_answers_stream_as_they_are_ready(user_module: Path) -> None:
    with FunctionScorer("oracle_of_a_user:troubled", timeout=1.5, num_workers=2) as scorer:
        order = [index for index, _ in scorer.stream(["CCC", "O", "OO"])]
    assert order == [1, 2, 0]


def test_a_function_that_cannot_be_imported(user_module: Path) -> None:
    (user_module / "with_a_mistake.py").write_text("def f(:\n")
    for target, message in [
        ("not_there:f", "No module named 'not_there'"),
        ("oracle_of_a_user:nothing", "no attribute 'nothing'"),
        ("oracle_of_a_user:broken", "is a int, not a function"),
        ("with_a_mistake:f", "SyntaxError: invalid syntax"),
    ]:
        with pytest.raises(OracleError, match=f"oracle '{target}': the oracle cannot be set up: .*{message}"):
            FunctionScorer(target)


def test_a_callable_of_a_notebook() -> None:
    def function(smiles: str) -> float:
        return {"C": 1.0, "CC": np.float32(2.0), "CCC": np.array(3)}[smiles]  # type: ignore[return-value]

    answers = CallableScorer(function).score(["C", "CC", "CCC", "O"])
    assert [answer.score for answer in answers[:3]] == [1.0, 2.0, 3.0]
    assert answers[3].error == "KeyError: 'O'"


# --- commands -------------------------------------------------------------------------------------------------------

PREAMBLE = """
import json, os, sys, time
smiles = sys.stdin.read().splitlines()
answer = lambda **payload: json.dump({"version": 1, "payload": payload}, sys.stdout)
"""


def command(folder: Path, body: str, **options: object) -> CommandScorer:
    """A command that runs ``body``, with the molecules in ``smiles``."""
    script = folder / "a script.py"
    script.write_text(PREAMBLE + body)
    return CommandScorer([sys.executable, str(script)], **options)  # type: ignore[arg-type]


def test_a_command_reads_smiles_and_answers_with_json(folder: Path) -> None:
    answers = command(folder, "answer(length=[len(s) for s in smiles])").score(["C", "CCO", "CC"])
    assert [answer.score for answer in answers] == [1.0, 3.0, 2.0]
    assert all(answer.ok and answer.seconds > 0 for answer in answers)


def test_a_command_may_answer_with_several_names(folder: Path) -> None:
    body = "answer(dock=[-len(s) for s in smiles], score=[1.5] * len(smiles))"
    [answer] = command(folder, body).score([ETHANOL])
    assert (answer.score, answer.properties) == (1.5, {"dock": -3.0})
    objective = parse("dock / rings - score")
    [answer] = command(folder, body, objective=objective).score(["C1CC1"])
    assert answer.score == -6.5
    [answer] = command(folder, "answer(a=[1], b=[2])").score([ETHANOL])
    assert answer.error == "no 'score' among 'a', 'b': name one so, or give an objective"


def test_missing_numbers_fail_their_own_molecule(folder: Path) -> None:
    body = "answer(x=[{'C': None, 'CC': float('nan'), 'CCC': float('inf')}.get(s, 1) for s in smiles])"
    answers = command(folder, body).score(["C", "CC", "CCC", "CCCC"])
    assert [answer.ok for answer in answers] == [False, False, False, True]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit('first\\nno receptor')", "the command ended with exit status 1; it last wrote:\nfirst\nno receptor"),
        ("os._exit(0)", "the command did not answer with JSON"),
        ("os.kill(os.getpid(), 9)", "the command was killed by SIGKILL"),
        ("print('Vina 1.2'); answer(x=[1])", "did not answer with JSON.*it wrote 'Vina 1.2"),
        ("print('[1]')", "did not answer with JSON"),
        ("print('{}')", "did not answer with JSON.*KeyError: 'payload'"),
        ("print('[' * 100000)", "did not answer with JSON"),
        ("print(json.dumps({'version': 2, 'payload': {'x': [1]}}))", "version 2 of the format, not 1"),
        ("answer()", "an empty payload"),
        ("answer(x=[1, 2])", "2 numbers for 'x', but 1 were due"),
        ("answer(x=5)", "did not answer with JSON"),
        ("answer(x=['1'])", "'x' holds a str, not a number"),
        ("answer(x=[True])", "'x' holds a bool, not a number"),
        ("os.write(1, bytes(range(256)))", "did not answer with JSON"),
        ("time.sleep(600)", "gave no answer within 0.5 s"),
        ("os.system('sleep 600')", "gave no answer within 0.5 s"),
        ("print('tired', file=sys.stderr, flush=True); time.sleep(600)", "within 0.5 s; it last wrote:\ntired"),
    ],
)
def test_a_command_that_gives_no_usable_answer(folder: Path, body: str, message: str) -> None:
    timeout = 0.5 if "600" in body else 30.0
    started = time.monotonic()
    [answer] = command(folder, body, timeout=timeout).score([ETHANOL])
    assert time.monotonic() - started < 10
    assert not answer.ok
    assert re.search(message, str(answer.error), re.DOTALL), answer.error


def test_one_bad_molecule_does_not_cost_the_others_their_answers(folder: Path) -> None:
    body = "os._exit(3) if 'CC' in smiles else answer(x=[len(s) for s in smiles])"
    answers = command(folder, body).score(["C", "CC", "CCC"])
    assert [answer.score for answer in answers if answer.ok] == [1.0, 3.0]
    assert answers[1].error == "the command ended with exit status 3"


MEET = """
open(smiles[0], "w").close()
while len([name for name in os.listdir() if name.startswith("C")]) < 3:
    time.sleep(0.01)
answer(x=[len(s) for s in smiles])
"""


def test_commands_run_side_by_side(folder: Path) -> None:
    # each run waits until all three are there
    scorer = command(folder, MEET, num_workers=3, timeout=30.0)
    answers = scorer.score(["C" * n for n in range(1, 7)])
    assert [answer.score for answer in answers] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert sorted(path.name for path in folder.glob("C*")) == ["C", "CCC", "CCCCC"]


def test_answers_of_a_command_stream_as_they_are_ready(folder: Path) -> None:
    body = "while 'C' in smiles and not os.path.exists('go'): time.sleep(0.01)\nanswer(x=[len(s) for s in smiles])"
    answers = command(folder, body, num_workers=2, timeout=30.0).stream(["C", "CC"])
    assert next(answers)[0] == 1
    (folder / "go").touch()
    assert next(answers)[0] == 0


def test_leaving_early_ends_the_commands_under_way(folder: Path) -> None:
    body = "if 'C' in smiles: open('pid', 'w').write(str(os.getpid())); time.sleep(600)\nanswer(x=[1])"
    answers = command(folder, body, num_workers=2).stream(["C", "CC"])
    assert next(answers)[0] == 1
    while not (folder / "pid").exists() or not (folder / "pid").read_text():
        time.sleep(0.01)
    answers.close()
    assert not Path(f"/proc/{(folder / 'pid').read_text()}").exists()


def test_a_command_may_print_so_much_and_no_more(folder: Path) -> None:
    [answer] = CommandScorer(["yes"], timeout=60.0).score([ETHANOL])
    assert answer.error == "the command printed more than 64 MiB; an answer is a line of JSON"
    # of its messages only the end is kept, so they may be long
    [answer] = command(folder, "for _ in range(100): sys.stderr.write('x' * 1_000_000)\nanswer(x=[1])").score([ETHANOL])
    assert answer.ok


def test_numbers_and_names_of_a_command_that_no_table_could_hold(folder: Path) -> None:
    body = """print('{"version": 1, "payload": {"score": [1' + '0' * 400 + ', 2], "a\\\\ud800": [3, 4]}}')"""
    first, second = command(folder, body).score(["C", "CC"])
    assert first.error == "the score is inf, which is not a score"
    assert (second.score, second.properties) == (2.0, {"a?": 4.0})


def test_a_smiles_that_would_break_the_lines_is_not_sent(folder: Path) -> None:
    scorer = command(folder, "answer(x=[len(s) for s in smiles])")
    answers = scorer.score(["C\nCC", "CC", "", "C C"])
    assert [answer.ok for answer in answers] == [False, True, False, False]
    assert scorer.score([]) == []


def test_no_shell_ever_sees_the_command_or_the_molecules(folder: Path) -> None:
    program = shlex.quote(sys.executable)
    (folder / "show.py").write_text(PREAMBLE + "open('seen.json', 'w').write(json.dumps(sys.argv[1:]))\nanswer(x=[1])")
    scorer = parse_oracle(f"command: {program} show.py '; touch pwned' $HOME `touch pwned` | cat")
    assert scorer.score(["C;touch${IFS}pwned"])[0].ok
    assert json.loads((folder / "seen.json").read_text()) == ["; touch pwned", "$HOME", "`touch", "pwned`", "|", "cat"]
    assert not (folder / "pwned").exists()


# --- the option --oracle --------------------------------------------------------------------------------------------


def test_the_two_forms_of_the_option(user_module: Path) -> None:
    with parse_oracle(" oracle_of_a_user:length ") as scorer:
        assert isinstance(scorer, FunctionScorer)
    assert isinstance(parse_oracle("command: cat"), CommandScorer)


@pytest.mark.parametrize(
    "text",
    ["", "oracle", "oracle.py", "./oracle.py:score", "a:b:c", "a b:c", "os.system('x'):y", "comand: cat", "1a:b"],
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="an oracle is 'module:function' or 'command: program"):
        parse_oracle(text)


def test_a_command_that_does_not_exist_or_cannot_be_split() -> None:
    with pytest.raises(OracleError, match="oracle command not found: 'no-such-program'"):
        parse_oracle("command: no-such-program --fast")
    with pytest.raises(OracleError, match=r"not found: '\(empty\)'"):
        parse_oracle("command:")
    with pytest.raises(ConfigError, match="No closing quotation"):
        parse_oracle("command: cat 'open")


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    gc.collect()  # a worker that a test forgot would warn here, and a warning is an error
