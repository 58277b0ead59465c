"""`irad check`, `irad explain` and `irad doctor`: what they say is so, and their exit codes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import irad
from irad.cli import doctor as doctor_module
from irad.explain import errors
from irad.primitives import REGISTRY, Missing
from tests.cli.test_cli import run

ROOT = Path(__file__).resolve().parents[2]

MODEL = """\
import math
import numpy as np
import irad

def smooth(x: float, n: int = 3, scale=1.5):
    for _ in range(n):
        x = math.sin(x) * scale
    return x

def rooted(x: float):
    return math.sqrt(x) / math.floor(x)

def counts(n: int, m: int):
    return n * m + 2

def arrays(a, k):
    return (a * k).sum(), a - 1.0

def writes(a):
    a[0] = a[1] * a[2]

def raises(x: float):
    if x > 0.0:
        raise KeyError("positive")
    return x

@irad.compile
def compiled(x: float):
    return x * x

slope = irad.grad(compiled)

def stepped(x: float):
    return np.floor(x * 1e6) / 1e6

def listed(xs=[1.0, 2]):
    return xs[0] * xs[1]

def annotated(x: [1]):
    return x

def nothing_said(x):
    return x
"""


SECOND = {"forward over reverse against differences", "reverse over reverse against it"}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return str(path)


def checked(capsys, *argv):
    code, out, err = run(capsys, "check", *argv, "--json")
    assert err == ""
    found = json.loads(out)
    assert found["agreed"] == (code == 0)
    return found, {c["what"]: c for c in found["compared"]}


@pytest.mark.parametrize("name", ["smooth", "counts", "raises", "compiled"])
def test_what_is_right_agrees(capsys, model, name):
    found, by = checked(capsys, f"{model}:{name}", "--n", "8")
    assert found["agreed"]
    assert by["value, llvm, against Python"]["compared"] == 8
    derived = by["reverse mode against forward mode"]["compared"]
    assert derived == {"smooth": 8, "counts": 0, "compiled": 8}.get(name, derived)


def test_types_come_from_annotations_defaults_and_the_option(capsys, model):
    assert checked(capsys, f"{model}:smooth", "--n", "1")[0]["types"] == ["float", "int", "float"]
    found, by = checked(capsys, f"{model}:arrays", "--types", "f64[2,3], f32", "--n", "4")
    assert found["types"] == ["f64[2,3]", "f32"]
    assert all(c["compared"] == 4 for c in by.values())


def test_where_python_raises_and_numpy_gives_nan_nothing_is_compared(capsys, model):
    _, by = checked(capsys, f"{model}:rooted", "--ranges=-2:0.9", "--n", "12")
    value = by["value, llvm, against Python"]
    assert value["left_out"] > 0
    assert value["compared"] + value["left_out"] == 12


def test_a_derivative_that_differences_do_not_confirm_is_reported(capsys, model):
    found, by = checked(capsys, f"{model}:stepped", "--n", "5")
    assert not found["agreed"]
    assert len(by["forward mode against differences"]["wrong"]) == 5
    code, out, _ = run(capsys, "check", f"{model}:stepped", "--n", "5")
    assert code == 1
    assert "5 wrong" in out
    assert "by differences" in out


def test_second_derivatives_are_compared(capsys, model):
    _, by = checked(capsys, f"{model}:smooth", "--n", "3")
    assert set(by) & SECOND == set()
    found, by = checked(capsys, f"{model}:arrays", "--types", "f64[2,3], f64", "--n", "4", "--order", "2")
    assert found["agreed"]
    assert {by[what]["compared"] for what in SECOND} == {4}


def test_a_wrong_second_derivative_is_reported(capsys, model, monkeypatch):
    """The first derivative of sin takes the value of cos, the second its derivative."""
    monkeypatch.setattr(REGISTRY["cos"], "partials", lambda b, out, x: (out,))
    assert checked(capsys, f"{model}:smooth", "--n", "3")[0]["agreed"]
    found, by = checked(capsys, f"{model}:smooth", "--n", "3", "--order", "2")
    assert not found["agreed"]
    assert {what for what in by if by[what]["wrong"]} == {"forward over reverse against differences"}


def test_single_precision_is_not_held_to_double(capsys, model):
    found, by = checked(capsys, f"{model}:arrays", "--types", "f32[3], f32", "--n", "4", "--order", "2")
    assert found["agreed"]
    assert all(c["compared"] == 4 for c in by.values())


def test_a_wrong_value_is_reported(capsys, model, monkeypatch):
    monkeypatch.setattr(REGISTRY["sin"], "ref", np.cos)
    found, by = checked(capsys, f"{model}:smooth", "--n", "3")
    assert not found["agreed"]
    assert by["value, interpreter, against Python"]["wrong"]
    assert not by["value, llvm, against Python"]["wrong"]


def test_what_is_written_into_arguments_is_compared(capsys, model, monkeypatch):
    argv = (f"{model}:writes", "--types", "f64[3]", "--n", "2")
    assert checked(capsys, *argv)[0]["agreed"]
    monkeypatch.setattr(REGISTRY["mul"], "ref", np.add)
    _, by = checked(capsys, *argv)
    assert len(by["value, interpreter, against Python"]["wrong"]) == 2
    assert by["value, llvm, against Python"]["wrong"] == []


def test_the_table(capsys, model):
    code, out, _ = run(capsys, "check", f"{model}:smooth", "--n", "3")
    assert code == 0
    assert "model.py:listed([float, int])" in run(capsys, "check", f"{model}:listed", "--n", "1")[1]
    assert re.search(r"reverse mode against forward mode +│ +3 │ .* agree", out)


@pytest.mark.parametrize(
    "argv",
    [
        ["check", "MODEL:nothing_said"],
        ["check", "MODEL:annotated"],
        ["check", "MODEL:slope", "--types", "float"],
        ["check", "MODEL:smooth", "--ranges", "1:0"],
        ["check", "MODEL:smooth", "--ranges", "0:1,0:1"],
        ["check", "MODEL:smooth", "--ranges", "low:high"],
        ["check", "MODEL:smooth", "--n", "0"],
        ["check", "MODEL:smooth", "--seed", "-1"],
        ["check", "MODEL:counts", "--ranges", "0.2:0.4"],
        ["check", "MODEL:counts", "--ranges", "0:1e30"],
        ["check", "MODEL:smooth", "--ranges=-1e308:1e308"],
        ["check", "MODEL:smooth", "--types", "list[float], int, float"],
        ["check", "model.irad"],
        ["explain", "nothing-like-it"],
        ["explain", "--types", "f64[3]"],
        ["explain", "exp", "--grad"],
        ["explain", "docs/tour.irad", "--types", "f64[3]"],
    ],
    ids=" ".join,
)
def test_usage(capsys, model, argv):
    code, out, err = run(capsys, *[a.replace("MODEL", model) for a in argv])
    assert (code, out) == (2, "")
    assert err.startswith("usage: ")


# -- explain --------------------------------------------------------------------------------------------------------------


def test_which_calls_compile(capsys):
    calls = [x for n in (10, 11, 12, 1) for x in ("--types", f"f64[{n}], float")]
    _, out, _ = run(capsys, "explain", "docs/tour.py:growth", *calls, "--json")
    assert [(c["compiled"], c["program"][0], c["why"]) for c in json.loads(out)["calls"]] == [
        (True, "x: f64[10]", "first call"),
        (True, "x: f64[n]", "`x` was f64[10], is f64[11]: compiled for `x`: f64[n]"),
        (False, "x: f64[n]", "there is a program for them"),
        (True, "x: f64[1]", "`x` was f64[11], is f64[1]: sizes of 0 and 1 are compiled as they are"),
    ]


def test_everything_is_explained(capsys):
    """Every name of the list, with the places that it gives."""
    kinds = json.loads(run(capsys, "explain", "--json")[1])
    assert set(kinds["operations"]) == set(REGISTRY)
    assert set(kinds["errors"]) == set(errors())
    for names in kinds.values():
        for name in names:
            code, out, err = run(capsys, "explain", name, "--json")
            assert (code, err) == (0, "")
            for kind, said in json.loads(out).items():
                if kind == "operations":
                    explained(REGISTRY[name], said)
        code, out, _ = run(capsys, "explain", names[0])
        assert (code, names[0] in out) == (0, True)


def explained(p, said):
    assert said["doc"] == p.doc
    for facet, what in said["facets"].items():
        value = getattr(p, facet)
        if isinstance(value, Missing):
            assert what == {"missing": value.reason}
        elif callable(value) and hasattr(value, "__code__"):
            file, _, line = what["where"].rpartition(":")
            first = (ROOT / file).read_text().splitlines()[int(line) - 1]
            assert what["text"].splitlines()[0] in first, (p.name, facet)


def test_the_derivative_that_is_shown_is_the_derivative(capsys):
    shown = json.loads(run(capsys, "explain", "tanh", "--json")[1])["operations"]["derivative"]
    assert irad.compile(irad.parse_ir(shown))(0.3, 2.0) == (pytest.approx(2.0 * (1.0 - np.tanh(0.3) ** 2), rel=1e-15),)


def test_a_pass_says_where_it_runs(capsys):
    out = run(capsys, "explain", "hoist")[1]
    assert "[hoist]" in out
    assert "runs in the optimizer" in out


def test_near_names_are_suggested(capsys):
    assert "did you mean" in run(capsys, "explain", "tahn")[2]
    assert run(capsys, "explain", "np.exp")[0] == 0
    assert "shape-mismatch" in run(capsys, "explain", "shape-mismach")[2]


# -- doctor ---------------------------------------------------------------------------------------------------------------


def test_doctor(capsys):
    code, out, _ = run(capsys, "doctor", "--json")
    found = json.loads(out)
    assert (code, found["ok"], found["version"]) == (0, True, irad.__version__)
    by = {f["what"]: f for f in found["findings"]}
    assert by["numpy"]["text"] == np.__version__
    assert {w for w in by if w.startswith("backend")} >= {"backend llvm", "backend interpreter", "backend cuda"}
    code, out, _ = run(capsys, "doctor")
    assert (code, "irad has what it needs" in out) == (0, True)


def test_doctor_finds_what_is_broken(capsys, monkeypatch):
    monkeypatch.setattr(doctor_module, "NEEDED", ("numpy", "no_such_package"))
    monkeypatch.setattr(REGISTRY["mul"], "ref", np.add)
    code, out, _ = run(capsys, "doctor", "--json")
    found = json.loads(out)
    assert (code, found["ok"]) == (1, False)
    assert [f["what"] for f in found["findings"] if f["ok"] is False] == ["no_such_package", "backend interpreter"]
