"""What compiled functions are called with: structures, options, functions, NumPy's scalars, keywords; and methods."""

import dataclasses
import enum
import functools
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irad
from tests.frontend.agree import BACKENDS, FLOATS, INTS, agrees, check, compiled, same


class Point(NamedTuple):
    x: float
    y: float = 2.0

    def norm2(self):
        return self.x * self.x + self.y * self.y

    @property
    def mean(self):
        return (self.x + self.y) / 2.0

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)


@dataclass
class Spring:
    k: float
    rest: float = 1.0
    extra: tuple = ()

    def force(self, length):
        return -self.k * (length - self.rest)

    @property
    def stiff(self):
        return self.k > 2.0

    @property
    def twice(self):
        return 2.0 * self.k

    @twice.setter
    def twice(self, value):
        self.k = value / 2.0

    @staticmethod
    def energy(k, d):
        return 0.5 * k * d * d

    @classmethod
    def unit(cls, rest):
        return cls(1.0, rest)


@dataclass(frozen=True)
class Vector:
    a: float
    b: float

    def __add__(self, other):
        return Vector(self.a + other.a, self.b + other.b)

    def __mul__(self, k):
        return Vector(self.a * k, self.b * k)

    def __rmul__(self, k):
        return self * k

    def __neg__(self):
        return Vector(-self.a, -self.b)

    def __getitem__(self, i):
        return self.a if i == 0 else self.b

    def __len__(self):
        return 2

    def __call__(self, t):
        return self.a + self.b * t

    def __lt__(self, other):
        return self.a < other.a

    def __abs__(self):
        return abs(self.a) + abs(self.b)

    def __bool__(self):
        return self.a != 0.0

    def __eq__(self, other):
        return self.a == other.a

    def __iadd__(self, other):
        return Vector(self.a + 10.0 * other.a, self.b)

    def __contains__(self, v):
        return v == self.a or v == self.b


@dataclass
class Nested:
    point: Point
    spring: Spring
    values: list = field(default_factory=list)
    label: str = "n"


class Plain:
    def __init__(self, a):
        self.a = a
        self.total = 0.0

    def add(self, v):
        self.total = self.total + v * self.a
        return self


class Inherits(Plain):
    def twice(self, v):
        return self.add(v).add(v)


class Bare:
    scale = 2.0


class Divided:
    def __init__(self, a):
        self.a = a

    def __floordiv__(self, other):
        return "floordiv"

    def __mod__(self, other):
        return "mod"

    def __divmod__(self, other):
        return self.a, other

    def __rdivmod__(self, other):
        return other, self.a


@dataclass
class Made:
    a: float
    values: list = field(default_factory=list)
    options: dict = field(default_factory=lambda: {"k": 2.0}, init=False)


@dataclass(slots=True)
class Slots:
    a: float
    n: int = 2


class Scaled(NamedTuple):
    a: float

    def __mul__(self, k):
        return Scaled(self.a * k)

    def __bool__(self):
        return self.a > 0.0

    def __lt__(self, other):
        return self.a > other.a

    def __eq__(self, other):
        return abs(self.a) == abs(other.a)

    def __ne__(self, other):
        return self.a != other.a

    def __call__(self, b):
        return self.a - b


class Base:
    scale = 2.0

    def area(self):
        return self.side() * self.scale


@dataclass
class Square(Base):
    length: float

    def side(self):
        return self.length**2


class Mode(enum.Enum):
    SUM = 1
    PRODUCT = 2


POINTS = st.builds(Point, FLOATS, FLOATS)
SPRINGS = st.builds(Spring, FLOATS, FLOATS, st.tuples(FLOATS, INTS))
VECTORS = st.builds(Vector, FLOATS, FLOATS)


@agrees(t=st.tuples(FLOATS, INTS, st.tuples(FLOATS)), v=st.tuples(FLOATS, FLOATS).map(list))
def test_tuples_and_lists(t, v):
    a, n, (b,) = t
    return a * n + b, t[2][0], v[0] - v[-1], len(t) + len(v), (t, v)


@agrees(d=st.fixed_dictionaries({"w": FLOATS, "layer": st.fixed_dictionaries({"b": FLOATS, "n": INTS})}))
def test_dicts(d):
    d["w"] = d["w"] * 2.0
    inner = d["layer"]
    inner["b"] += d["w"]
    return inner["b"] * inner["n"], d


@agrees(p=POINTS, q=POINTS)
def test_namedtuples(p, q):
    r = p + q
    x, y = r
    point = Point(1.0, 2.0) == (1.0, 2.0)
    return r, point, r.x - r[1], p.norm2(), q.mean, Point(x), p._replace(y=3.0), Point(y=x, x=y), len(p), x


@agrees(s=SPRINGS, x=FLOATS)
def test_dataclasses(s, x):
    before = s.k
    s.k = s.k + 1.0
    s.rest *= 2.0
    t = Spring(x)
    u = dataclasses.replace(t, rest=x)
    return s.force(x), s.stiff, before, t.force(s.k), u.rest, s.extra[1], t, s, Spring.energy(x, 2.0)


@agrees(s=SPRINGS, x=FLOATS)
def test_properties_with_setters_and_class_methods(s, x):
    s.twice = x
    s.twice += 1.0
    return s.k, s.twice, Spring.unit(x).rest


@agrees(u=VECTORS, v=VECTORS, n=INTS)
def test_special_methods(u, v, n):
    w = u + v * 2.0
    z = 3.0 * u
    z += v
    first = u[0] if u else -1.0
    return w, z, -u, len(u), u(2.0), u < v, abs(v), first, u == v, u != v, 1.0 in u, w[n]


@agrees(u=st.builds(Scaled, FLOATS), v=st.builds(Scaled, FLOATS), n=INTS)
def test_special_methods_of_namedtuples_come_before_those_of_tuples(u, v, n):
    w = u * n
    return w, bool(u), u < v, u == v, u != v, w(2.0), (1.0 if v else 2.0)


@agrees(a=st.sampled_from([0.0, 1.0]), b=st.sampled_from([0.0, 1.0]))
def test_equality_of_structures(a, b):
    s, t = Spring(a, b), Spring(b, a)
    d = {"u": a, "v": [b]}
    return s == t, s != t, s == s, d == {"v": [a], "u": b}, d == {"u": a}, [a, (b,)] == [b, (a,)], [a] != (a,), {} == {}


@agrees(s=st.builds(Slots, FLOATS, INTS), x=FLOATS)
def test_dataclasses_with_slots(s, x):
    s.a = s.a * x
    s.n += 1
    return s, Slots(x).n


@agrees(m=st.builds(Nested, POINTS, SPRINGS, st.just([1.0, 2.0])), x=FLOATS)
def test_nested_structures(m, x):
    m.spring.k = m.point.x
    m.values.append(x)
    m.values[0] = -x
    m.point = Point(x, m.point.y)
    return m.spring.force(x), m


@agrees
def test_instances_of_plain_classes(x, y, n):
    p = Plain(x)
    for i in range(n):
        p.add(y * i)
    p.add(1.0).add(2.0)
    return p.total


@agrees
def test_classes_without_an_init_of_their_own(x, y):
    p, q = Inherits(x), Bare()
    q.v = y
    return p.twice(y).total, q.v * q.scale


@agrees
def test_fields_are_made_by_their_default_factory(x, y):
    p, q = Made(x), Made(y, [x])
    p.values.append(y)
    q.options["k"] = x
    return p, q, Made(x).values


@agrees
def test_divmod_is_a_method_of_its_own(x, n):
    return divmod(Divided(x), n), divmod(n, Divided(x)), divmod(x, 0.5)


@agrees(s=st.builds(Square, FLOATS))
def test_inheritance(s):
    return s.area(), isinstance(s, Base), isinstance(s, Spring), s.scale


@settings(max_examples=20, deadline=None)
@given(v=SPRINGS, x=FLOATS)
def test_bound_methods_are_compiled_and_passed(v, x):
    def apply(f, a):
        return f(a) * 2.0

    for backend in BACKENDS:
        compiled_method = irad.compile(v.force, backend=backend)
        assert same(compiled_method(x), v.force(x))
        v.k, v.extra = v.k + 1.0, ("text",)
        assert same(compiled_method(x), v.force(x))
    check(apply, v.force, x)


@settings(max_examples=20, deadline=None)
@given(v=VECTORS, x=FLOATS, n=INTS)
def test_callable_instances_are_compiled_and_passed(v, x, n):
    for backend in BACKENDS:
        assert same(irad.compile(v, backend=backend)(x), v(x))
        assert same(irad.compile(functools.partial(v, x), backend=backend)(), v(x))
    check(lambda f, t: f(t) + v(1.0), v, x)


def test_methods_that_are_compiled_in_the_class():
    @dataclass
    class Line:
        w: float

        @irad.compile
        def at(self, x):
            return self.w * x

    assert Line(3.0).at(2.0) == 6.0
    assert irad.grad(lambda w: Line(w).at(2.0))(1.0) == 2.0


@agrees
def test_bound_methods_inside(x, y):
    f = Spring(x).force
    values = []
    add = values.append
    add(f(y))
    add(x)
    return values


@settings(max_examples=20, deadline=None)
@given(a=FLOATS, x=FLOATS)
def test_partials_are_compiled_and_passed(a, x):
    def f(a, x, *, k=1.0):
        return a * x - k

    g = functools.partial(functools.partial(f, a), k=a)
    for backend in BACKENDS:
        assert same(irad.compile(g, backend=backend)(x), g(x))
    check(lambda h, x: h(x) + 1.0, g, x)


@settings(max_examples=10, deadline=None)
@given(x=FLOATS, y=FLOATS)
def test_functions_are_arguments(x, y):
    def apply(f, g, x):
        return f(g(x), 2.0)

    for f in (lambda a, b: a * b, max, lambda a, b: a - b * y):
        for g in (abs, lambda a: a + y):
            check(apply, f, g, x)


def by_option(x, mode="sum", flag=None, scale=None):
    if mode == "sum":
        y = x + 1.0
    elif mode.startswith("prod"):
        y = x * 2.0
    else:
        raise ValueError(f"unknown mode {mode}")
    if flag is None:
        return y
    if scale is not None:
        y = y * scale
    return y if flag else -y


@settings(max_examples=30, deadline=None)
@given(
    x=FLOATS,
    mode=st.sampled_from(["sum", "product", "other"]),
    flag=st.sampled_from([None, True, False]),
    scale=st.none() | FLOATS,
)
def test_strings_none_and_truth_values_as_options(x, mode, flag, scale):
    check(by_option, x, mode, flag, scale, messages=True)


def test_enum_members_as_options():
    def f(x, mode):
        return x + 1.0 if mode is Mode.SUM else x * 2.0

    for mode in Mode:
        check(f, 3.0, mode)


def keywords(a, b=2.0, *rest, c, d=4.0, **others):
    return a - b * c + d, rest, others


@settings(max_examples=30, deadline=None)
@given(a=FLOATS, given_=st.fixed_dictionaries({"c": FLOATS}, optional={"b": FLOATS, "d": INTS, "e": FLOATS, "f": INTS}))
def test_keyword_arguments(a, given_):
    for backend in BACKENDS:
        assert same(compiled(keywords, backend)(a, **given_), keywords(a, **given_))
        assert same(compiled(keywords, backend)(**given_, a=a), keywords(**given_, a=a))


@settings(max_examples=10, deadline=None)
@given(a=FLOATS, b=FLOATS, n=INTS)
def test_star_parameters_of_the_compiled_function(a, b, n):
    for backend in BACKENDS:
        f = compiled(keywords, backend)
        assert same(f(a, b, n, a, c=b), keywords(a, b, n, a, c=b))
        assert same(f(a, b, 1, c=b, d=n), keywords(a, b, 1, c=b, d=n))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "call",
    [
        lambda f: f(),
        lambda f: f(1.0),
        lambda f: f(1.0, c=2.0, a=3.0),
        lambda f: f(1.0, c=2.0, x=np.zeros(2), d=1.0, **{"a": 1.0}),
    ],
    ids=["nothing", "a keyword is missing", "twice", "twice among others"],
)
def test_calls_that_python_refuses(backend, call):
    with pytest.raises(TypeError):
        call(keywords)
    with pytest.raises((TypeError, irad.CompileError)):
        call(compiled(keywords, backend))


@pytest.mark.parametrize("kind", [np.float64, np.int64, np.array, np.asarray, float, int])
def test_numpy_scalars_as_numbers(kind):
    def f(a, n):
        total = a * 2 + n
        for i in range(int(n)):
            total = total - i
        return total, a > n, n // 2, abs(a)

    for a in (2.0, -3.0, 0.0):
        for n in (3, 0):
            check(f, kind(a), kind(n) if kind is not float else n)


def test_float32_stays_float32():
    def f(a, b):
        return a * b + a, np.sqrt(abs(a)), a + 1.0, a * 2

    for backend in BACKENDS:
        got = irad.compile(f, backend=backend)(np.float32(1.1), np.float32(2.3))
        want = f(np.float32(1.1), np.float32(2.3))
        assert all(float(g) == float(w) for g, w in zip(got, want, strict=True)), (backend, got, want)


@agrees(xs=st.tuples(INTS, FLOATS, st.booleans()))
def test_int_and_float_and_bool_arguments_mix(xs):
    n, x, p = xs
    return n + x, n * p, x - p, n if p else n + 1
