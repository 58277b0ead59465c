"""Every function of `math` that irad has, at ordinary and special arguments; outside its domain it gives what NumPy gives."""

import inspect
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irad
from irad.specialize import library
from tests.frontend.agree import BACKENDS, SPECIALS, agrees, compiled, same
from tests.frontend.source import module_of

WITHOUT_SUPPORT = {"fma", "frexp", "ldexp", "nextafter", "ulp"}  # bits of floats
WRITTEN = {  # in Python: tests/library compares them
    *("comb", "dist", "factorial", "fsum", "gamma", "gcd", "isclose", "isqrt", "lcm", "modf", "perm", "prod", "remainder"),
    "sumprod",
}
FUNCTIONS = {n: f for n, f in vars(math).items() if callable(f) and n not in WITHOUT_SUPPORT | WRITTEN}
UNARY = sorted(n for n in FUNCTIONS if n in library.UNARY or n in ("degrees", "radians"))
BINARY = sorted(n for n in FUNCTIONS if n in library.BINARY)
TESTS = ("isnan", "isinf", "isfinite")
IN_NUMPY = {**library.NUMPY_NAMES, "atan2": "arctan2", "pow": "power", "fabs": "fabs"}
ARGUMENTS = st.floats(-3, 3) | st.floats() | st.sampled_from(SPECIALS)


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    text = "import math\n"
    for n in (*UNARY, *TESTS):
        text += f"def {n}(x):\n    return math.{n}(x)\n"
    for n in BINARY:
        text += f"def {n}(x, y):\n    return math.{n}(x, y)\n"
    return vars(module_of(text, tmp_path_factory.mktemp("math")))


def meant(name, *xs):
    """What Python gives; where it raises, IEEE 754 through NumPy (docs/differences.md)."""
    try:
        return getattr(math, name)(*xs)
    except (ValueError, OverflowError):
        if name == "lgamma":
            return math.inf
        with np.errstate(all="ignore"):
            f = getattr(np, IN_NUMPY.get(name, name), None)
            return float(f(*map(np.float64, xs))) if f is not None else math.nan


def close(a, b):
    """Within two units in the last place: libraries of mathematical functions differ by that."""
    if same(a, b):
        return True
    if type(a) is not type(b) or not (math.isfinite(a) and math.isfinite(b)):
        return False
    i, j = (struct.unpack("q", struct.pack("d", abs(v)))[0] for v in (a, b))
    return math.copysign(1.0, a) == math.copysign(1.0, b) and abs(i - j) <= 2


def test_every_function_of_math_is_sorted_here():
    known = {*UNARY, *BINARY, *TESTS, "floor", "ceil", "trunc", "log", "hypot", "degrees", "radians"}
    assert set(FUNCTIONS) - known == set()


@pytest.mark.parametrize("name", [*UNARY, *TESTS])
def test_functions_of_one_number(name, functions):
    f = functions[name]

    @settings(max_examples=30, deadline=None)
    @given(ARGUMENTS)
    def agree(x):
        for backend in BACKENDS:
            got, want = compiled(f, backend)(x), meant(name, x)
            near = name == "lgamma" and abs(got - want) <= 1e-14 * max(1.0, abs(want))  # Python has its own
            assert near or close(got, want), f"{name}({x!r}) on {backend}: {got!r}, meant is {want!r}"

    agree()


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_numbers(name, functions):
    f = functions[name]

    @settings(max_examples=30, deadline=None)
    @given(ARGUMENTS, ARGUMENTS)
    def agree(x, y):
        for backend in BACKENDS:
            got, want = compiled(f, backend)(x, y), meant(name, x, y)
            assert close(got, want), f"{name}({x!r}, {y!r}) on {backend}: {got!r}, meant is {want!r}"

    agree()


@pytest.mark.parametrize("name", sorted(WITHOUT_SUPPORT & set(vars(math))))
def test_the_others_are_refused_by_name(name, tmp_path):
    """Unless they are supported by now: then they belong into the lists above."""
    f = module_of(f"import math\ndef f(x):\n    return math.{name}(x)\n", tmp_path).f
    with pytest.raises(irad.CompileError, match=name) as refusal:
        irad.compile(f)(2.0)
    assert refusal.value.name == "unsupported-call"


@agrees(x=st.floats(0.5, 9), y=st.floats(1.5, 9), n=st.integers(1, 9))
def test_log_with_a_base_constants_and_ints(x, y, n):
    return math.sqrt(4), math.pi, math.e, math.inf, math.tau, math.floor(n), math.fabs(-n)


@agrees(x=st.floats(0.5, 9), y=st.floats(1.5, 9))
def test_log_with_a_base(x, y):
    return math.log(x, y)


@agrees
def test_names_that_were_imported(x):
    from math import cos as c
    from math import floor

    f = c
    return c(x), floor(x), f(c(x))


@agrees
def test_prod_of_known_items(x, y):
    return math.prod((x, y, 2.0)), math.prod([x], start=3.0), math.prod(())


def test_the_table_names_callables():
    assert all(callable(f) and inspect.isbuiltin(f) for f in FUNCTIONS.values())
