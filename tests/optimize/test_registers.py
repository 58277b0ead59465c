"""Small arrays in registers: nothing of them is left in memory, and programs mean what they meant."""

from __future__ import annotations

import itertools
import linecache
import random
import re

import numpy as np
import pytest
from irad.backends.interpreter.run import loaded as interpreted

import irad
from irad import pipeline
from irad.compiled import Compiled, Options, core_of
from irad.graph.walk import all_graphs
from irad.optimize.passes import fuse, registers
from irad.specialize.entry import type_of
from irad.types import Array, Stack, Struct
from irad.verify import verify
from tests.generator import arrays
from tests.generator.arrays.reference import close, given, is_single, leaves
from tests.generator.program import ENTRY

counter = itertools.count()


def load(text, entry="f"):
    """A function of a program's text, new at each call, so that it compiles anew."""
    file = f"<registers {next(counter)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope = {"np": np, "irad": irad}
    exec(compile(text, file, "exec"), scope)
    return scope[entry]


def arrays_in(module):
    """The types of the arrays that a module makes or hands on, but for its arguments and results."""

    def of(t):
        if isinstance(t, Array):
            return [t]
        if isinstance(t, Struct):
            return [a for u in t.items for a in of(u)]
        return of(t.item) if isinstance(t, Stack) else []

    given = {*module.entry.params, module.entry.output}
    nodes = [n for g in all_graphs(module) for n in (*g.params, *g.body) if n not in given]
    return [a for n in nodes for a in of(n.type)]


def lowered(f, *args):
    """What f's machine code is made of, verified."""
    module = irad.ir(f, *args, stage="lowered").module
    return verify(module, "optimized")


# -- named programs ---------------------------------------------------------------------------------------------------------

PROGRAMS = {
    "a state in a loop": """
def f(n, p):
    y = np.array([p, 0.5])
    for _ in range(n):
        k = np.array([y[0] - y[0] * y[1], y[0] * y[1] - y[1]])
        m = y + 0.05 * k
        y = y + 0.1 * np.array([m[0] - m[0] * m[1], m[0] * m[1] - m[1]])
    return y[0]
""",
    "a state in a while loop": """
def f(n, p):
    y = np.array([p, 2.0, 0.1])
    while y.sum() < 10.0 + n:
        y = y * 1.1 + y[::-1] * 0.01
    return y @ y
""",
    "elements written one by one": """
def f(n, p):
    y = np.zeros(3)
    for i in range(n):
        y[0] += p
        y[1] = y[0] * 0.5
        y[2:] = y[:1] + i
    return np.prod(y + 1.0)
""",
    "two names of one array": """
def f(n, p):
    x = np.array([p, 1.0, 2.0])
    y = x
    v = x[1:]
    for _ in range(n):
        y[0] = y[0] * 1.5
        v[0] = v[0] + y[0]
        v += 0.25
    return x.sum()
""",
    "branches": """
def f(n, p):
    y = np.array([p, 1.0])
    for i in range(n):
        if y[0] > 1.0:
            y = y * np.array([0.5, 2.0])
        elif i > 1:
            y[1] = p
        else:
            y = np.array([y[1], y[0] + 0.75])
    return y[0] * y[1]
""",
    "matrices": """
def f(n, p):
    m = np.eye(3)
    for i in range(n):
        c, s = np.cos(p * i), np.sin(p + i)
        m = m @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return m.T[0, 1] + np.max(m) + np.trace(m)
""",
    "a loop that is unrolled": """
def f(n, p):
    x = np.array([p, 2.0, 3.0])
    y = np.zeros(3)
    for i in range(3):
        for j in range(3):
            y[i] += x[j] * (i + 1) - x[i]
    return y @ y + n
""",
    "truth values and whole numbers": """
def f(n, p):
    k = np.array([1, 2, 3])
    for i in range(n):
        k = np.where(k % 2 == 0, k // 2, k + i)
    b = k > np.array([2, 2, 2])
    return p * k.sum() if b.any() and not b.all() else p
""",
    "recursion": """
def f(n, p):
    def down(y, k):
        return y if k == 0 else down(np.array([y[1], y[0] * 1.5]), k - 1)
    return down(np.array([p, 1.0]), n) @ np.array([1.0, 2.0])
""",
    "recursion in a loop that is unrolled": """
def f(n, p):
    def down(y, k):
        return y if k <= 0 else down(y * np.array([0.5, p]) + y[::-1], k - 1)
    y = np.array([p, 1.0])
    for i in range(3):
        y = down(y, n - i) * 0.25
    return y.sum()
""",
    "no elements": """
def f(n, p):
    y, z = np.array([p, 1.0]), np.zeros((0, 2))
    for _ in range(n):
        y = y * 1.5 + z.sum(axis=0) + z.T @ np.ones(0) + (z * y).prod(axis=0)
    return y.sum() + z.sum() + (z @ y).sum()
""",
    "arrays in tuples": """
def f(n, p):
    state = (np.array([p, 1.0]), (0.5, np.array([2.0, p])))
    for _ in range(n):
        a, (c, b) = state
        state = (b * c, (c + a[0], a + b))
    return state[0][0] + state[1][1].sum()
""",
    "single precision": """
def f(n, p):
    y = np.array([1.5, 0.25], dtype=np.float32)
    for _ in range(n):
        y = y * np.float32(0.75) + y[::-1]
    return p * np.sum(y)
""",
}
IN_MEMORY = {"recursion", "recursion in a loop that is unrolled"}  # a residual that is a sum keeps its arrays


@pytest.mark.parametrize("name", PROGRAMS)
def test_named_programs(name):
    f = load(PROGRAMS[name])
    args = (4, 0.7)
    assert not arrays_in(lowered(f, *args))
    compiled, interpreted = irad.compile(f), irad.compile(f, backend="interpreter")
    for n in (0, 1, 5):
        assert compiled(n, 0.7) == pytest.approx(f(n, 0.7), rel=1e-13)
    g = irad.grad(f, argnums=1)
    if name not in IN_MEMORY:
        assert not arrays_in(lowered(g, *args))
    for n in (0, 1, 5):
        assert g(n, 0.7) == pytest.approx(irad.jvp(interpreted, (n, 0.7), (None, 1.0))[1], rel=1e-12)
        assert irad.grad(irad.grad(f, argnums=1), argnums=1)(n, 0.7) == pytest.approx(
            irad.jvp(g, (n, 0.7), (None, 1.0))[1], rel=1e-9, abs=1e-12
        )


def test_a_trip_stores_numbers():
    """Of an RK2 step on two numbers only these are stored: in an array they take no more than by themselves."""
    f = load(PROGRAMS["a state in a loop"])
    stored = irad.ir(irad.grad(f, argnums=1), 3, 0.7, stage="lowered").residuals
    assert [r.bytes for r in stored] == [8, 8]


@pytest.mark.parametrize("first", [0.25, 0.75])
def test_an_array_that_may_be_absent(first):
    """What only one branch makes, and is in memory, is read where it is there: in the derivative of that branch."""
    f = load("""
def f(x, n):
    s = 0.0
    if x[0] > 0.5:
        w = x * x
        s = np.sum(np.sin(w) * x[::-1])
        for i in range(n):
            s += np.sin(w[i % 3] * s)
    return s
""")
    x = np.array([first, 1.0, 2.0, 3.0])
    g = irad.grad(f)
    want = irad.compile(g, backend="interpreter")(x, 5)
    np.testing.assert_allclose(interpreted(lowered(g, x, 5))([x, 5]), want, rtol=1e-14)
    np.testing.assert_allclose(g(x, 5), want, rtol=1e-13)


ROWS = """
def f(x, n):
    e = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            d = x[i] - x[j]
            e -= 1.0 / np.sqrt(DOT + 0.01)
    return e
"""


@pytest.mark.parametrize("dot", ["d @ d", "np.sum(d**2)", "(d * d).sum()"])
def test_rows_of_a_larger_array(dot):
    """Rows are read element by element, and their cotangents are added so."""
    f = load(ROWS.replace("DOT", dot))
    x = np.random.default_rng(0).normal(size=(7, 3))
    for g in (f, irad.grad(f)):
        assert {str(t) for t in arrays_in(lowered(g, x, 7))} <= {"f64[7,3]"}
    assert irad.compile(f)(x, 7) == pytest.approx(f(x, 7), rel=1e-13)
    np.testing.assert_allclose(irad.grad(f)(x, 7), irad.compile(irad.grad(f), backend="interpreter")(x, 7), rtol=1e-12)


def test_arguments_are_read_and_results_put_together():
    f = load("""
def f(x, n):
    y = x + 0.0
    for _ in range(n):
        y = np.array([y[2], y[0], y[1] * 0.5])
    return y
""")
    x = np.array([1.0, 2.0, 3.0])
    module = lowered(f, x, 5)
    assert {str(a) for a in arrays_in(module)} == set()
    assert irad.ir(f, x, 5, stage="lowered").operations["index"] == 3
    assert irad.ir(f, x, 5, stage="lowered").operations["array"] == 1
    np.testing.assert_array_equal(irad.compile(f)(x, 5), f(x, 5))


@pytest.mark.parametrize(
    ("rows", "body"),
    [
        (8, "x[i % 3] += 0.5 * i"),  # an index that is not known
        (8, "x[i % 3] = x[(i + 1) % 3]"),
        (8, "x = x + big[i % 4] * 2.0"),  # rows of a larger array
        (8, "big[i % 4] = x; x = x[::-1] * 1.5"),
        (8, "row = big[i % 4]; x[0] = row[1] - row @ x"),
        (8, "big[:, 0] += big @ x; x[0] = big[1, 0]"),  # read whole in each trip
        (8, "x = (big @ x)[:3] + 0.1"),
        (8, "x = x * big.sum(axis=0)"),
    ],
)
def test_what_meets_memory(rows, body):
    """Values and gradients are right, and no trip makes more arrays than it did."""
    f = load(f"""
def f(big, p, n):
    big = big + 0.0
    x = np.array([p, 1.0, 2.0])
    for i in range(n):
        {body}
    return x.sum() + 0.5 * big.sum()
""")
    big = 0.3 * np.random.default_rng(0).normal(size=(rows, 3))
    args = (big, 0.7, 5)
    before, after = (irad.ir(f, *args, stage=s).module for s in ("optimized", "lowered"))

    def made(module):
        loops = [g for g in all_graphs(module) if g.role == "loop"]
        return sum(isinstance(n.type, Array) and n.fn.name in ("array", "mul", "add", "sum") for g in loops for n in g.body)

    assert made(verify(after, "optimized")) <= made(before)
    assert irad.compile(f)(*args) == pytest.approx(f(*args), rel=1e-13)
    g = irad.grad(f, argnums=(0, 1))
    want = irad.compile(g, backend="interpreter")(*args)
    for a, b in zip(irad.compile(g)(*args), want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_what_is_only_handed_on_stays_in_memory():
    """Nothing is done with elements of x and y: they are not taken apart in one branch to be put together behind it."""
    f = load("""
def f(a, b, p, n):
    x, y = a @ np.ones(5), b @ np.ones(5)
    for i in range(n):
        x, y = y, (a @ np.ones(5) if i > p else b @ np.ones(5))
    return x, y
""")
    args = (np.ones((4, 5)), np.full((4, 5), 2.0), 1.0, 3)
    assert irad.ir(f, *args, stage="lowered").operations["index"] == 0
    for got, want in zip(irad.compile(f)(*args), f(*args), strict=True):
        np.testing.assert_array_equal(got, want)


# -- generated programs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_generated_programs(seed):
    """In registers they give what they gave in memory, or raise the same."""
    program = arrays.generate(seed)
    core = Compiled(load(program.source, ENTRY), Options())
    try:
        module = pipeline.optimize(core.specialized([type_of(a) for a in program.args]).module)
    except irad.CompileError:
        return
    in_memory, in_registers = (ran(m, program) for m in (module, verify(pipeline.native(module), "optimized")))
    assert len(in_memory) == len(in_registers)
    for a, b in zip(in_registers, in_memory, strict=True):
        assert (a == b) if isinstance(b, str) else close(a, b, *((2e-5, 1e-5) if is_single(program) else (1e-12, 1e-12)))


def ran(module, program):
    """The leaves of what the interpreter makes of a module, or the name of the exception."""
    try:
        return [v for _, v in leaves(interpreted(module)(given(program)))]
    except Exception as e:
        return [type(e).__name__]


class Exact:
    """Writes programs of operations without rounding on small arrays: in any order of their sums, bits are the same."""

    SHAPES = ((2,), (3,), (2, 2), (1, 3), (3, 1), (2, 3))

    def __init__(self, seed):
        self.rng, self.lines, self.shapes = random.Random(seed), [], {}

    def program(self):
        for name in "xy":
            self.shapes[name] = self.rng.choice(self.SHAPES)
        given = dict(self.shapes)
        for _ in range(self.rng.randint(3, 7)):
            self.rng.choice([self.binary, self.binary, self.unary, self.moved, self.reduced, self.made, self.put, self.loop])()
        results = ", ".join(n for n in self.shapes if n not in given)
        lines = "".join(f"    {line}\n" for line in self.lines)
        return f"def f(x, y, n):\n{lines}    return ({results},)\n", [given["x"], given["y"]]

    def pick(self, fits=lambda s: True):
        found = [n for n, s in self.shapes.items() if fits(s)]
        return self.rng.choice(found) if found else None

    def add(self, text, shape, indent=""):
        name = f"v{len(self.lines)}"
        self.lines.append(f"{indent}{name} = {text}")
        self.shapes[name] = shape
        return name

    def binary(self):
        a = self.pick()
        b = self.pick(lambda s: s == self.shapes[a])
        op = self.rng.choice(
            ["{} + {}", "{} - {}", "np.maximum({}, {})", "np.where({0} > {1}, {0}, {1})", "np.copysign({}, {})"]
        )
        self.add(op.format(a, b), self.shapes[a])

    def unary(self):
        a = self.pick()
        op = self.rng.choice(
            [
                "-{}",
                "abs({})",
                "{} * 0.5",
                "{} * 0.0",
                "{} + 0.0",
                "{} * -1.0",
                "np.sign({})",
                "1.0 / {}",
                "np.minimum({}, 2.0)",
            ]
        )
        self.add(op.format(a), self.shapes[a])

    def moved(self):
        a = self.pick()
        s = self.shapes[a]
        how, shape = self.rng.choice(
            [(".T", s[::-1]), (".reshape(-1)", (int(np.prod(s)),)), ("[::-1]", s), ("[:1]", (1, *s[1:]))]
        )
        self.add(f"{a}{how} - 0.0", shape)

    def reduced(self):
        a = self.pick()
        s = self.shapes[a]
        how = self.rng.choice(["max", "min", "sum"])
        if self.rng.random() < 0.5:
            self.add(f"np.array([{a}.{how}(), {a}.{how}()])", (2,))
        else:
            self.add(f"{a}.{how}(axis=0, keepdims=True)", (1, *s[1:]))

    def made(self):
        places = []
        for _ in range(3):
            a = self.pick()
            places.append(f"{a}[{', '.join(str(self.rng.randrange(d)) for d in self.shapes[a])}]")
        self.add(f"np.array([{', '.join(places)}])", (3,))

    def put(self):
        a = self.pick(lambda s: True)
        b = self.add(f"{a} + 0.0", self.shapes[a])
        where = ", ".join(str(self.rng.randrange(d)) for d in self.shapes[a])
        self.lines.append(
            f"{b}[{where}] {self.rng.choice(['=', '+=', '-='])} {self.rng.choice(['0.0', '-0.0', 'float(n)', f'{a}[{where}]'])}"
        )
        self.lines.append(
            f"{b}[{where.split(',')[0]}:] = {a}[{where.split(',')[0]}:]" if self.rng.random() < 0.3 else f"{b}[0] += 1.0"
        )

    def loop(self):
        a = self.pick()
        b = self.add(f"{a} * 1.0", self.shapes[a])
        test = self.rng.choice(["i > 1", f"{b}.sum() > 0.0", f"np.any({b} != {b})"])
        self.lines += [
            "for i in range(n):",
            f"    if {test}:",
            f"        {b} = {b} - {a}",
            "    else:",
            f"        {b} = {b} * 0.5 + {a}",
        ]


VALUES = [0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("seed", range(40))
def test_exact_programs_keep_their_bits(seed, monkeypatch):
    """NaN, infinities and the sign of zero included."""
    text, shapes = Exact(seed).program()
    compiled = irad.compile(load(text))
    memory = load(text)
    rng = random.Random(seed)
    trials = [[np.array(rng.choices(VALUES, k=int(np.prod(s)))).reshape(s) for s in shapes] for _ in range(6)]
    with monkeypatch.context() as m:
        m.setattr(pipeline, "NATIVE", (fuse,))
        in_memory = irad.compile(memory)
        wanted = [in_memory(*args, 3) for args in trials]
    for args, want in zip(trials, wanted, strict=True):
        for a, b in zip(compiled(*args, 3), want, strict=True):
            same = ((a == b) & (np.signbit(a) == np.signbit(b))) | ((a != a) & (b != b))
            assert np.all(same), f"{text}\n{args}: {b} becomes {a}"


def test_the_growth_is_bounded():
    """A module of so many operations on elements stays as it is."""
    lines = "".join(f"    m = m @ (m + {k}.0)\n" for k in range(200))
    f = load(f"def f(p):\n    m = np.array([[p, 1.0, 0.0, 0.0]] * 4)\n{lines}    return m[0, 0]\n")
    core = core_of(irad.compile(f))
    module = pipeline.optimize(core.specialized([type_of(1.0)]).module)
    assert pipeline.run_passes(module, (registers,)) is module


def test_what_raises_still_does():
    text = """
graph @f(%x: float) -> float {
  %y: f64[2] = array(%x, 1.0, shape=(2,));
  %z: f64[2] = add(%y, %y);
  %0: f64[3] = retype(%z, to=f64[3]);
  %1: f64[3] = mul(%0, %0);
  %2: f64 = index(%1, WHERE);
  return %2;
}"""
    for where, error in ((0, ValueError), (3, (ValueError, IndexError))):
        f = irad.compile(irad.parse_ir(text.replace("WHERE", str(where))))
        with pytest.raises(error):
            f(1.0)


def test_errors_cite_the_line():
    f = load("""
def f(k, p):
    x = np.array([p, 1.0, 2.0]) * 2.0
    return x[k] + x[0]
""")
    assert irad.compile(f)(-1, 1.0) == f(-1, 1.0)
    with pytest.raises(IndexError, match=re.escape("index 3 is out of bounds for axis 0 with size 3")):
        irad.compile(f)(3, 1.0)
