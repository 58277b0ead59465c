"""The command line: what it prints, its exit codes, and that a diagnostic never comes with a traceback."""

import json
import subprocess
import sys

import numpy as np
import pytest

import irad
from irad.__main__ import main
from irad.cli.target import UsageError, argument

MODEL = """\
import math
import numpy as np


def f(x, y, n):
    s = 0.0
    for i in range(n):
        s = s + math.sin(x) * y
    return s


def square(x):
    return x * x


def powers(x, n):
    for _ in range(n):
        x = x * math.sin(x)
    return x


def last(xs):
    return xs[-1] * 2.0


def refused(x):
    with open("file") as g:
        return x


def raises(x):
    if x > 0.0:
        raise ValueError(f"x is {x}")
    return x


class Shape:
    @staticmethod
    def area(r):
        return math.pi * r * r


"""


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return str(path)


def run(capsys, *argv):
    try:
        code = main(argv)
    except SystemExit as e:
        code = e.code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


# -- ir -----------------------------------------------------------------------------------------------------------


def test_ir_prints_text_that_reads_back(capsys, model):
    code, out, err = run(capsys, "ir", f"{model}:f", "--types", "float, float, int")
    assert (code, err) == (0, "")
    f = irad.compile(irad.parse_ir(out))
    assert f(1.0, 2.0, 3) == pytest.approx(6 * np.sin(1.0), rel=1e-15)


@pytest.mark.parametrize("stage", ["python", "typed", "adjoint", "optimized", "lowered", "llvm", "asm"])
def test_ir_stages(capsys, model, stage):
    code, out, _ = run(capsys, "ir", f"{model}:square", "--types", "float", "--stage", stage, "--grad")
    assert code == 0
    assert {"python": "py_binary", "llvm": "define", "asm": "ret"}.get(stage, "graph @") in out


def test_ir_of_a_gradient(capsys, model):
    code, out, _ = run(capsys, "ir", f"{model}:square", "--types", "float", "--grad")
    assert code == 0
    assert irad.compile(irad.parse_ir(out))(3.0) == 6.0
    code, out, _ = run(capsys, "ir", f"{model}:f", "--types", "float, float, int", "--grad", "0,1")
    assert code == 0
    dx, dy = irad.compile(irad.parse_ir(out))(1.0, 2.0, 3)
    assert (dx, dy) == (pytest.approx(6 * np.cos(1.0)), pytest.approx(3 * np.sin(1.0)))


def test_ir_of_text(capsys, model, tmp_path):
    text = run(capsys, "ir", f"{model}:square", "--types", "float")[1]
    (tmp_path / "square.irad").write_text(text)
    assert run(capsys, "ir", str(tmp_path / "square.irad"))[1] == text


def test_ir_of_a_module_and_of_an_attribute(capsys, model):
    code, out, _ = run(capsys, "ir", "irad.demo.model:misfit", "--types", "float, float, float")
    assert (code, "log" in out) == (0, True)
    assert run(capsys, "ir", f"{model}:Shape.area", "--types", "float")[0] == 0


def test_ir_shows_passes(capsys, model):
    code, out, err = run(
        capsys,
        "ir",
        f"{model}:f",
        "--types",
        "float, float, int",
        "--grad",
        "--print-after-all",
        "--time-passes",
        "--verify-each",
    )
    assert code == 0
    for name in ("expand", "inline", "drop", "hoist", "residuals", "simplify"):
        assert f": {name}\n" in out
        assert name in err
    one = run(capsys, "ir", f"{model}:f", "--types", "float, float, int", "--print-after", "hoist")[1]
    assert ": hoist\n" in one
    assert ": drop\n" not in one


# -- opt ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def typed(capsys, model, tmp_path):
    path = tmp_path / "typed.irad"
    path.write_text(run(capsys, "ir", f"{model}:f", "--types", "float, float, int", "--grad", "--stage", "typed")[1])
    return str(path)


def test_opt_is_the_pipeline(capsys, model, typed):
    want = run(capsys, "ir", f"{model}:f", "--types", "float, float, int", "--grad")[1]
    assert run(capsys, "opt", typed, "--verify-each") == (0, want, "")


def test_opt_runs_the_passes_it_is_given(capsys, typed):
    given = open(typed).read()
    assert run(capsys, "opt", typed, "--passes", "") == (0, given, "")
    one = run(capsys, "opt", typed, "--passes", "inline")[1]
    assert "vjp_forward" in one
    assert "@growth" not in one
    code, out, err = run(capsys, "opt", typed, "--passes", "expand, inline, drop", "--time-passes")
    assert (code, "vjp_forward" in out) == (0, False)
    assert [line.split()[0] for line in err.splitlines()][-1] in ("expand", "inline", "drop")
    f = irad.compile(irad.parse_ir(out))
    assert f(1.0, 2.0, 3) == pytest.approx(6 * np.cos(1.0), rel=1e-15)


def test_opt_prints_and_stops(capsys, typed):
    code, out, _ = run(capsys, "opt", typed, "--print-after", "hoist", "--stop-after", "hoist", "--json")
    found = json.loads(out)
    assert code == 0
    assert [p["name"] for p in found["after"]] == ["hoist"]
    assert found["after"][0]["text"] == found["text"]
    assert set(found["milliseconds"]) >= {"inline", "drop", "hoist"}
    assert "simplify" not in found["milliseconds"]
    assert f"# after pass {found['after'][0]['number']}: hoist\n" in run(capsys, "opt", typed, "--print-after-all")[1]


def test_opt_reads_standard_input(model):
    show = f'{sys.executable} -m irad ir {model}:f --types "float, float, int" --grad --stage typed'
    piped = subprocess.run(
        ["bash", "-c", f"{show} | {sys.executable} -m irad opt - --passes drop"], capture_output=True, text=True, check=False
    )
    assert (piped.returncode, piped.stderr) == (0, "")
    assert "vjp_backward" in piped.stdout


def test_no_pass_runs_on_the_python_stage(capsys, model, tmp_path):
    (tmp_path / "f.irad").write_text(run(capsys, "ir", f"{model}:f", "--types", "float, float, int", "--stage", "python")[1])
    for command in (["opt", "f.irad"], ["run", "f.irad", "1.0", "2.0", "3"], ["ir", "f.irad"]):
        code, out, err = run(capsys, command[0], str(tmp_path / command[1]), *command[2:])
        assert (code, out) == (1, "")
        assert err.startswith("error[ir-stage]: @f is of the python stage")


# -- json ---------------------------------------------------------------------------------------------------------


def test_json_of_ir(capsys, model):
    argv = ["ir", f"{model}:f", "--types", "float, float, int", "--grad", "--json"]
    code, out, err = run(capsys, *argv)
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["stage"] == "optimized"
    assert found["text"] == run(capsys, *argv[:-1])[1]
    assert found["operations"] == {"cos": 1, "mul": 1, "for_loop": 1, "add": 1}
    assert found["residuals"] == []
    assert set(found["milliseconds"]) >= {"expand", "inline"}
    stored = json.loads(run(capsys, "ir", f"{model}:powers", "--types", "float, int", "--grad", "--json")[1])
    assert {"name": "x", "bytes": 8, "line": "model.py:17"} in stored["residuals"]


def test_json_of_run(capsys, model):
    code, out, _ = run(capsys, "run", f"{model}:square", "array([1.0, nan, inf])", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["text"] == "array([ 1., nan, inf])"
    assert repr(found["result"]) == "[1.0, nan, inf]"


# -- run ----------------------------------------------------------------------------------------------------------


def test_run_calls_a_function(capsys, model):
    assert run(capsys, "run", f"{model}:square", "3.0")[1] == "9.0\n"
    assert run(capsys, "run", f"{model}:square", "3")[1] == "9\n"
    assert run(capsys, "run", f"{model}:square", "3.0", "--grad")[1] == "6.0\n"
    assert run(capsys, "run", f"{model}:last", "(1.0, 2.5)")[1] == "5.0\n"
    assert run(capsys, "run", f"{model}:last", "array([1.0, 2.5])")[1] == "5.0\n"
    assert run(capsys, "run", f"{model}:last", "array([1.0, 2.5])", "--grad")[1] == "array([0., 2.])\n"
    assert run(capsys, "run", f"{model}:f", "0.0", "2.0", "3", "--grad", "0,1")[1] == "(6.0, 0.0)\n"
    assert run(capsys, "run", f"{model}:square", "--", "-3.0")[1] == "9.0\n"


def test_run_runs_text(capsys, model, tmp_path):
    (tmp_path / "square.irad").write_text(run(capsys, "ir", f"{model}:square", "--types", "float")[1])
    assert run(capsys, "run", str(tmp_path / "square.irad"), "3")[1] == "9.0\n"  # in the declared type


def test_arguments():
    assert argument("(1.0, -2, [True, None], {'a': 'b'})") == (1.0, -2, [True, None], {"a": "b"})
    assert argument("-inf") == -np.inf
    assert np.isnan(argument("nan"))
    a = argument("array([[1.0, 2], [3, 4]])")
    assert (a.dtype, a.tolist()) == (np.float64, [[1.0, 2.0], [3.0, 4.0]])
    for text in ("x", "f(1)", "1 +", "__import__('os')", "", "[1, 2", "{**{}}"):
        with pytest.raises(UsageError):
            argument(text)


# -- what goes wrong ----------------------------------------------------------------------------------------------


def test_a_refusal_is_a_diagnostic(capsys, model):
    code, out, err = run(capsys, "ir", f"{model}:refused", "--types", "float")
    assert (code, out) == (1, "")
    assert err.startswith("error[unsupported-with]: ")
    assert "model.py:27:5" in err
    assert "^^^^" in err
    assert "help: " in err


def test_what_the_program_raises(capsys, model):
    code, out, err = run(capsys, "run", f"{model}:raises", "1.0")
    assert (code, out) == (1, "")
    assert err.startswith("ValueError: x is 1.0")


def test_a_file_that_raises(capsys, tmp_path):
    (tmp_path / "broken.py").write_text("x = 1\nraise RuntimeError('not today')\n")
    code, _, err = run(capsys, "run", f"{tmp_path / 'broken.py'}:f")
    assert code == 1
    assert "broken.py:2 raised RuntimeError when it was imported: not today" in err


def test_a_file_with_errors(capsys, tmp_path):
    (tmp_path / "broken.py").write_text("def f(:\n")
    assert run(capsys, "run", f"{tmp_path / 'broken.py'}:f")[0] == 1
    (tmp_path / "broken.irad").write_text("graph @f( -> {\n")
    code, _, err = run(capsys, "run", str(tmp_path / "broken.irad"))
    assert (code, "error[ir-syntax]" in err) == (1, True)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["nonsense"],
        ["ir"],
        ["ir", "nothing.py:f", "--types", "float"],
        ["ir", "irad.nothing:f", "--types", "float"],
        ["ir", "MODEL", "--types", "float"],
        ["ir", "MODEL:nothing", "--types", "float"],
        ["ir", "MODEL:square"],
        ["ir", "MODEL:square", "--types", "float77"],
        ["ir", "MODEL:square", "--types", "float", "--stage", "nothing"],
        ["ir", "MODEL:square", "--types", "float", "--grad", "x"],
        ["ir", "MODEL:square", "--types", "float", "--print-after", "nothing"],
        ["ir", "MODEL:square", "--types", "float", "--stage", "typed", "--time-passes"],
        ["run", "MODEL:square", "spam"],
        ["opt"],
        ["opt", "nothing.irad"],
        ["opt", "nothing.irad", "--passes", "nothing"],
        ["opt", "nothing.irad", "--stop-after", "nothing"],
        ["run", "nothing.irad", "1.0"],
    ],
    ids=" ".join,
)
def test_usage_errors_exit_with_2(capsys, model, argv):
    code, out, err = run(capsys, *[a.replace("MODEL", model) for a in argv])
    assert (code, out) == (2, "")
    assert "usage" in err


def test_wrong_number_of_arguments_for_text(capsys, model, tmp_path):
    (tmp_path / "square.irad").write_text(run(capsys, "ir", f"{model}:square", "--types", "float")[1])
    code, _, err = run(capsys, "run", str(tmp_path / "square.irad"), "1.0", "2.0")
    assert (code, "@square takes 1 argument" in err) == (2, True)


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["demo", "--help"],
        ["ir", "--help"],
        ["opt", "--help"],
        ["run", "--help"],
        ["check", "--help"],
        ["explain", "--help"],
        ["doctor", "--help"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_help(capsys, argv):
    code, out, _ = run(capsys, *argv)
    assert code == 0
    assert "irad" in out


def test_python_m_irad(model):
    done = subprocess.run(
        [sys.executable, "-m", "irad", "run", f"{model}:square", "3.0"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "9.0\n", "")


def test_a_closed_pipe_is_no_error(model):
    show = f'{sys.executable} -m irad ir {model}:f --types "float, float, int" --stage asm'
    command = f"{show} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
