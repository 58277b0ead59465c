"""Text and back over programs of every kind: drawn ones with derivatives to second order, the demo, the examples.

A module that was read is the module that was printed: the same text, the same optimized program, the same machine code.
"""

import functools
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from irad.backends.interpreter.run import interpret
from irad.backends.llvm.emit import emit_module
from irad.frontend import lower

import irad
from irad.compiled import Compiled, Options, core_of
from irad.demo.fit import GUESS, Problem
from irad.demo.model import loss
from irad.graph.nodes import Module
from irad.graph.normal import normal_form
from irad.graph.text import print_graph
from irad.pipeline import expand, native, optimize
from irad.primitives import REGISTRY
from irad.specialize.entry import type_of
from irad.verify import verify
from tests.fuzz.worker import generate
from tests.generator.program import load

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(8)
TRANSFORMS = (None, irad.grad, irad.hessian)


def entry(f, args, transform):
    made = transform(f) if transform is not None else f
    core = core_of(made) if transform is not None else Compiled(made, Options())
    return core.specialized([type_of(a) for a in args])


def same_everywhere(f, args, transform=None):
    """At each stage; gives the optimized module."""
    text = print_graph(lower(f))
    assert str(irad.parse_ir(text)) == text
    typed = entry(f, args, transform).module
    read = again(typed, "typed")
    assert unnamed(optimize(normal_form(read, REGISTRY))) == unnamed(optimize(typed))
    again(expand(typed), "typed")
    optimized = optimize(typed)
    read = again(optimized, "optimized")
    assert code(read) == code(optimized)
    return optimized, read


def unnamed(module):
    """The text without names, which carry the suffixes of the text that was read."""
    numbers = {}
    text = re.sub(r" *#.*| +$", "", str(module), flags=re.MULTILINE)
    return re.sub(r"[%@][\w.]+", lambda m: numbers.setdefault(m[0], f"{m[0][0]}{len(numbers)}"), text)


def code(module):
    """LLVM text without the numbers of places that can fail: text tells lines apart, not columns."""
    return re.sub(r"(store i64) \d+(, ptr %ctx$)", r"\1 n\2", emit_module(native(module)).text, flags=re.MULTILINE)


def again(module: Module, stage: str) -> Module:
    text = str(module)
    read = irad.parse_ir(text, max_nodes=1_000_000)
    assert str(read) == text
    return verify(read, stage)


@functools.cache
def drawn(seed):
    program = generate(seed)
    return load(program.source), program.args


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_programs(seed):
    f, args = drawn(seed)
    for transform in TRANSFORMS[: 3 if seed % 4 == 0 else 2]:
        try:
            entry(f, args, transform)
        except irad.CompileError:
            continue  # a program without a number to derive
        optimized, read = same_everywhere(f, args, transform)
        given = [irad_value(a) for a in args]
        if transform is None and len(optimized.entry.params) == len(args):
            assert repr(outcome(read, given)) == repr(outcome(optimized, given))


EXAMPLES = {
    "kepler": ("anomaly", (0.8, 0.3), irad.grad),
    "quadrature": ("wave", (1.5,), irad.hessian),
    "logistic": ("loss", (np.zeros(4), np.ones((6, 4)), np.ones(6)), irad.grad),
    "kalman": ("loss", (np.zeros(2), np.linspace(1.0, 2.0, 12)), irad.hessian),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples(name):
    function, args, transform = EXAMPLES[name]
    scope = runpy.run_path(str(ROOT / "examples" / f"{name}.py"))
    same_everywhere(scope[function], args)
    same_everywhere(scope[function], args, transform)


def test_the_demo():
    problem = Problem()
    same_everywhere(loss, problem.arguments(np.log(GUESS)), irad.value_and_grad)


def irad_value(a):
    return np.float64(a) if isinstance(a, float) else np.int64(a) if isinstance(a, int) else a


def outcome(module, args):
    try:
        return interpret(module, args)
    except Exception as e:
        return type(e), str(e)
