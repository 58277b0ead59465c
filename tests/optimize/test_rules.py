"""Every rewrite rule means the same on both sides, at random and special numbers.

Rules are taken from the table: for each, applications of its head are made from a pool of arguments until it fires. A new
rule needs no line here, unless nothing in the pool makes it fire: then the test says so.
"""

import functools
import itertools
import math
import random
import re

import numpy as np
import pytest
from irad.backends.interpreter.run import interpret

from irad.errors import CompileError
from irad.graph.build import Builder, constant
from irad.graph.nodes import Apply, Graph, Module
from irad.optimize.rules import RULES
from irad.primitives import REGISTRY
from irad.types import BOOL, F32, F64, FLOAT, INT, SCALARS, Array, Dim, Form, List, Scalar, Struct, Sum
from tests.optimize.rewrites import EXAMPLES, check

ARRAY = Array(F64, (4,))
SIZED = Array(F64, (Dim.symbol("n"),))
KINDS = (FLOAT, INT, BOOL, F32, ARRAY, SIZED)
CONSTANTS = {"f": (0.0, -0.0, 1.0, -1.0, 2.0, 0.1, -3.0, 10.0), "i": (0, 1, -1, 2, 5), "b": (True, False)}
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.7, 1.9, -2.5, 1e200, -1e-300, 5e-324, math.inf, -math.inf, math.nan)
INTS = (0, 1, -1, 7, -12, 2**31 - 1, -(2**31))
MOST = 8  # examples of one rule that are evaluated


def scalar(t):
    return t.dtype if isinstance(t, Array) else t


class Pool:
    """A graph with parameters of one type, and arguments made of them: constants, and the operations that a rule names."""

    def __init__(self, kind, names):
        self.kind, self.names = kind, names
        self.module = Module()
        self.module.sums = {"s": ((kind, kind), (kind,))}
        self.b = Builder(self.module, REGISTRY, folding=False)
        self.graph = self.b.new_graph("f")
        self.params = [self.b.parameter(self.graph, t) for t in (kind, kind, BOOL, BOOL)]
        self.b.enter(self.graph)
        self.first, self.all = self.arguments()

    def constant(self, v):
        c, x = constant(scalar(self.kind), v), self.params[0]
        return c if isinstance(self.kind, Scalar) else self.b.broadcast(c, *self.b.dims(x), shape=self.kind.shape)

    def made(self, prim, args, static=()):
        """The application, or None where the types do not fit."""
        try:
            return self.b.apply(prim, args, static)
        except (CompileError, ValueError, IndexError):
            return None

    def arguments(self):
        x, y, p, q = self.params
        constants = [self.constant(v) for v in CONSTANTS[scalar(self.kind).kind]]
        truths = [p, q, *[constant(BOOL, v) for v in (True, False)]]
        leaves = [x, y, *constants, *([] if self.kind is BOOL else truths)]
        deeper = [
            self.made(prim, args)
            for prim in map(REGISTRY.get, sorted(self.names))
            if prim is not None and prim.elementwise and not prim.statics
            for n, pool in ((1, [x, y, p]), (2, [x, y, *constants, p, q]))
            for args in itertools.product(pool, repeat=n)
        ]
        deeper = [n for n in deeper if n is not None]
        binary = [n.fn for n in deeper if len(n.args) == 2]
        deeper += [
            n
            for prim in dict.fromkeys(binary)
            for d in [d for d in deeper if d.fn is prim][:12]
            for args in ((d, y), (y, d))
            if (n := self.made(prim, args)) is not None
        ]
        structures = [
            self.b.make_tuple(x, y),
            self.b.make_record(x, y, form=Form("list", "list", (0, 1))),
            self.b.push(self.b.empty_stack(of=self.kind), x),
            *(self.arrays(x) if isinstance(self.kind, Array) else self.lists(x, y)),
            *[self.made(REGISTRY["inject"], args, (Sum("s"), case)) for case, args in ((0, (x, y)), (1, (y,)))],
        ]
        return [*leaves, *structures], [*leaves, *structures, *deeper]

    def arrays(self, x):
        b, zero = self.b, constant(INT, 0)
        made = [b.zeros(*b.dims(x), of=self.kind), b.transpose(x, axes=(0,))]
        if self.kind is SIZED:
            square = b.broadcast(x, *b.dims(x), *b.dims(x), shape=self.kind.shape * 2)
            return [*made, b.max(square, axes=(1,)), b.matmul(square, square)]
        rows = b.reshape(x, shape=(2, 2))
        blocks = [b.slice(x, zero, shape=(4,), steps=(1,)), b.slice_update(x, self.params[1], zero, steps=(1,))]
        first = b.slice(self.params[1], zero, shape=(1,), steps=(1,))
        blocks.append(b.slice_update(x, first, zero, steps=(1,)))
        pair = b.array(b.index(x, zero), b.index(x, constant(INT, 3)), shape=(2,))
        one = constant(INT, 1)
        elements = [b.index_update(x, constant(F64, 0.0), one), b.index(self.params[1], one)]
        return [*made, rows, b.transpose(rows, axes=(1, 0)), pair, *blocks, *elements, zero, one]

    def lists(self, x, y):
        return [self.b.make_list(of=self.kind), self.b.make_list(x, y, of=self.kind)]

    def applications(self, rule):
        """(left, right) for the applications of the rule's head on which it fires."""
        prim = REGISTRY[rule.head]
        for static in statics(prim):
            for n in (1, 2, 3):
                pools = [self.all] * n if n < 3 else [[*self.params, *self.first[-8:]], self.first, self.first]
                if n == 3 and prim.elementwise:  # a condition: truth values and what is made of them
                    pools[0] = [a for a in self.all if a.type is BOOL][:12]
                for args in itertools.product(*pools):
                    if n > 1 and prim.elementwise and len({a.type for a in args[-2:]}) > 1:
                        continue
                    if prim.elementwise and not all(isinstance(a.type, (Scalar, Array)) for a in args):
                        continue
                    if not fits(prim, tuple(a.type for a in args), static):
                        continue
                    self.b.folding = True
                    try:
                        right = rule.rewrite(self.b, args, static)
                    except ValueError:  # its head takes another number of arguments
                        continue
                    finally:
                        self.b.folding = False
                    if right is not None:
                        yield self.made(prim, args, static), right


STATICS = {
    "array": [((2,),)],
    "dim": [(0,)],
    "reshape": [((4,),), ((2, 2),), ((4, 1),)],
    "transpose": [((0,),), ((1, 0),)],
    "slice": [((4,), (1,)), ((3,), (1,))],
    "slice_update": [((1,),)],
    "slice_add": [((1,),)],
    "contract": [(((), ()), pairs) for pairs in (((0,), (0,)), ((1,), (0,)), ((0,), (1,)), ((1, 0), (1, 0)))],
}


def statics(prim):
    if not prim.statics:
        return [()]
    if prim.name in ("getitem", "project"):
        return [(0,), (1,)]
    if prim.name in STATICS:
        return STATICS[prim.name]
    if prim.name == "convert":
        return [(t,) for t in SCALARS.values()]
    return [prim.defaults] if len(prim.defaults) == len(prim.statics) else []


@functools.lru_cache(100_000)
def fits(prim, types, static):
    try:
        if prim.order == "context":
            return len(types) == 1 and isinstance(types[0], Sum)
        prim.infer(types, *static)
    except (CompileError, ValueError, IndexError, TypeError, AttributeError):
        return False
    return True


@functools.cache
def pool(kind, names=frozenset()):
    return Pool(kind, names)


def named(rule):
    """The operations in a rule's text."""
    return frozenset(re.findall(r"(\w+)\(", rule.text))


def values(t, exact):
    """Arguments of a type; ordinary ones where the rule changes last bits or loses a nan."""
    s = scalar(t)
    numbers = {"f": FLOATS if exact else (0.75, -1.5, 3.25, 0.1), "i": INTS, "b": (True, False)}[s.kind]
    with np.errstate(over="ignore"):
        made = [s.dtype.type(v) for v in numbers]
    return made if isinstance(t, Scalar) else [np.array(made[i : i + 4], s.dtype) for i in range(0, len(made) - 3, 4)]


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if a.dtype.kind != "f":
        return bool(np.all(a == b))
    return bool(np.all(((a == b) & (np.signbit(a) == np.signbit(b))) | ((a != a) & (b != b))))


def agrees(a, b, exact):
    """Equal bits; for rules that are not exact, close, where the left side is finite."""
    if exact or same_bits(a, b):
        return same_bits(a, b)
    a, b = np.asarray(a), np.asarray(b)
    near = np.isclose(a.astype(float), b.astype(float), rtol=1e-6 if a.dtype == np.float32 else 1e-13)
    return bool(np.all(near | ~np.isfinite(a)))


def parts(v):
    return [p for i in v for p in parts(i)] if isinstance(v, tuple) else [v]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_both_sides_mean_the_same(rule):
    check_both_sides(rule)


def check_both_sides(rule):
    """Wherever the rule fires: equal bits, or close where it is not exact; one type; no more work."""
    fired, differs = 0, False
    for kind in KINDS:
        p = pool(kind, named(rule))
        if rule.only and scalar(kind).kind != rule.only:
            assert not any(True for _ in itertools.islice(of_kind(p, rule), 1)), f"{rule} fires on {kind}"
            continue
        found = list(itertools.islice(p.applications(rule), 4000))
        pairs = spread(found)
        fired += len(pairs)
        exact = rule.exact or scalar(kind).kind != "f"
        for left, right in pairs:
            assert alike(left.type, right.type), f"{rule}: {left.type} becomes {right.type}"
            assert work(right) <= work(left), f"{rule} makes {show(right)} of {show(left)}"
            evaluate = (program(p, left), program(p, right))
            for args in arguments(kind, exact):
                a, b = outcomes(evaluate, args)
                # what a list of cotangents lacks is a zero of either sign; sums in products have no order
                bits = exact and not isinstance(left.type, List) and rule.head not in ("matmul", "contract")
                agree = a is None or all(agrees(u, v, bits) for u, v in zip(parts(a), parts(b), strict=True))
                assert agree, f"{rule} at {args}: {a!r} becomes {b!r} in {show(left)} => {show(right)}"
        if not exact and not differs:
            sides = ((program(p, left), program(p, right)) for left, right in spread(found, 400))
            differs = any(changed(evaluate, args) for evaluate in sides for args in arguments(kind, True))
    assert fired, f"nothing in the pool makes `{rule}` fire: add to `Pool.arguments`"
    assert rule.exact or differs, f"{rule} changes no bit: it is exact"


def arguments(kind, exact):
    """Values of the four parameters."""
    numbers = values(kind, exact)
    return [(*pair, *truths) for pair, truths in zip([*itertools.product(numbers, repeat=2)][::5], itertools.cycle(TRUTHS))]


def outcomes(evaluate, args):
    """What both sides give; where the left one raises, the other need not: (None, None)."""
    try:
        a = interpret(evaluate[0], args)
    except (ArithmeticError, ValueError, IndexError):
        return None, None
    return a, interpret(evaluate[1], args)


def changed(evaluate, args):
    a, b = outcomes(evaluate, args)
    return a is not None and not all(same_bits(u, v) for u, v in zip(parts(a), parts(b), strict=True))


def work(node):
    """What a value costs, its arguments included, in the units of `Primitive.cost`."""
    seen, todo = set(), [node]
    while todo:
        n = todo.pop()
        if isinstance(n, Apply) and n not in seen:
            seen.add(n)
            todo.extend(n.args)
    return sum(n.fn.cost for n in seen)


TRUTHS = [(True, False), (False, True), (True, True), (False, False), (False, True)]


def of_kind(p, rule):
    """Applications of a restricted rule to numbers of a kind that it is not for."""
    return ((a, b) for a, b in p.applications(rule) if scalar_kind(a) == scalar(p.kind).kind)


def scalar_kind(node):
    t = node.args[0].type if getattr(node, "args", ()) else node.type
    return scalar(t).kind if isinstance(t, (Scalar, Array)) else ""


def spread(pairs, most=MOST):
    """Some of them, the same in every run, in no order that the pool's could be in step with."""
    return random.Random(len(pairs)).sample(pairs, min(most, len(pairs)))


def alike(t, u):
    """Python's scalars and the machine's of the same bits serve for each other."""
    if isinstance(t, Struct) and isinstance(u, Struct):
        return all(map(alike, t.items, u.items))
    return t is u or (isinstance(t, Scalar) and isinstance(u, Scalar) and t.strong is u.strong)


def program(p, output):
    """A module of the operations that one value needs."""
    needed, todo = set(), [output]
    while todo:
        n = todo.pop()
        if n not in needed:
            needed.add(n)
            todo.extend(getattr(n, "args", ()))
    module = Module()
    module.sums = p.module.sums
    graph = Graph("f")
    graph.params, graph.body = p.graph.params, [n for n in p.graph.body if n in needed]
    graph.finish(output)
    module.graphs.append(graph)
    return module


def show(node, depth=3):
    if depth and getattr(node, "args", None):
        return f"{node.fn.name}({', '.join(show(a, depth - 1) for a in node.args)})"
    return repr(node)


def test_rules_have_names_of_their_own_and_a_text():
    names = [r.name for r in RULES]
    assert len(names) == len(set(names))
    assert all("=>" in r.text for r in RULES), [r.name for r in RULES if "=>" not in r.text]
    assert all(r in REGISTRY[r.head].rules for r in RULES)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_rewriting_stops(kind):
    """What the Builder makes of any two arguments is the same when it is made again."""
    p = pool(kind)
    module = Module()
    b = Builder(module, REGISTRY, fast=True)
    graph = b.new_graph("g")
    graph.params = p.params
    with b.inside(graph):
        leaves = [*p.params, *[n for n in p.first if not isinstance(n, Apply)]]
        made = list(leaves)
        for prim in REGISTRY.values():
            if not prim.elementwise or prim.order != "total":
                continue
            for args in itertools.product(made[:8], repeat=2):
                if fits(prim, tuple(a.type for a in args), ()):
                    once = b.apply(prim, args)
                    if getattr(once, "args", None) and once.fn.elementwise:
                        assert b.apply(once.fn, once.args, once.static) is once
                        made.append(once)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_examples(example):
    check(example)


def test_every_rule_has_an_example_in_which_it_fires_and_one_in_which_it_must_not():
    for fires in (True, False):
        assert {r.name for r in RULES} == {e.rule for e in EXAMPLES if (e.after != "same") == fires}
