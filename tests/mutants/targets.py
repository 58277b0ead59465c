"""Where the derivative rules and rewrite rules stand in the sources, what a mutant of one replaces, and which tests see it."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

import irad
from irad.optimize.rewrite import Rule
from irad.optimize.rules import RULES, algebra, shapes
from irad.primitives import REGISTRY, array, gamma, linalg, matrices, products, reductions, scalar, table
from irad.primitives import list as lists
from irad.transforms import backward, forward
from tests.derivatives import test_masks
from tests.mutants import code, patterns
from tests.optimize import rewrites, test_rules
from tests.primitives import derivatives
from tests.primitives.samples import PLAIN

FACETS = ("partials", "vjp", "jvp")


@dataclass(frozen=True)
class Mutant:
    """`name` says what is different; `apply` puts it in place (in a process of its own), `check` fails where it shows."""

    group: str
    name: str
    apply: Callable[[], Any]
    check: Callable[[], None]


# -- functions: their code, with what it calls in its module ------------------------------------------------------------------


def reached(f: Any, module: ModuleType, through: ModuleType | None = None) -> set[CodeType]:
    """The code in a module of f and of the functions that it calls, or has captured; calls may lead through another module."""
    files = {m.__name__: m for m in (module, through) if m is not None}
    found: dict[CodeType, str] = {}
    todo = [f]
    while todo:
        g = todo.pop()
        if not isinstance(g, FunctionType) or g.__module__ not in files or g.__code__ in found:
            continue
        found[g.__code__] = g.__module__
        todo += [c.cell_contents for c in g.__closure__ or ()]
        names = set(g.__code__.co_names).union(*(c.co_names for c in g.__code__.co_consts if isinstance(c, CodeType)))
        todo += [vars(files[g.__module__]).get(n) for n in names]
    return {c for c, name in found.items() if name == module.__name__}


@functools.cache
def functions(module: ModuleType) -> tuple[ast.Module, list[ast.Lambda | ast.FunctionDef]]:
    tree = ast.parse(inspect.getsource(module))
    return tree, [n for n in ast.walk(tree) if isinstance(n, (ast.Lambda, ast.FunctionDef))]


def node_of(c: CodeType, module: ModuleType) -> ast.Lambda | ast.FunctionDef:
    """The syntax of a function's code."""
    if c.co_name != "<lambda>":
        for n in functions(module)[1]:
            if isinstance(n, ast.FunctionDef):
                first = n.decorator_list[0].lineno if n.decorator_list else n.lineno
                if (n.name, first) == (c.co_name, c.co_firstlineno):
                    return n
    places = [(line, col) for line, _, col, end in c.co_positions() if end]
    around = [n for n in functions(module)[1] if isinstance(n, ast.Lambda) and all(_spans(n.body, p) for p in places)]
    return min(around, key=lambda n: len(list(ast.walk(n))))


def _spans(node: Any, place: tuple[Any, Any]) -> bool:
    return bool((node.lineno, node.col_offset) <= place < (node.end_lineno, node.end_col_offset))


def _innermost(nodes: dict[Any, set[str]]) -> dict[Any, set[str]]:
    """Without the functions that stand in others of these."""
    inside = {id(m) for n in nodes for m in ast.walk(n) if m is not n}
    return {n: names for n, names in nodes.items() if id(n) not in inside}


def of_module(
    module: ModuleType, roots: dict[str, list[Any]], what: str, make: Any, through: ModuleType | None = None
) -> Iterator[Mutant]:
    """Mutants of the functions of a module, by the names that reach them; make(tree, names) -> (apply, check)."""
    nodes: dict[Any, set[str]] = {}
    for name, fs in roots.items():
        for f in fs:
            for c in reached(f, module, through):
                nodes.setdefault(node_of(c, module), set()).add(name)
    tree, _ = functions(module)
    for node, names in sorted(_innermost(nodes).items(), key=lambda item: (item[0].lineno, item[0].col_offset)):
        where = node.name if isinstance(node, ast.FunctionDef) else "/".join(sorted(names)[:2])
        seen: dict[str, int] = {}
        for change in code.changes(node):
            text = f"{where}: {change}"
            seen[text] = seen.get(text, 0) + 1
            text += f"  ({seen[text]})" if seen[text] > 1 else ""
            yield Mutant(what, text, *make(tree, change, sorted(names)))


def executed(module: ModuleType, tree: ast.Module) -> ModuleType:
    """A module of another name, made of this tree."""
    new = ModuleType(module.__name__)
    new.__dict__.update(__file__=module.__file__, __package__=module.__package__)
    exec(compile(tree, str(module.__file__), "exec"), new.__dict__)
    return new


# -- derivative rules -------------------------------------------------------------------------------------------------------

CHECKED = 4  # of the operations that share a rule, so many are tested


def rules_of(tree: ast.Module, module: ModuleType) -> dict[str, dict[str, Any]]:
    """The derivative facets that a file of primitives declares."""
    found: dict[str, dict[str, Any]] = {}

    def collect(name: str, signature: Any, **facets: Any) -> Any:
        found[name] = {f: facets[f] for f in FACETS if isinstance(facets.get(f), FunctionType)}
        return REGISTRY[name]

    before, table.primitive = table.primitive, collect
    try:
        executed(module, tree)
    finally:
        table.primitive = before
    return found


def check_operations(names: list[str]) -> None:
    for name in names:
        derivatives.check_derivatives(REGISTRY[name], ("interpreter",), 6)
    for check in dict.fromkeys(PROGRAMS.get(name) for name in names):
        if check is not None:
            check()


def power(x: float, n: int) -> float:
    for _ in range(n):
        x = 0.5 * x * x
    return x


def check_loop() -> None:
    """The gradient of a loop keeps what was on a stack, whose derivatives the second derivative takes: of x**8 / 2**7."""
    forward = irad.compile(lambda x, n: irad.jvp(irad.grad(power), (x, n), (1.0, None))[1], backend="interpreter")
    backward = irad.compile(irad.grad(irad.grad(power)), backend="interpreter")
    for second in (forward, backward):
        assert np.isclose(second(0.75, 3), 56 * 0.75**6 / 128, rtol=1e-14)


def check_masks() -> None:
    """What is read and written in parts, where a choice takes a part."""
    test_masks.test_elements_that_are_read_one_by_one("interpreter")
    for turned in (False, True):
        test_masks.test_elements_of_which_choices_have_some(turned, "interpreter")
    sized = irad.compile(irad.grad(overlaps), signature="f64[n] -> f64[n]", backend="interpreter")
    np.testing.assert_allclose(sized(np.ones(5)), irad.grad(overlaps)(np.ones(5)), rtol=1e-12)
    x, w = np.array([[0.0, 0.3, 0.0], [0.7, 1.0, -1.0], [0.0, 0.0, 0.0]]), np.full((3, 3), 0.9)
    taken = np.array([[False], [True], [False]])
    for row in test_masks.ROWS:
        test_masks.check((row,), x, w, 0.5 * w, taken, "interpreter")


def check_factors() -> None:
    """Vectors of repeated values, of which those are read that are determined; results that nobody reads. By perturbation
    of first order: of diag(1, 1, 3), and of a matrix of rank one."""
    twice, tall, d = np.diag([1.0, 1.0, 3.0]), np.array([[3.0, 0.0], [0.0, 0.0], [0.0, 0.0]]), np.arange(9.0).reshape(3, 3)
    cases: list[tuple[Callable[..., Any], np.ndarray, str, float]] = [
        (lambda a: np.linalg.eigh(a)[1][0, 2] * np.linalg.eigh(a)[1][2, 2], twice, "3,3", 0.5 * d[2, 0]),
        (lambda a: np.sum(np.linalg.eigh(a)[0] ** 2), twice, "3,3", 2.0 * d[0, 0] + 2.0 * d[1, 1] + 6.0 * d[2, 2]),
        (lambda a: np.linalg.svd(a)[0][0, 0] * np.linalg.svd(a)[0][2, 0], twice, "3,3", (3.0 * d[0, 2] + d[2, 0]) / 8.0),
        (lambda a: np.linalg.svd(a)[2][0, 0] * np.linalg.svd(a)[2][0, 2], twice, "3,3", (3.0 * d[2, 0] + d[0, 2]) / 8.0),
        (lambda a: np.sum(np.linalg.svd(a)[1] ** 2), twice, "3,3", 2.0 * d[0, 0] + 2.0 * d[1, 1] + 6.0 * d[2, 2]),
        (lambda a: np.sum(np.linalg.qr(a)[1] ** 2), twice, "3,3", 2.0 * d[0, 0] + 2.0 * d[1, 1] + 6.0 * d[2, 2]),
    ]
    for sizes in ("3,2", "n,m"):
        cases.append((first_of_both, tall, sizes, (d[1, 0] + d[0, 1]) / 3.0))
    for f, a, sizes, slope in cases:
        gradient = irad.compile(irad.grad(f), signature=f"f64[{sizes}] -> f64[{sizes}]", backend="interpreter")
        along = np.sum(gradient(a) * d[:, : a.shape[1]])
        assert np.isclose(along, slope, rtol=1e-12), (f, sizes)
    undetermined: list[Callable[..., Any]] = [
        lambda a: np.linalg.eigh(a)[1][0, 0] * np.linalg.eigh(a)[1][1, 0],
        lambda a: np.linalg.svd(a)[0][0, 1] * np.linalg.svd(a)[0][1, 1],
        lambda a: np.linalg.svd(a)[2][1, 0] * np.linalg.svd(a)[2][1, 1],
    ]
    for f in undetermined:
        assert not np.isfinite(irad.compile(irad.grad(f), backend="interpreter")(twice)).all(), f


def first_of_both(a: Any) -> Any:
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    return u[0, 0] * u[1, 0] + vt[0, 0] * vt[0, 1]


def overlaps(x: Any) -> Any:
    y = np.sin(x)
    for _ in range(2):
        y[1:] = y[1:] * y[:-1]
    return np.sum(y[:-1] * x[1:])


# Of operations whose rules have parts that programs of one operation do not reach.
PROGRAMS: dict[str, Callable[[], None]] = {
    **dict.fromkeys(("pop", "push"), check_loop),
    **dict.fromkeys(("eigh", "qr", "svd"), check_factors),
    **dict.fromkeys(("index", "index_add", "index_update", "slice", "slice_add", "slice_update"), check_masks),
}


def facets_of(module: ModuleType) -> dict[str, list[Any]]:
    """The derivative rules that stand in a module, by operation."""
    rules = {p.name: [getattr(p, k) for k in FACETS] for p in PLAIN}
    return {
        name: [f for f in fs if isinstance(f, FunctionType) and f.__module__ == module.__name__] for name, fs in rules.items()
    }


def of_primitives() -> Iterator[Mutant]:
    for module in (scalar, gamma, array, reductions, products, linalg, lists):

        def make(tree: ast.Module, change: code.Change, names: list[str], module: ModuleType = module) -> Any:
            def apply() -> None:
                derivatives.scalar_program.cache_clear()
                for name, facets in rules_of(code.mutated(tree, change), module).items():
                    for facet, f in facets.items():
                        setattr(REGISTRY[name], facet, f)

            return apply, lambda: check_operations(names[:CHECKED])

        yield from of_module(module, facets_of(module), f"derivatives in {module.__name__}", make)


def of_matrices() -> Iterator[Mutant]:
    """What the rules of linear algebra share."""

    def make(tree: ast.Module, change: code.Change, names: list[str]) -> Any:
        def apply() -> None:
            for name, new in vars(executed(matrices, code.mutated(tree, change))).items():
                if isinstance(new, FunctionType) and hasattr(linalg, name):
                    setattr(linalg, name, new)

        return apply, lambda: check_operations(names[:CHECKED])

    yield from of_module(matrices, facets_of(linalg), f"derivatives in {matrices.__name__}", make, linalg)


def of_transforms() -> Iterator[Mutant]:
    """The rules of operations that transforms know as wholes."""
    for module in (backward, forward):
        roots = {name: [f] for name, f in module.SPECIAL.items()}

        def make(tree: ast.Module, change: code.Change, names: list[str], module: ModuleType = module) -> Any:
            def apply() -> None:
                new = executed(module, code.mutated(tree, change))
                for name in names:
                    module.SPECIAL[name] = new.SPECIAL[name]  # type: ignore[attr-defined]

            return apply, lambda: check_operations(names[:CHECKED])

        yield from of_module(module, roots, f"derivatives in {module.__name__}", make)


# -- rewrite rules ----------------------------------------------------------------------------------------------------------


def replace(name: str, new: Rule) -> None:
    """Put a mutant where its rule stands."""
    (old,) = [r for r in RULES if r.name == name]
    place = REGISTRY[old.head].rules
    if new.head == old.head:
        place[place.index(old)] = new
    else:
        place.remove(old)
        REGISTRY[new.head].rules.append(new)


def check_rule(name: str, new: Rule | None = None) -> None:
    for example in rewrites.EXAMPLES:
        if example.rule == name:
            rewrites.check(example)
    if new is None:
        (new,) = [r for p in REGISTRY.values() for r in p.rules if r.name == name]
    test_rules.check_both_sides(new)


def of_rules() -> Iterator[Mutant]:
    written: set[str] = set()
    for module in (algebra, shapes):
        roots = {r.name: [r.rewrite] for r in RULES if r.rewrite.__module__ == module.__name__}
        written.update(roots)

        def make(tree: ast.Module, change: code.Change, names: list[str], module: ModuleType = module) -> Any:
            def apply() -> None:
                made = {r.name: r for r in executed(module, code.mutated(tree, change)).RULES}
                for name in names:
                    replace(name, made[name])

            def check() -> None:
                for name in names:
                    check_rule(name)

            return apply, check

        yield from of_module(module, roots, "rewrite rules written as functions", make)
    for r in RULES:
        if r.name not in written:
            for text, new in patterns.mutants(r):
                yield Mutant(
                    "rewrite rules written as text",
                    f"{r.name}: {text}",
                    lambda name=r.name, new=new: replace(name, new),  # type: ignore[misc]
                    lambda name=r.name: check_rule(name),  # type: ignore[misc]
                )


def all_mutants(*, rules: bool = True, derivative_rules: bool = True) -> list[Mutant]:
    found: list[Mutant] = []
    if derivative_rules:
        found += [*of_primitives(), *of_matrices(), *of_transforms()]
    if rules:
        found += of_rules()
    return found
