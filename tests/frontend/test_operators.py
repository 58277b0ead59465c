"""Operators: arithmetic, bits, comparisons, truth, with the values, types and exceptions that Python gives."""

import math
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frontend.agree import BACKENDS, FLOATS, INTS, SPECIALS, agrees, check, compiled, outcome, same

WIDE = st.integers(-(2**62), 2**62) | st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), 7, -7])
ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from(SPECIALS) | FLOATS
NUMBERS = st.booleans() | INTS | WIDE | ANY_FLOAT
INT_OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>", "<", "<=", ">", ">=", "==", "!="]
FLOAT_OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", ">=", "==", "!="]


def binary(op, tmp_path_factory):
    """The function `a op b`, in a file."""
    from tests.frontend.source import module_of

    return module_of(f"def f(a, b):\n    return a {op} b\n", tmp_path_factory.mktemp("operators")).f


def wrapped(value):
    """An integer of any size as int64 has it."""
    return (value + 2**63) % 2**64 - 2**63 if type(value) is int else value


def meant(op, a, b, f):
    """What irad promises for `a op b`: Python's outcome, but for docs/differences.md."""
    if op == "<<" and b >= 0:
        return "result", wrapped(a << min(b, 64))
    if op == "**" and type(a) in (int, bool) and type(b) in (int, bool) and b > 64 and abs(a) > 1:
        return "result", wrapped(pow(int(a), b, 2**64))
    got = outcome(f, (a, b))[:3]
    if got[0] == "result":
        value = got[1]
        if isinstance(value, complex):
            return "result", math.nan
        return "result", wrapped(value)
    is_float = isinstance(a, float) or isinstance(b, float) or op == "/"
    if is_float and got[1] in (ZeroDivisionError, OverflowError):
        with np.errstate(all="ignore"):
            function = {"/": np.true_divide, "//": np.floor_divide, "%": np.mod, "**": np.power}.get(op)
            return ("result", float(function(np.float64(a), np.float64(b)))) if function else got
    return got


@pytest.fixture(scope="module", params=INT_OPERATORS)
def int_operator(request, tmp_path_factory):
    return request.param, binary(request.param, tmp_path_factory)


@pytest.fixture(scope="module", params=FLOAT_OPERATORS)
def float_operator(request, tmp_path_factory):
    return request.param, binary(request.param, tmp_path_factory)


def compare(op, f, a, b):
    want = meant(op, a, b, f)
    for backend in BACKENDS:
        got = outcome(compiled(f, backend), (a, b))
        assert same(got[:2], want[:2]), f"{a!r} {op} {b!r} on {backend}: {got!r}, meant is {want!r}"


@settings(max_examples=30, deadline=None)
@given(a=WIDE | INTS, b=WIDE | INTS, small=INTS)
def test_operators_on_ints(int_operator, a, b, small):
    op, f = int_operator
    if op == "**":
        a, b = small if abs(a) > 2**31 else a, abs(b) % 40
    compare(op, f, a, b)


@settings(max_examples=30, deadline=None)
@given(a=ANY_FLOAT, b=ANY_FLOAT)
def test_operators_on_floats(float_operator, a, b):
    compare(*float_operator, a, b)


@settings(max_examples=30, deadline=None)
@given(a=ANY_FLOAT, n=st.integers(-(2**53), 2**53) | INTS, swapped=st.booleans())
def test_operators_on_a_float_and_an_int(float_operator, a, n, swapped):
    op, f = float_operator
    compare(op, f, *((n, a) if swapped else (a, n)))


@settings(max_examples=30, deadline=None)
@given(a=st.booleans(), b=st.booleans() | INTS, swapped=st.booleans())
def test_operators_on_truth_values(int_operator, a, b, swapped):
    op, f = int_operator
    a, b = (b, a) if swapped else (a, b)
    if op == "**" and b < 0:
        return  # a negative power of an integer: docs/differences.md
    compare(op, f, a, b)


@agrees(a=INTS, b=st.integers(-70, 70))
def test_shifts_by_negative_counts_raise(a, b):
    return a >> b


@agrees(a=NUMBERS, examples=60)
def test_unary_operators(a):
    return (-a if a != -(2**63) else 0), +a, not a


@agrees(n=WIDE, p=st.booleans())
def test_invert(n, p):
    return ~n, ~(n + 0)


@pytest.mark.parametrize("divisor", [-3, -1, 1, 2, 7, 0])
@pytest.mark.parametrize("op", ["//", "%"])
def test_division_by_constants(op, divisor, tmp_path):
    from tests.frontend.source import module_of

    f = module_of(f"def f(n):\n    return n {op} {divisor}\n", tmp_path).f
    for n in (*range(-9, 10), 2**63 - 1, -(2**63) + 1):
        check(f, n)


@pytest.mark.parametrize("exponent", [-2, -1, 0, 1, 2, 3, 5, 0.5, -0.5, 2.0, 1.5])
def test_constant_powers(exponent, tmp_path):
    from tests.frontend.source import module_of

    f = module_of(f"def f(x):\n    return x ** {exponent}\n", tmp_path).f
    for x in (2.0, 0.5, 3.25, 1.0, 7, 2, 1):
        want = f(x)
        for backend in BACKENDS:
            got = compiled(f, backend)(x)
            assert type(got) is type(want)
            assert got == pytest.approx(want, rel=1e-15)


@agrees
def test_precedence_and_associativity(x, y, n, m):
    return (
        x - y - 1.0 + 2.0 * x * -y,
        -(n**2),
        2 ** (abs(m) % 3) ** 2,
        n & 3 | m ^ 5 << 1,
        not x < y or n > m and m != 0,
        x if n else y - 1.0,
    )


@agrees
def test_chained_comparisons(x, y, n):
    return -1.0 < x < 3.0, x <= y <= 2.0 <= 5.0, n != 0 != 1, 0 < n == n < 4, 1 < n > 2, x == y == x


@agrees
def test_a_chained_comparison_evaluates_once(n):
    calls = 0

    def middle():
        nonlocal calls
        calls += 1
        return n

    inside = 0 < middle() < 3
    early = 0 > middle() + 10 > middle()
    return inside, early, calls


@agrees
def test_in(x, n):
    return n in (0, 1, 3), n not in (0, 1), x in (0.0, 1.0), "a" in ("a", "b"), "c" in ("a", "b"), n in [2, n], n in ()


@agrees
def test_is_none(x, p):
    def f(a, b=None):
        if b is None:
            return a
        return a * b

    nothing = None
    return f(x), f(x, 2.0), nothing is None, x is not None, (None if True else x) is None


@agrees
def test_and_or_give_values(x, y, n, m):
    return x and y, x or y, n and m, n or m, n and m and 5, (n or m) or 7, x and y or 1.0, not n or m > 0


@agrees
def test_truth_of_structures(x, n):
    total = 0
    if (x,):
        total += 1
    if ():
        total += 2
    if [n]:
        total += 4
    if not {}:
        total += 8
    if "text" and not "":
        total += 16
    if None:
        total += 32
    return total


@agrees
def test_short_circuit_with_effects(x, n):
    seen = []

    def note(value, k):
        seen.append(k)
        return value

    a = note(n > 0, 1) and note(x > 0.0, 2) or note(n == 0, 3)
    return a, len(seen)


@agrees(a=FLOATS | INTS, b=FLOATS | INTS)
def test_mixed_arithmetic_promotes(a, b):
    return a + b, a * b - b, abs(a) - abs(b), a + True, b - False


@agrees
def test_comparisons_of_tuples_and_strings(x, y, n):
    return (x, n) == (y, n), (1, 2) == (1, 2), (1, 2) != (1, 2, 3), "a" == "a", "a" < "b", (1, n) == (1.0, n)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(max_examples=40, deadline=None)
@given(
    kinds=st.tuples(*[st.sampled_from([np.float64, np.int64, np.array])] * 2),
    a=st.floats(-4, 4, width=16),
    b=st.floats(-4, 4, width=16).filter(bool),
    op=st.sampled_from([operator.add, operator.sub, operator.mul, operator.truediv, operator.lt]),
)
def test_numpy_scalars_and_0d_arrays(kinds, a, b, op):
    check(OPERATORS[op], *(kind(v) for kind, v in zip(kinds, (a, b), strict=True)))


OPERATORS = {
    operator.add: lambda a, b: a + b,
    operator.sub: lambda a, b: a - b,
    operator.mul: lambda a, b: a * b,
    operator.truediv: lambda a, b: a / b,
    operator.lt: lambda a, b: a < b,
}
