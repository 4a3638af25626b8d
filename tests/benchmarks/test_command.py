"""`python -m benchmarks`: its flags, its errors, and a whole run on a small data set."""

import json

import pytest

from benchmarks import __main__ as command
from benchmarks.__main__ import main

WRONG = {
    "workload": (["--workload", "G"], "unknown workload 'G'. There are A, B, C"),
    "peer": (["--peers", "tourch"], "unknown peer 'tourch': did you mean torch?"),
    "other peer": (["--peers", "torch,kears"], "unknown peer 'kears': did you mean keras?"),
    "rounds": (["--rounds", "0"], "rounds must be at least 1, got 0 (--rounds)"),
    "epochs": (["--epochs", "1"], "epochs must be at least 2, got 1 (--epochs)"),
    "images": (["--images", "10"], "images must be at least 64, got 10 (--images)"),
    "goal": (["--goal", "101"], "at most 100 percent, got 101 (--goal)"),
}


@pytest.mark.parametrize(("tokens", "said"), WRONG.values(), ids=WRONG)
def test_wrong_flag_is_one_line_and_exit_code_2(tokens, said, capsys):
    assert main([*tokens]) == 2
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1


def options(*tokens):
    return command._options(command._parser().parse_args(list(tokens)))


def test_everything_by_default():
    everything = options()
    assert everything.workloads == ("A", "B", "C", "D", "E", "F")
    assert len(everything.contenders) == 6


def test_only_what_is_asked_for():
    assert options("--goal", "99").workloads == ()
    assert options("--extras").workloads == ()
    assert options("--extras", "--workload", "b").workloads == ("B",)
    assert options("--workload", "a,c", "F", "A").workloads == ("A", "C", "F")
    assert options("--peers", "none").contenders == ("handgrad",)
    assert options("--peers", "jax,torch").contenders[1:] == ("torch", "torch-compiled", "jax")


def test_table_of_a_file(results, tmp_path, capsys):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    assert main(["--table", str(path)]) == 0
    assert capsys.readouterr().out.startswith("µs per training step")


def test_table_of_no_file(tmp_path, capsys):
    assert main(["--table", str(tmp_path / "absent.json")]) == 4
    assert "cannot read" in capsys.readouterr().err


@pytest.mark.slow
def test_whole_run(tiny, tmp_path, capsys):
    path = tmp_path / "results.json"
    sizes = ["--rounds", "1", "--epochs", "2", "--images", "64", "--dataset", str(tiny)]
    assert main(["--workload", "F", "--peers", "sklearn", *sizes, "--json", str(path)]) == 0
    assert "handgrad" in capsys.readouterr().out
    found = json.loads(path.read_text())["workloads"]["F"]
    assert len(found["contenders"]["sklearn"]["rounds"]) == 1
    assert found["summary"]["handgrad"]["us_per_step"] > 0
    assert main(["--table", str(path)]) == 0
