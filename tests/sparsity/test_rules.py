"""What operations depend on, by the registry: a change of an operand that changes the result is in the pattern, and a change of
the slope in that of second derivatives."""

import itertools

import numpy as np
import pytest

from irad.errors import CompileError
from irad.graph.build import Builder
from irad.graph.nodes import Module
from irad.primitives import REGISTRY
from irad.sparsity.problem import Problem
from irad.sparsity.propagate import propagated
from irad.types import F64, Array, is_float

VECTOR = Array(F64, (1,))
STEP = 1e-3


def operations():
    """The elementwise operations of floats that have the derivative of their values, with how many they take."""
    for name, prim in REGISTRY.items():
        if name == "stop_gradient":
            continue
        for count in (1, 2, 3):
            try:
                if prim.elementwise and not prim.statics and is_float(prim.infer((VECTOR,) * count)):
                    yield name, count
            except (CompileError, ValueError):
                continue


OPERATIONS = list(operations())


def patterns(name, count):
    b = Builder(Module(), REGISTRY)
    graph = b.new_graph("f")
    params = [b.parameter(graph, VECTOR) for _ in range(count)]
    with b.inside(graph):
        graph.finish(b.make_tuple(b.apply(REGISTRY[name], params)))
    problem = Problem(b.module, graph, tuple(range(count)))
    found = [propagated(problem, [None] * count, second=second).pattern.toarray() for second in (False, True)]
    return found[0][0], found[1]


@pytest.mark.parametrize(("name", "count"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_nothing_is_missed(name, count):
    first, second = patterns(name, count)
    rng, ref = np.random.default_rng(0), REGISTRY[name].ref

    def value(x, *at):
        with np.errstate(all="ignore"):
            return float(np.asarray(ref(*[np.array([v + STEP * at.count(i)]) for i, v in enumerate(x)]))[0])

    for low, high in ((0.2, 0.9), (1.1, 2.9), (-2.9, -1.1)) * 2:
        x = rng.uniform(low, high, count)
        base = value(x)
        for i in range(count):
            assert first[i] or not abs(value(x, i) - base) > 1e-9
        for i, j in itertools.combinations_with_replacement(range(count), 2):
            bend = value(x, i, j) - value(x, i) - value(x, j) + base
            assert second[i, j] == second[j, i]
            assert second[i, j] or not abs(bend) > 1e-8, (x, i, j)


def test_there_are_operations_of_each_sort():
    names = {name for name, _ in OPERATIONS}
    assert {"add", "mul", "div", "exp", "atan2", "floor", "abs", "mod", "copysign"} <= names
    assert len(names) > 40
