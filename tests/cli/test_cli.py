"""The command line: what it prints, its exit codes, and that a diagnostic never comes with a traceback."""

import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import irad
from irad.__main__ import main
from irad.cli.target import UsageError, argument

ROOT = Path(__file__).resolve().parents[2]

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


@pytest.mark.parametrize("stage", ["python", "typed", "adjoint", "optimized", "lowered", "llvm", "asm", "cuda"])
def test_ir_stages(capsys, model, stage):
    code, out, _ = run(capsys, "ir", f"{model}:square", "--types", "float", "--stage", stage, "--grad")
    assert code == 0
    assert {"python": "py_binary", "llvm": "define", "asm": "ret", "cuda": "// "}.get(stage, "graph @") in out


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
    assert stored["residuals"] == [{"name": "dx_dx", "bytes": 8, "line": "model.py:18"}]


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


@pytest.mark.parametrize("argv", [["run", "FILE:f"], ["check", "FILE:f", "--types", "float"]], ids=" ".join)
def test_a_file_that_exits(capsys, tmp_path, monkeypatch, argv):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quits.py").write_text("import sys\n\nsys.exit(0)\n")
    code, out, err = run(capsys, *[a.replace("FILE", "quits.py") for a in argv])
    assert (code, out, err) == (1, "", "quits.py:3 raised SystemExit when it was imported: 0\n")


def test_a_file_in_another_encoding(capsys, tmp_path):
    (tmp_path / "latin.py").write_bytes("# coding: latin-1\ndef f(größe):\n    return größe * 2.0\n".encode("latin-1"))
    assert run(capsys, "run", f"{tmp_path / 'latin.py'}:f", "1.5")[:2] == (0, "3.0\n")


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
        ["ir", "MODEL:square", "--types", "float", "--stop-after", "expand"],
        ["ir", "irad/typed.irad", "--types", "float"],
        ["run", "MODEL:square", "spam"],
        ["run", "MODEL:square", "1.0", "--trace", "--trace-limit", "-1"],
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


def test_version(capsys):
    assert run(capsys, "--version") == (0, f"irad {irad.__version__}\n", "")


@pytest.mark.parametrize("command", ["", "ir", "opt", "run", "check", "explain", "doctor", "demo"])
def test_the_examples_of_help_run_as_they_are_printed(capsys, tmp_path, monkeypatch, command):
    """From the folder of the checkout; those of `irad --help` in their order, in which one reads what another wrote."""
    code, out, err = run(capsys, *command.split(), "--help")
    assert (code, err) == (0, "")
    examples = re.findall(r"^  (irad .*?)(?: {2,}.*)?$", out.split("examples:\n")[1], re.MULTILINE)
    assert examples
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    for example in examples:
        out = ""
        for step in example.split(" | ") if not example.startswith("irad demo") else ():  # tests/demo runs it
            argv, _, file = step.partition(" > ")
            monkeypatch.setattr("sys.stdin", io.StringIO(out))
            code, out, err = run(capsys, *shlex.split(argv)[1:])
            assert code == 0, (example, err)
            if file:
                Path(file).write_text(out)


def test_python_m_irad(model):
    done = subprocess.run(
        [sys.executable, "-m", "irad", "run", f"{model}:square", "3.0"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "9.0\n", "")


@pytest.mark.parametrize(
    "argv", ['ir MODEL:f --types "float, float, int" --stage asm', "explain exp", "doctor"], ids=lambda s: s.split()[0]
)
def test_a_closed_pipe_is_no_error(model, argv):
    """Of the reader's that is gone before the first line."""
    command = f"{sys.executable} -m irad {argv.replace('MODEL', model)} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("argv", [["explain", "exp"], ["check", "MODEL:square", "--types", "float", "--n", "1"]], ids=" ".join)
def test_no_color_leaves_plain_text_on_a_terminal(capsys, monkeypatch, model, argv):
    argv = [a.replace("MODEL", model) for a in argv]
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "\x1b[" in run(capsys, *argv)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run(capsys, *argv)[1]


def test_a_refusal_does_not_cite_the_script_that_starts_irad(tmp_path):
    """The argument is wrong, for which no line of the user's stands."""
    (tmp_path / "f.irad").write_text("graph @f(%x: f64) -> f64 {\n  return %x;\n}\n")
    for command in (["-m", "irad"], ["-c", "import sys, irad.__main__\nsys.exit(irad.__main__.main())"]):
        argv = [sys.executable, *command, "run", str(tmp_path / "f.irad"), "'a'"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("error[wrong-arguments]: @f takes (f64), not ")
        assert "-->" not in done.stderr
