"""The source backend: its text computes what the interpreter computes, bit for bit, without irad; debuggers step through it;
errors cite its lines and the user's; it says what a programmer would have written."""

from __future__ import annotations

import bdb
import inspect
import io
import itertools
import json
import linecache
import math
import pdb
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import pytest
from irad.backends.source.helpers import HELPERS, definitions
from irad.backends.source.lines import WIDTH

import irad
from docs.tour import grow
from irad.demo.model import counts, loss
from irad.primitives import REGISTRY
from irad.primitives.control import IN_BACKENDS
from irad.primitives.structure import BY_TRANSFORM
from irad.primitives.table import Missing
from tests.fuzz.array_oracles import examine
from tests.fuzz.oracles import Plan
from tests.generator import arrays, generate
from tests.generator.program import load


def outcome(f: Any, args: Any, backend: str) -> Any:
    """What a call gives, or what it raises."""
    try:
        return irad.compile(f, backend=backend)(*args)
    except irad.CompileError as e:
        return ("refused", e.name)
    except Exception as e:
        return (type(e), str(e))


def bits(value: Any) -> Any:
    """A value in which equal means the same bits, any nan like another."""
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, np.ndarray):
        return (value.dtype, value.shape, [bits(v) for v in value.ravel().tolist()])
    if isinstance(value, dict):
        return {k: bits(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return (type(value), [bits(v) for v in value])
    if hasattr(value, "__dataclass_fields__"):
        return (type(value), [bits(getattr(value, k)) for k in value.__dataclass_fields__])
    return (type(value), value)


def agrees(f: Any, *args: Any) -> None:
    assert bits(outcome(f, args, "source")) == bits(outcome(f, args, "interpreter"))


def text(f: Any, *args: Any) -> str:
    return str(irad.ir(f, *args, stage="source"))


# -- the same bits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_generated_programs(seed: int) -> None:
    program = generate(seed)
    f = load(program.source)
    agrees(f, *program.args)
    if program.floats:
        agrees(irad.grad(f, program.floats), *program.args)


@pytest.mark.parametrize("seed", [2033, 2054, 2062, 2074])  # branches whose results change places
def test_second_derivatives_of_generated_programs(seed: int) -> None:
    program = generate(seed)
    if program.floats:
        agrees(irad.hessian(load(program.source), program.floats), *program.args)


@pytest.mark.parametrize("seed", range(15))
def test_array_programs(seed: int) -> None:
    """Sums have no order: to the last bits only."""
    report = examine(arrays.generate(seed), Plan(all=True, backends=("source",)))
    assert not [f for f in report.failures if f.kind != "refused"]


TENTH, LEAST = np.float32(0.1), np.int32(-(2**31))


def chosen(x, n, k):
    a, b = (x, n) if k > 1 else (TENTH, LEAST)
    return a * a, b - 1, b * 3, a + 1.0, np.fmod(a, TENTH)


def repeated(x, n, k):
    a, b = TENTH, LEAST
    for _ in range(k):
        a, b = a * a + TENTH, b * b + LEAST
    return a, b, a / x, n + LEAST, n - LEAST


@pytest.mark.parametrize("f", [chosen, repeated])
def test_constants_of_32_bits_count_in_them(f: Callable[..., Any]) -> None:
    """Where no number of NumPy's stands beside them, too."""
    source, interpreted = (irad.compile(f, backend=b) for b in ("source", "interpreter"))
    for k in range(4):
        for n in (0, 7, -(2**31)):
            assert source(np.float32(0.7), np.int32(n), k) == interpreted(np.float32(0.7), np.int32(n), k)


INTEGERS = [0, 1, -1, 2, -2, 3, -7, 63, 64, 2**31, -(2**31), 2**62, 2**63 - 1, -(2**63)]


def int_operations(x, y):
    return x + y, x - y, x * y, -x, abs(x), x & y, x | y, x ^ y, ~x, x < y, x == y, max(x, y), x - 1, 1 - x


def int_division(x, y):
    return x // y, x % y


def int_by_constants(x, y):
    return x // 3, x % 3, x // -1, x % -2, x * 4 + y


def int_shifts(x, y):
    return x << y, x >> y


def int_powers(x, y):
    return x**y


@pytest.mark.parametrize("f", [int_operations, int_division, int_by_constants, int_shifts, int_powers])
def test_integers_wrap_and_raise(f: Callable[..., Any]) -> None:
    runs = [irad.compile(f, backend=b) for b in ("source", "interpreter")]

    def each(run: Any, x: int, y: int) -> Any:
        try:
            return run(x, y)
        except (ArithmeticError, ValueError) as e:
            return (type(e), str(e))

    for x, y in itertools.product(INTEGERS, INTEGERS):
        assert each(runs[0], x, y) == each(runs[1], x, y), (x, y)


FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e300, -1e308, 5e-324, math.inf, -math.inf, math.nan]


def float_operations(x, y):
    return x / y, x // y, x % y, x + y, x * y, abs(x), max(x, y), x < y, np.maximum(x, y), np.sign(x), math.copysign(x, y)


def float_functions(x, y):
    return (
        (math.exp(x), math.log(x), math.sqrt(x), math.sin(x), math.tan(y), math.asin(x), math.acosh(x), math.atanh(x)),
        (math.erf(x), math.tanh(x), math.atan2(x, y), math.hypot(x, y), math.fmod(x, y), x**y, math.expm1(x), math.log1p(x)),
    )


def float_to_int(x, y):
    return int(x), math.floor(x), round(x)


@pytest.mark.parametrize("f", [float_operations, float_functions, float_to_int])
def test_floats_at_the_edges(f: Callable[..., Any]) -> None:
    runs = [irad.compile(f, backend=b) for b in ("source", "interpreter")]
    for x, y in itertools.product(FLOATS, FLOATS):
        a, b = (outcome_of(run, x, y) for run in runs)
        assert bits(a) == bits(b), (x, y)


def numbers_with_arrays(x, n, k):
    return (
        (x ** np.arange(1.0, 4.0), 2.0 - x * np.ones(3), 7 // n, 7 % n, 1 - n, k - n, k * n, k // n, k**n, k << n, n >> 1),
        (np.where(n > 1, x, 0.0), np.where(x > 0.0, n, k), (n > 1) & (k > 1), np.maximum(n, k), np.arctan2(x, n * 1.0)),
    )


def test_numbers_meet_arrays() -> None:
    agrees(numbers_with_arrays, 0.75, np.array([1, 2, 3]), 5)
    agrees(numbers_with_arrays, -0.75, np.array([1, 2, 63]), -5)
    agrees(numbers_with_arrays, 0.75, np.array([1, 0, 3]), 5)  # a division by zero
    agrees(numbers_with_arrays, np.float32(0.75), np.array([1, 2, 3], np.int32), np.int32(5))


def outcome_of(run: Any, *args: Any) -> Any:
    try:
        return run(*args)
    except Exception as e:
        return (type(e), str(e))


class Point(NamedTuple):
    x: float
    y: float


@dataclass
class State:
    position: Point
    table: dict[str, float]
    items: list[float]


def moved(s, n):
    for k in range(n):
        s = State(Point(s.position.x + s.table["dx"], s.position.y * k), {"dx": s.table["dx"] * 0.5}, [s.items[1], s.items[0]])
    return s


def test_records_are_the_users() -> None:
    state = State(Point(1.0, 2.0), {"dx": 0.25}, [3.0, 4.0])
    agrees(moved, state, 3)
    got = irad.compile(moved, backend="source")(state, 3)
    assert type(got) is State
    assert got.position == Point(1.4375, 0.0)
    agrees(irad.grad(lambda s, n: moved(s, n).position.x), state, 3)


def scaled(xs, k):
    xs[0] = xs[0] * k
    if k > 2.0:
        raise ValueError(f"{k} is too large")


def test_arguments_are_changed_after_success() -> None:
    run = irad.compile(scaled, backend="source")
    xs = np.array([1.0, 2.0])
    run(xs, 2.0)
    assert xs.tolist() == [2.0, 2.0]
    with pytest.raises(ValueError, match=r"3\.0 is too large"):
        run(xs, 3.0)
    assert xs.tolist() == [2.0, 2.0]


def test_results_share_memory_with_nothing() -> None:
    x = np.arange(6.0).reshape(2, 3)
    a, b, c = irad.compile(lambda x: (x, x, x.T), backend="source")(x)
    assert a.flags.writeable
    assert c.flags.c_contiguous
    assert not any(np.shares_memory(p, q) for p, q in itertools.combinations([x, a, b, c], 2))


# -- without irad -----------------------------------------------------------------------------------------------------------


def factorial(x, n):
    return x if n == 0 else factorial(x * 0.9, n - 1) * math.sin(x)


def newton(M, e):
    E, d = M, 1.0
    while abs(d) > 1e-12:
        d = (E - e * math.sin(E) - M) / (1 - e * math.cos(E))
        E = E - d
    return E


def products(x):
    y = x.copy()
    for i in range(1, len(y)):
        y[i] = y[i - 1] * x[i] + y[i]
    return np.sum(y)


def square_loss(w, x, y):
    return np.mean((np.tanh(x @ w) - y) ** 2)


def doubled(x, n):
    xs = []
    for i in range(n):
        xs.append(x * i)
    return sum(v * v for v in xs)


_data = counts()
PROGRAMS: list[tuple[Any, tuple[Any, ...]]] = [
    (irad.value_and_grad(loss), (np.full(8, -0.7), _data.hares, _data.lynxes)),
    (irad.value_and_grad(grow, argnums=(0, 1)), (0.3, 2.5, 20)),
    (irad.value_and_grad(factorial), (0.7, 6)),
    (irad.value_and_grad(newton, argnums=(0, 1)), (1.0, 0.3)),
    (irad.value_and_grad(products), (np.array([0.5, 1.5, -2.0, 0.25]),)),
    (irad.value_and_grad(square_loss), (np.full((3, 2), 0.1), np.arange(15.0).reshape(5, 3), np.ones((5, 2)))),
    (irad.value_and_grad(doubled), (1.5, 7)),
    (irad.hessian(newton, argnums=1), (1.0, 0.3)),
]

ALONE = """
import json, sys
sys.modules["irad"] = None  # an import would fail
import numpy as np

def plain(v):
    if isinstance(v, np.ndarray):
        return [plain(x) for x in v.tolist()]
    return [plain(x) for x in v] if isinstance(v, (tuple, list)) else float(v).hex()

for text, entry, args in json.load(sys.stdin):
    scope = {"__name__": "text"}
    exec(text, scope)
    print(json.dumps(plain(scope[entry](*[np.array(a) if isinstance(a, list) else a for a in args]))))
"""


def plain(v: Any) -> Any:
    if isinstance(v, np.ndarray):
        return [plain(x) for x in v.tolist()]
    return [plain(x) for x in v] if isinstance(v, (tuple, list)) else float(v).hex()


def test_the_text_runs_without_irad() -> None:
    jobs = []
    for f, args in PROGRAMS:
        written = text(f, *args)
        entry = [line for line in written.splitlines() if line.startswith("def ")][-1][4:].partition("(")[0]
        jobs.append([written, entry, [a.tolist() if isinstance(a, np.ndarray) else a for a in args]])
    ran = subprocess.run([sys.executable, "-c", ALONE], input=json.dumps(jobs), capture_output=True, text=True, check=True)
    for (f, args), line in zip(PROGRAMS, ran.stdout.splitlines(), strict=True):
        assert json.loads(line) == plain(irad.compile(f, backend="interpreter")(*args)), f


# -- reading ----------------------------------------------------------------------------------------------------------------


def test_no_name_is_unused_and_no_line_is_long() -> None:
    for f, args in PROGRAMS:
        written = text(f, *args)
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F,E9", "-"],
            input=written,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout + written
        assert max(len(line.partition("  # ")[0]) for line in written.splitlines()) <= WIDTH


def test_names_are_the_users() -> None:
    written = text(irad.value_and_grad(loss), *PROGRAMS[0][1])
    for name in ("hare_growth", "start_lynx", "year", "k1", "l4", "total", "ct_hare", "ct_sigma_lynx", "stack"):
        assert f" {name} " in written, name
    assert "make_tuple" not in written
    assert "hare, lynx = " in written  # what is popped is called as what was pushed
    assert "x += " in text(irad.grad(grow), 0.3, 2.5, 20)


def test_lines_are_cited_and_the_text_says_what_it_is() -> None:
    written = text(irad.grad(grow), 0.3, 2.5, 20)
    assert written.startswith('"""The gradient of grow (tour.py:8) for (x: float, k: float, n: int).\n')
    cited = {line.rpartition("# ")[2] for line in written.splitlines() if "# tour.py" in line}
    assert {"tour.py:9", "tour.py:5, 10"} <= cited
    assert written.index("# backwards") > written.index("stack.append")


def halved(x, n):
    while x > 1.0:
        x = x * 0.5
        if n > 3:
            n = n - 1
    return x + n


def test_statements_are_pythons() -> None:
    written = text(halved, 5.0, 7)
    for statement in ("while x > 1.0:", "x *= 0.5", "if n > 3:", "return x + float(n)"):
        assert statement in written
    assert "break" not in written
    assert "else" not in written


def test_helpers_stand_alone() -> None:
    for name, function in HELPERS.items():
        scope: dict[str, Any] = {"math": math, "np": np}
        exec("\n\n".join(definitions([name], {"exp": "exp"})), scope)
        assert inspect.signature(scope[name]).parameters.keys() == inspect.signature(function).parameters.keys()


def test_every_primitive_can_be_written() -> None:
    structure = {"make_tuple", "make_record", "getitem", "push", "pop", "pop_zero", "inject", "tag", "project", "project_zero"}
    others = {"add_sum", "list_pop", "list_take"} | structure  # written by the backend: no expression says them
    for p in REGISTRY.values():
        control = p.layout is not None or p.order == "effect" or p.ref is IN_BACKENDS
        if not control and p.name not in others:
            assert p.source is not None or isinstance(p.ref, np.ufunc), p.name
    assert all(n in REGISTRY for n in others)
    assert isinstance(BY_TRANSFORM, Missing)


# -- stepping and tracebacks ------------------------------------------------------------------------------------------------


class Stepper(bdb.Bdb):
    """A debugger that steps through everything and notes the lines of generated text, with the variables."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def user_line(self, frame: FrameType) -> None:
        if frame.f_code.co_filename.startswith("<irad source"):
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
            self.seen.append((line.partition("  #")[0].strip(), dict(frame.f_locals)))
        self.set_step()


def test_debuggers_step_through_it() -> None:
    run = irad.compile(irad.grad(grow), backend="source")
    wanted = run(0.3, 2.5, 2)
    linecache.checkcache()  # what debuggers do
    stepper = Stepper()
    assert stepper.runcall(run, 0.3, 2.5, 2) == wanted
    lines = [line for line, _ in stepper.seen]
    assert sum(line.startswith("stack.append(") for line in lines) == 2
    assert lines.count("dx_dx = stack.pop()") == 2
    assert next(v["x"] for line, v in stepper.seen if line.startswith("stack.append(")) == 0.3


def test_pdb_stops_in_it_at_once() -> None:
    """As docs/looking.md says."""
    run = irad.compile(irad.grad(grow), backend="source")
    wanted = run(0.3, 2.5, 2)
    out = io.StringIO()
    debugger = pdb.Pdb(
        stdin=io.StringIO("next\n" * 6 + "p stack\ncontinue\n"), stdout=out, skip=["irad.*", "ctypes", "numpy.*"]
    )
    assert debugger.runcall(run, 0.3, 2.5, 2) == wanted
    stops = [line for line in out.getvalue().splitlines() if re.match(r"(\(Pdb\) )?>", line)]
    assert len(stops) == 7
    assert all("<irad source" in line for line in stops)
    assert f"[{((1.0 - 0.3) * 2.5 - 2.5 * 0.3) * 0.1 + 1.0}]" in out.getvalue()  # the derivative of a step


def checked(xs, n):
    total = 0.0
    for i in range(n):
        total += xs[i]
    if total > 10.0:
        raise ValueError(f"{total} is too much")
    return total


def test_a_traceback_cites_both_lines() -> None:
    run = irad.compile(checked, backend="source")
    here = inspect.getsourcelines(checked)[1]
    for args, kind, message, line, code in (
        ((np.ones(3), 4), IndexError, "index 3 is out of bounds for axis 0 with size 3", 3, "total += xs[i]"),
        ((np.full(3, 5.0), 3), ValueError, "15.0 is too much", 5, "raise ValueError(f'{total} is too much')"),
    ):
        with pytest.raises(kind, match=message) as e:
            run(*args)
        shown = "".join(traceback.format_exception(e.value))
        assert code in shown
        assert f"test_source.py:{here + line}" in "".join(e.value.__notes__)


def loops_inside(f):
    def g(x, n):
        for _ in range(n):
            for _ in range(n):
                for _ in range(n):
                    x = f(x, n)
        return x

    return g


def test_nesting_that_python_does_not_take_is_refused() -> None:
    f: Any = lambda x, n: x * 0.5  # noqa: E731
    for _ in range(7):
        f = loops_inside(f)
    assert irad.compile(f)(1.0, 1) == 0.5
    with pytest.raises(irad.CompileError, match="source-too-deep"):
        irad.compile(f, backend="source")(1.0, 1)
