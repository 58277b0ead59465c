"""Types: text and back, one object for equal types, joins (DESIGN, section 3), sizes as polynomials."""

import itertools
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import irad
from irad.graph.parse import parse_signature
from irad.types import (
    BOOL,
    F64,
    FLOAT,
    INT,
    NONE,
    SCALARS,
    UNBOUND,
    UNIT,
    Array,
    Dim,
    Form,
    JoinError,
    List,
    Record,
    Stack,
    Static,
    Sum,
    Tuple,
    join,
    leaves,
    tangent_type,
)


class Pair(NamedTuple):
    a: float
    b: float


PAIR = Form.of_class("namedtuple", Pair, Pair._fields)
NAMES = st.sampled_from(["a", "b", "n", "m", "x1", "größe", "T"])
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | NAMES
DIMS = st.integers(0, 9) | st.builds(
    lambda c, s, k, t: Dim.symbol(s) * Dim.symbol(t) * c + Dim.symbol(s) - k,
    st.integers(1, 3),
    st.sampled_from("nm"),
    st.integers(-3, 3),
    st.sampled_from("nmk"),
)
MACHINE = st.sampled_from([t for t in SCALARS.values() if not t.weak])
LEAVES = st.one_of(
    st.sampled_from([*SCALARS.values(), NONE, UNBOUND, UNIT]),
    st.builds(Array, MACHINE, st.lists(DIMS, max_size=3)),
    st.builds(Static, KEYS | st.booleans() | st.integers(-9, 9) | st.just(...)),
    st.builds(Sum, st.sampled_from(["f", "g.res.0", "h_1"])),
)


def record(kind, keys, items):
    n = min(len(keys), len(items))
    if kind == "list":
        return Record(Form("list", "list", range(len(items))), items)
    if kind == "namedtuple":
        return Record(PAIR, [*items, FLOAT, FLOAT][:2])
    return Record(Form("dict", "", keys[:n]), items[:n])


def wider(inner):
    items = st.lists(inner, max_size=3)
    return st.one_of(
        st.builds(Tuple, items),
        st.builds(record, st.sampled_from(["list", "dict", "namedtuple"]), st.lists(KEYS, max_size=3, unique=True), items),
        st.builds(List, inner),
        st.builds(Stack, inner),
    )


TYPES = st.recursive(LEAVES, wider, max_leaves=6)


@given(TYPES)
def test_text_and_back(t):
    assert parse_signature(f"{t}, {t} -> {t}") == ([t, t], t)
    assert parse_signature(str(t)) == ([t], None)


@given(st.lists(TYPES, max_size=3))
def test_signatures(types):
    assert parse_signature(", ".join(map(str, types))) == (types, None)


@given(TYPES, TYPES)
def test_equal_types_are_one_object(t, u):
    assert (t is u) == (str(t) == str(u))


@pytest.mark.parametrize(
    "text", ["f65", "f64[", "float[3]", "(f64", "f64[n**2]", "object", "f64[-1]", "{a}", "list", "3", "f64,, f64", "@"]
)
def test_what_is_no_type_is_refused(text):
    with pytest.raises(irad.CompileError):
        parse_signature(text)


@given(st.text(max_size=20))
def test_any_text_is_a_signature_or_refused(text):
    try:
        types, result = parse_signature(text)
    except irad.CompileError as e:
        assert str(e).startswith("error[")  # noqa: PT017
    else:
        again = ", ".join(map(str, types)) + (f" -> {result}" if result is not None else "")
        assert parse_signature(again) == (types, result)


# -- joins ---------------------------------------------------------------------------------------------------------------------


def joined(a, b):
    """The join, or None where there is none."""
    try:
        return None if a is None or b is None else join(a, b)
    except JoinError:
        return None


def like(t):
    """A type without the names of the sizes that are not known: each join makes fresh ones."""
    if isinstance(t, Array):
        return ("array", t.dtype, tuple("?" if isinstance(d, Dim) else d for d in t.shape))
    if isinstance(t, Record):
        return ("record", t.form, tuple(map(like, t.items)))
    if isinstance(t, Tuple):
        return tuple(map(like, t.items))
    return ("list", like(t.item)) if isinstance(t, List) else t


@given(TYPES)
def test_joins_are_idempotent(t):
    assert join(t, t) is t


@given(TYPES, TYPES)
def test_joins_are_commutative(t, u):
    assert like(joined(t, u)) == like(joined(u, t))


@given(TYPES, st.data())
def test_a_join_takes_in_both(t, data):
    """The join of t and a relative of it joins with either to itself."""
    u = data.draw(st.sampled_from([t, *[r for r in relatives(t)]]))
    top = joined(t, u)
    if top is not None:
        assert like(joined(top, t)) == like(top) == like(joined(top, u))


def relatives(t):
    if t in SCALARS.values():
        return [s for s in SCALARS.values() if s is not BOOL]
    if isinstance(t, Tuple) and t.items:
        return [Tuple([r, *t.items[1:]]) for r in relatives(t.items[0])]
    if isinstance(t, Array) and t.shape:
        return [Array(t.dtype, (7, *t.shape[1:])), Array(t.dtype, (Dim.symbol("n"), *t.shape[1:]))]
    return [List(r) for r in relatives(t.item)] if isinstance(t, List) else []


def test_joins_of_scalars_are_associative():
    """But for short integers, which NumPy's rules take to f32 beside f32, and to f64 beside Python's floats."""
    for a, b, c in itertools.product([t for t in SCALARS.values() if not t.narrow], repeat=3):
        assert joined(joined(a, b), c) is joined(a, joined(b, c)), (a, b, c)


@pytest.mark.parametrize("t", [t for t in SCALARS.values() if t is not BOOL], ids=str)
def test_joins_of_weak_and_strong(t):
    assert join(t, t.strong) is t.strong
    with pytest.raises(JoinError):
        join(t, BOOL)
    if t.kind == "f":
        assert join(INT, t) is t
    else:
        assert join(t, FLOAT) is (FLOAT if t.weak else F64)


def test_joins_keep_structure():
    assert join(Tuple((INT, FLOAT)), Tuple((FLOAT, INT))) is Tuple((FLOAT, FLOAT))
    for a, b in ((Tuple((INT,)), Tuple((INT, INT))), (Tuple(()), INT), (NONE, FLOAT), (Static("a"), Static("b"))):
        with pytest.raises(JoinError):
            join(a, b)


def test_joins_of_arrays_forget_unequal_sizes():
    n, m = Dim.symbol("n"), Dim.symbol("m")
    top = join(Array(F64, (3, n, 4)), Array(F64, (3, m, 4)))
    assert top.shape[0] == 3
    assert top.shape[2] == 4
    assert isinstance(top.shape[1], Dim)
    assert top.shape[1] not in (n, m)
    for other in (Array(F64, (3, n)), Array(SCALARS["f32"], (3, n, 4)), F64):
        with pytest.raises(JoinError):
            join(Array(F64, (3, n, 4)), other)


# -- sizes, leaves, tangents --------------------------------------------------------------------------------------------------

POLYNOMIALS = st.lists(st.tuples(st.lists(st.sampled_from("nmk"), max_size=2), st.integers(-4, 4)), max_size=3)


def polynomial(terms):
    total = 0
    for symbols, c in terms:
        product = c
        for s in symbols:
            product = product * Dim.symbol(s)
        total = total + product
    return total


def value(p, at):
    if not isinstance(p, Dim):
        return p
    total = 0
    for symbols, c in p.terms:
        for s in symbols:
            c *= at[s]
        total += c
    return total


@given(POLYNOMIALS, POLYNOMIALS, POLYNOMIALS, st.fixed_dictionaries({s: st.integers(-5, 5) for s in "nmk"}))
def test_sizes_are_polynomials(p, q, r, at):
    p, q, r = map(polynomial, (p, q, r))
    assert p + q == q + p
    assert p * q == q * p
    assert (p + q) * r == p * r + q * r
    assert value(p * q + r, at) == value(p, at) * value(q, at) + value(r, at)
    if isinstance(p, Dim):
        assert p - p == 0
        assert parse_signature(f"f64[{p}]") == ([Array(F64, (p,))], None)


@given(TYPES)
def test_leaves_and_tangents(t):
    assert all(not isinstance(u, (Tuple, Record, Static)) for u in leaves(t))
    tangent = tangent_type(t)
    if tangent is not None:
        again = tangent_type(tangent)
        assert again is tangent or "@" in str(t)  # sums are renamed each time
    if isinstance(t, Tuple):
        assert [x for i in t.items for x in leaves(i)] == leaves(t)
