"""Passes keep the meaning: each alone, in every prefix of the pipeline, and over generated programs; none recurses."""

import numpy as np
import pytest
from irad.backends.interpreter.run import interpret

import irad
from irad.graph.nodes import Module
from irad.graph.walk import all_graphs
from irad.optimize import passes
from irad.optimize.passes import Pass
from irad.pipeline import LEAN, OPTIMIZE, Hook, expand, optimize, run_passes
from irad.specialize.entry import type_of
from irad.structures import flatten
from irad.verify import verify
from tests.frontend.agree import BACKENDS, same
from tests.generator import generate
from tests.generator.program import load
from tests.graph.programs import GRADIENTS, PROGRAMS, Program, entry_arguments, fresh, nested_text, shallow_stack
from tests.watch import Steps

PASSES = {p.name: p for p in vars(passes).values() if isinstance(p, Pass)}
BOTH = [*PROGRAMS, *GRADIENTS]
SEEDS = range(9000, 9008)


def outcome(module, args):
    try:
        return "result", plain(interpret(module, entry_arguments(args)))
    except Exception as e:
        return "exception", type(e), str(e)


def plain(v):
    return tuple(map(plain, v)) if isinstance(v, tuple) else v.tolist() if isinstance(v, np.ndarray) else v


def near(a, b):
    """Equal; derivative values may differ in last bits, since rules that are not exact hold for them."""
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, (float, np.floating)) and isinstance(b, (float, np.floating)):
        return same(a, b) or abs(a - b) <= 1e-11 * max(1.0, abs(a))
    return same(a, b)


def agree(before, after, program, exact):
    for args in program.arguments:
        want, got = outcome(before, args), outcome(after, args)
        assert same(got, want) if exact else near(got, want), f"at {args}: {want} becomes {got}"


def start(program):
    """Before the first pass: what `expand` makes of a derivative is adjoint code."""
    return fresh(program, "adjoint")


def test_the_table_has_every_pass_of_the_pipeline():
    assert {p.name for p in (*OPTIMIZE, *LEAN)} <= set(PASSES)
    assert all(p.doc for p in PASSES.values())


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize("program", BOTH, ids=lambda p: p.name)
def test_each_pass_alone(program, name):
    before = start(program)
    text = str(before)
    after = PASSES[name].run(before)
    verify(after, "optimized")
    assert str(before) == text, "a pass never edits what it is given"
    agree(before, after, program, exact=not program.transform)


@pytest.mark.parametrize("program", BOTH, ids=lambda p: p.name)
def test_every_prefix_of_the_pipeline(program):
    before = start(program)
    module = before
    for p in OPTIMIZE:
        module = p.run(module)
        verify(module, "optimized")
        agree(before, module, program, exact=not program.transform)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_passes_in_any_order(program):
    before = start(program)
    for order in (("drop", "hoist", "inline"), ("hoist", "hoist", "simplify"), ("residuals", "inline", "drop", "simplify")):
        agree(before, run_passes(before, [PASSES[n] for n in order]), program, exact=True)


@pytest.mark.parametrize("name", ["simplify", "drop", "inline"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_a_second_run_changes_nothing(program, name):
    once = PASSES[name].run(fresh(program, "optimized"))
    twice = PASSES[name].run(once)
    assert operations(PASSES[name].run(twice)) == operations(twice)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("transform", ["", "grad"])
def test_generated_programs(seed, transform):
    program = generate(seed)
    f = load(program.source)
    if transform:
        f = irad.grad(f, argnums=program.floats)
    from irad.compiled import Compiled, Options, core_of

    core = core_of(f) if transform else Compiled(f, Options())
    try:
        entry = core.specialized([type_of(a) for a in program.args])
    except irad.CompileError:
        pytest.skip("this program is refused")
    if entry.hidden:
        pytest.skip("this program reads captured values at each call")
    before = expand(entry.module)
    case = Program(f, (program.args,))
    module = before
    for p in OPTIMIZE:
        module = p.run(module)
        verify(module, "optimized")
        agree(before, module, case, exact=not transform)


# -- what each is for, by counting ------------------------------------------------------------------------------------------


def operations(module):
    return sorted(n.fn.name for g in all_graphs(module) for n in g.body)


def executed(module, args):
    """How often each operation runs."""
    counts = {}

    def count(node, value):
        counts[node.fn.name] = counts.get(node.fn.name, 0) + 1

    interpret(module, entry_arguments(args), trace=Steps(count))
    return counts


def named(name):
    return next(p for p in PROGRAMS if p.function.__name__ == name)


def test_invariant_operations_run_once():
    before, after = start(named("invariant")), fresh(named("invariant"), "optimized")
    for n in (1, 10, 50):
        assert executed(before, (0.3, n))["sin"] == n
        counts = executed(after, (0.3, n))
        assert counts["sin"] == counts["exp"] == 1
        assert counts.get("mul", 0) <= 2


def test_hoisting_alone_moves_and_drops_nothing():
    before = start(named("invariant"))
    after = PASSES["hoist"].run(before)
    assert executed(after, (0.3, 20))["exp"] == 1
    assert "exp" not in [n.fn.name for g in all_graphs(after) if g.role == "loop" for n in g.body]


def test_checked_operations_stay_behind_their_guards():
    """An operation that can raise is not moved out of a loop that may not run, nor over a test."""

    def f(x, n):
        for _ in range(n):
            x = x + 7 // n
            if n > 2:
                x = x - 5 % (n - 2)
        return x

    for backend in BACKENDS:
        for n in (0, 1, 2, 3, 5):
            assert irad.compile(f, backend=backend)(1.0, n) == f(1.0, n)


def test_arrays_of_new_sizes_stay_in_their_loop():
    """Their sizes may be negative, or too large for memory, where the loop does not run."""

    def zeros(n, m):
        s = 0.0
        for i in range(m):
            s += np.sum(np.zeros(n)) + i
        return s

    def ones(n, m):
        s = 0.0
        for _ in range(m):
            s += np.sum(np.ones((n, 2)) * s)
        return s

    def count(n, m):
        s = 0
        for _ in range(m):
            s += np.sum(np.arange(n))
        return s

    for f in (zeros, ones, count):
        for backend in BACKENDS:
            for n, m in ((-1, 0), (2**50, 0), (-1, 1), (3, 2)):
                assert same(outcome_of(irad.compile(f, backend=backend), n, m), outcome_of(f, n, m)), (f, backend, n, m)


def outcome_of(f, *args):
    try:
        return float(f(*args))
    except Exception as e:
        return type(e), str(e)


def test_a_division_by_zero_is_not_done_again_outside_its_branch():
    def f(x, n):
        y = x
        for i in range(n):
            if x > 100.0:
                k = i // 0
            else:
                k = i + 1
            y = y * y * k
        return y

    for backend in BACKENDS:
        assert irad.compile(irad.grad(f), backend=backend)(1.5, 2) == 8 * 1.5**3
        with pytest.raises(ZeroDivisionError):
            irad.compile(irad.grad(f), backend=backend)(101.0, 2)


def test_dead_data_is_eliminated():
    after = fresh(named("unused"), "optimized")
    counts = executed(after, (0.3, 10))
    assert "exp" not in counts
    assert counts["mul"] == 10
    assert "add" not in counts
    assert all(len(g.params) <= 2 for g in all_graphs(after) if g.role == "loop"), "a loop carries what is read"


def test_dead_state_that_only_feeds_itself():
    def f(x, n):
        a = b = c = 1.0
        for _ in range(n):
            a, b, c, x = b * 2.0, c + a, a * b, x * 1.5
        return x

    assert irad.ir(f, 1.0, 3).operations == {"mul": 1, "for_loop": 1}


def test_effects_are_not_dead():
    def f(x, n):
        for i in range(n):
            y = x * i
            assert y < 10.0
        return x

    for backend in BACKENDS:
        assert irad.compile(f, backend=backend)(1.0, 3) == 1.0
        with pytest.raises(AssertionError):
            irad.compile(f, backend=backend)(9.0, 3)


def test_small_functions_are_inlined():
    before, after = start(named("closures")), fresh(named("closures"), "optimized")
    assert operations(before).count("call") > 0
    assert "call" not in operations(after)
    assert len(after.graphs) == 1


def test_recursive_functions_are_kept():
    after = fresh(named("mutual"), "optimized")
    assert "call" in operations(after)
    assert len(after.graphs) >= 2


def test_equal_operations_are_shared():
    def f(x, y):
        return (x * y + 1.0) / (y * x + 1.0) + (x * y + 1.0)

    assert irad.ir(f, 1.0, 2.0).operations == {"mul": 1, "add": 2, "div": 1}


def test_known_branches_are_taken():
    def f(x, n):
        k = 3
        if k > 2:
            return x + 1.0
        return x * n

    assert irad.ir(f, 1.0, 2).operations == {"add": 1}


def test_times_and_names_come_from_the_hook():
    seen = []
    hook = Hook(after=lambda name, module: seen.append((name, module)), verify_each=True)
    optimize(fresh(named("counted"), "typed"), hook)
    assert [n for n, _ in seen] == [p.name for p in OPTIMIZE]
    assert set(hook.times) == {p.name for p in OPTIMIZE}
    assert all(isinstance(m, Module) for _, m in seen)


# -- nesting and length -------------------------------------------------------------------------------------------------------


def nested_loops(n):
    lines = ["graph @f(%x: float, %p: bool) -> float {"]
    lines += [f"graph @l{i}(%i{i}: int, %s{i}: float) -> float {{" for i in range(n)]
    lines.append(f"%r: float = add(%s{n - 1}, %x); return %r; }}")
    for i in reversed(range(n)):
        lines.append(f"%c{i}: float = for_loop(1, @l{i}, {'%x' if i == 0 else f'%s{i - 1}'}); return %c{i}; }}")
    return "\n".join(lines)


def chain(n):
    lines = ["graph @f(%x: float, %p: bool) -> float {"]
    lines += [f"%v{i}: float = sin({'%x' if i == 0 else f'%v{i - 1}'});" for i in range(n)]
    return "\n".join([*lines, f"return %v{n - 1}; }}"])


def calls(n):
    lines = ["graph @f(%x: float, %p: bool) -> float { %y: float = @g0(%x); return %y; }"]
    for i in range(n):
        callee = f"@g{i + 1}(%a{i})" if i < n - 1 else f"sin(%a{i})"
        lines.append(f"graph @g{i}(%a{i}: float) -> float {{ %b{i}: float = {callee}; return %b{i}; }}")
    return "\n".join(lines)


@pytest.mark.parametrize("make", [nested_text, nested_loops, calls, chain], ids=["branches", "loops", "calls", "chain"])
def test_passes_do_not_recurse(make):
    n = 3000 if make is chain else 300
    module = irad.parse_ir(make(n))
    with shallow_stack():
        after = optimize(module, Hook(verify_each=True))
        leaves = []
        flatten(0.5, after.entry.params[0].type, leaves)
        want = interpret(module, [np.float64(0.5), np.bool_(True)])
        assert same(interpret(after, [np.float64(0.5), np.bool_(True)]), want)


def test_a_thousand_nested_branches_in_python(tmp_path):
    """Python's own parser allows a hundred levels of blocks; conditional expressions and `elif` go deeper."""
    from tests.frontend.source import module_of

    n = 1000
    text = "def f(x, k):\n    if k == 0:\n        y = x\n"
    text += "".join(f"    elif k == {i}:\n        y = x * {i}.5\n" for i in range(1, n))
    f = module_of(text + "    else:\n        y = 0.0\n    return y\n", tmp_path).f
    g = irad.compile(f, backend="interpreter")
    for k in (0, 1, 500, n - 1, n):
        assert g(2.0, k) == f(2.0, k)


def test_derivatives_of_deep_programs_do_not_recurse():
    module = irad.parse_ir(nested_text(200))
    f = irad.compile(module, backend="interpreter")
    assert f(0.5, True) == np.sin(0.5)


def test_growing_programs_cost_in_proportion():
    """Twice the program, about twice the operations left: no pass copies what it has seen."""
    sizes = [len(operations(optimize(irad.parse_ir(calls(n))))) for n in (50, 100)]
    assert sizes[1] <= 2 * sizes[0] + 2
