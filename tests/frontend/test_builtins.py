"""The built-in functions on numbers and structures, and printing."""

import contextlib
import io
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frontend.agree import BACKENDS, FLOATS, INTS, SPECIALS, agrees, check, compiled

ANY = st.floats(-1e6, 1e6) | st.sampled_from([v for v in SPECIALS if not math.isnan(v)]) | FLOATS
WIDE = st.integers(-(2**61), 2**61)


@agrees(x=ANY | st.just(math.nan), n=WIDE, p=st.booleans())
def test_abs(x, n, p):
    return abs(x), abs(n), abs(p), abs(-3), abs(-0.0)


@agrees(x=ANY, y=ANY, n=WIDE, m=WIDE)
def test_min_and_max(x, y, n, m):
    return min(x, y), max(x, y, 1.0), min(n, m), max(n, m, 3), min((x, y)), max([y, x, y]), max(n, 2**40), min([x])


@agrees
def test_min_and_max_of_nan_keep_pythons_order(x, p):
    nan = math.nan
    return min(x, nan), min(nan, x), max(x, nan), max(nan, x), max((nan, x) if p else (x, nan))


@agrees
def test_min_and_max_over_a_list(xs, n):
    return min(xs), max(xs), max(i * n for i in range(3)), min((), default=n), max(xs, default=0.0)


@agrees
def test_sum(x, y, n, xs):
    return sum((x, y)), sum([n, 1, 2]), sum(xs), sum(xs, x), sum(range(n)), sum((n, m := 2), start=3), m, sum(())


@agrees
def test_len(x, xs, n):
    return len((x, 1)), len(xs), len([]), len({"a": x}), len("text"), len(range(n)), len(range(2, 9, 3))


@agrees(x=st.floats(-1e15, 1e15) | FLOATS, n=WIDE, p=st.booleans())
def test_int_float_and_bool(x, n, p):
    return int(x), int(n), int(p), float(n), float(p), float(x), bool(x), bool(n), bool(p), int(), float(), bool()


@agrees(x=st.floats() | st.sampled_from([2.0**62, -(2.0**63), 9.3e18 / 2]))
def test_int_of_any_float(x):
    return int(x) if abs(x) < 2.0**63 or x != x or abs(x) == math.inf else 0


@agrees(x=st.integers(-40, 40).map(lambda i: i / 4) | st.floats(-1e15, 1e15), n=WIDE)
def test_round(x, n):
    return round(x), round(n), round(x, None)


NEAR_TIES = st.builds(lambda i, d, e: (i + 0.5) / 10**d * (1.0 + e * 2.0**-53), INTS, st.integers(0, 8), st.integers(-1, 1))


@agrees(x=NEAR_TIES | ANY | st.floats() | st.floats(1e13, 1e17), n=WIDE, p=st.booleans())
def test_round_to_digits(x, n, p):
    return round(x, 0), round(x, 2), round(x, 5), round(-x, 15), round(x, 22), round(n, 1), round(p, 2)


@agrees(n=WIDE, m=st.integers(-50, 50).filter(bool), y=st.floats(0.25, 9.0))
def test_divmod(x, n, m, y):
    q, r = divmod(n, m)
    return q, r, divmod(x, y), divmod(x, -y), q * m + r == n


@agrees(n=st.integers(0, 6))
def test_pow(x, n):
    return pow(x, 2), pow(n, 2), pow(n, n), pow(2, n)


@agrees
def test_isinstance(x, n, p, xs):
    def kind(v):
        if isinstance(v, bool):
            return 0
        if isinstance(v, int):
            return 1
        if isinstance(v, (float, str)):
            return 2
        if isinstance(v, tuple):
            return 3
        return 4 if isinstance(v, list) else 5

    return kind(x), kind(n), kind(p), kind("a"), kind((x,)), kind(xs), kind({}), kind(None), isinstance(n, object)


@agrees
def test_callable_and_getattr(x):
    def f(a):
        return a

    return callable(f), callable(x), callable(math.sin), getattr(math, "cos")(x)


@agrees
def test_tuple_list_and_dict(x, xs, n):
    a = list((x, 1.0))
    a.append(2.0)
    b = tuple(a)
    c = list(b)
    c[0] = 0.0
    return a, b, c, tuple(xs), dict(a=x, b=n), list(range(3)), tuple(v * x for v in b), list(reversed(b))


@agrees
def test_map_zip_enumerate_and_reversed_as_values(x, y):
    a = tuple(map(lambda v: v * x, (1.0, y)))
    b = tuple(zip((x, y), (1, 2)))
    c = list(enumerate((x, y), 5))
    return a, b, c, list(zip(a, reversed(a))), tuple(map(max, (x, 1.0), (y, 0.0)))


@agrees
def test_builtins_are_values(x, y, n):
    f, g = abs, max
    table = (abs, int, float)
    return f(x), g(x, y), table[0](n), table[2](n), (lambda h: h(x, y))(min)


@agrees(p=st.booleans())
def test_builtins_may_be_shadowed(x, p):
    abs = lambda v: v * 3.0
    sum = x + 1.0
    return abs(x) + sum


PRINTED = st.tuples(FLOATS | st.sampled_from(SPECIALS), INTS | WIDE, st.booleans())


def show(x, n, p):
    print(x, n, p)
    print()
    print(f"{x:.3f}|{n:>5}|{p}", "text", (x, n), [1, x], sep="; ")
    for i in range(2):
        print("trip", i, x * i, sep="")
    if n > 3:
        print("large {}", None)
    return x


@pytest.mark.parametrize("backend", BACKENDS)
def test_print(backend):
    @settings(max_examples=20, deadline=None)
    @given(PRINTED)
    def prints_what_python_prints(args):
        texts = []
        for f in (show, compiled(show, backend)):
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                f(*args)
            texts.append(out.getvalue())
        assert texts[1] == texts[0]

    prints_what_python_prints()


def floor_ceil_trunc(x):
    return math.floor(x), math.ceil(x), math.trunc(x)


@pytest.mark.parametrize("x", [0.5, -0.5, 2.0, -2.5, 1e15 + 0.5, 4.5e15, -0.0, 2.0**52 + 1, 7, True, math.nan])
def test_rounding_of_floats_and_ints(x):
    check(floor_ceil_trunc, x)


@pytest.mark.parametrize("x", [math.inf, -math.inf])
def test_rounding_of_infinity_raises(x):
    check(floor_ceil_trunc, x)
