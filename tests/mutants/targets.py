"""Where the derivative rules and rewrite rules stand in the sources, what a mutant of one replaces, and which tests see it."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

from irad.optimize.rewrite import Rule
from irad.optimize.rules import RULES, algebra, shapes
from irad.primitives import REGISTRY, array, products, reductions, scalar, table
from irad.primitives import list as lists
from irad.transforms import backward, forward
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


def reached(f: Any, module: ModuleType) -> set[CodeType]:
    """The code of f and of the functions of its module that it calls, or has captured."""
    found: set[CodeType] = set()
    todo = [f]
    while todo:
        g = todo.pop()
        if not isinstance(g, FunctionType) or g.__module__ != module.__name__ or g.__code__ in found:
            continue
        found.add(g.__code__)
        todo += [c.cell_contents for c in g.__closure__ or ()]
        names = set(g.__code__.co_names).union(*(c.co_names for c in g.__code__.co_consts if isinstance(c, CodeType)))
        todo += [vars(module).get(n) for n in names]
    return found


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


def of_module(module: ModuleType, roots: dict[str, list[Any]], what: str, make: Any) -> Iterator[Mutant]:
    """Mutants of the functions of a module, by the names that reach them; make(tree, names) -> (apply, check)."""
    nodes: dict[Any, set[str]] = {}
    for name, fs in roots.items():
        for f in fs:
            for c in reached(f, module):
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


def of_primitives() -> Iterator[Mutant]:
    for module in (scalar, array, reductions, products, lists):
        roots = {
            p.name: [
                f for f in (getattr(p, k) for k in FACETS) if isinstance(f, FunctionType) and f.__module__ == module.__name__
            ]
            for p in PLAIN
        }

        def make(tree: ast.Module, change: code.Change, names: list[str], module: ModuleType = module) -> Any:
            def apply() -> None:
                derivatives.scalar_program.cache_clear()
                for name, facets in rules_of(code.mutated(tree, change), module).items():
                    for facet, f in facets.items():
                        setattr(REGISTRY[name], facet, f)

            return apply, lambda: check_operations(names[:CHECKED])

        yield from of_module(module, roots, f"derivatives in {module.__name__}", make)


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
        found += [*of_primitives(), *of_transforms()]
    if rules:
        found += of_rules()
    return found
