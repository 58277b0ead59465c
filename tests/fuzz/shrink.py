"""A failing program made small: statements deleted, blocks unwrapped, expressions replaced by parts of themselves.

A smaller text is kept if it is still well-defined at its arguments and still fails in the same way.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz import array_oracles
from tests.fuzz.mutants import changed_alike, compare
from tests.fuzz.oracles import Examination, Failure, Plan, examine
from tests.fuzz.pool import ROOT
from tests.generator.arrays.reference import unsuitable
from tests.generator.draw import check
from tests.generator.program import Program, Rejected

__all__ = ["REGRESSIONS", "array_fails_alike", "fails_alike", "saved", "script", "shrink"]

REGRESSIONS = ROOT / "tests" / "regressions"


def well_defined(program: Program) -> Program | None:
    """The program with what its run went through, or None."""
    try:
        return Program(
            program.seed, program.source, program.args, frozenset(check(program, flat=True) | _inside(program.source))
        )
    except (Rejected, SyntaxError, RecursionError):
        return None


def _inside(source: str) -> set[str]:
    return {"derivative inside"} if "irad." in source else set()


def fails_alike(program: Program, failure: Failure, order: int) -> bool:
    """Whether the program fails as it did: the same kind, in the same computation, for the same reason."""
    found = well_defined(program)
    if found is None:
        return False
    if failure.kind == "crashed":
        return _crashes(found, order)
    if failure.mutant:
        return bool(changed_mutant(found, failure))
    return any(f.kind == failure.kind and _alike(f.reason, failure.reason) for f in _failures(found, failure.what, order))


def array_fails_alike(program: Program, failure: Failure, order: int) -> bool:
    """The same of an array program."""
    try:
        if unsuitable(program):
            return False
        if failure.kind == "crashed":
            return _crashes(program, order, "tests.fuzz.array_oracles")
        only = "" if " beside " in failure.what else failure.what
        backends = ("interpreter", "llvm", "source")
        found = array_oracles.examine(program, Plan(order, all=True, only=only, backends=backends)).failures
    except Exception:
        return False
    return any(f.kind == failure.kind and _alike(f.reason, failure.reason) for f in found)


def _failures(program: Program, what: str, order: int) -> list[Failure]:
    """The failures of one computation."""
    plan = Plan(order, passes=what.startswith("passes"), differences=what == "differences", all=True, only=what)
    try:
        return examine(program, plan).failures
    except Exception:
        return []


def changed_mutant(program: Program, failure: Failure) -> str:
    """A mutant of the program, by one of the mutations of the one that failed, that fails as it did; or ""."""
    e = Examination(program, Plan(only="nothing"))
    _, what = failure.what.split(": ", 1)
    name = what.rpartition(" ")[2]
    backend = what.removesuffix(f" {name}")
    f = e.f if name == "value" else e.irad.value_and_grad(e.f, argnums=program.floats)
    try:
        e.results[what] = e.run(f, backend)
    except Exception:
        return ""
    e.plan = Plan(backends=(backend,))
    for mutation in failure.changes:
        for source in changed_alike(program, mutation):
            try:
                compare(e, "mutant 0", source, [mutation])
            except Exception:
                continue
            if any(g.kind == failure.kind and _alike(g.reason, failure.reason) for g in e.report.failures):
                return source
    return ""


def _alike(a: str, b: str) -> bool:
    return a.split(":")[0] == b.split(":")[0]


def _crashes(program: Program, order: int, oracles: str = "tests.fuzz.oracles") -> bool:
    """Whether a process dies of the program."""
    text = (
        f"import sys, json; from {oracles} import Plan, examine; from tests.generator.program import Program; "
        "d = json.load(sys.stdin); "
        "examine(Program(0, d['source'], tuple(d['args']), frozenset(d['tags'])), Plan(d['order'], all=True))"
    )
    given = json.dumps({"source": program.source, "args": list(program.data), "order": order, "tags": sorted(program.tags)})
    try:
        done = subprocess.run([sys.executable, "-c", text], input=given, text=True, capture_output=True, cwd=ROOT, timeout=240)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode < 0


# -- smaller texts ----------------------------------------------------------------------------------------------------------


def shrink(
    program: Program, failure: Failure, order: int, most: int = 3000, wanted: Callable[[Program], bool] | None = None
) -> Program:
    """The smallest program found that fails alike, after at most `most` trials. `wanted`: another test of the failure."""
    fails = wanted or (lambda p: fails_alike(p, failure, order))
    best, trials, improved = program, 0, True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while improved and trials < most:
            improved = False
            for make in (
                _without_statement,
                _unwrapped,
                _without_argument,
                _fewer_parameters,
                _simpler_expression,
                _simpler_argument,
            ):
                k = 0
                while trials < most:
                    candidate = _changed(best, make, k)
                    if candidate is None:
                        break
                    k += 1
                    if _size(candidate) >= _size(best):
                        continue
                    trials += 1
                    if fails(candidate):
                        best, improved, k = candidate, True, k - 1
    return best


def _size(program: Program) -> tuple[int, int, int]:
    nodes = list(ast.walk(ast.parse(program.source)))
    return len(nodes), len(program.source), len(repr(program.data))


def _changed(program: Program, make: Callable[[ast.Module, list[Any], int], bool], k: int) -> Program | None:
    """The program after the k-th change of a kind; None where there are no more."""
    tree, args = ast.parse(program.source), list(program.data)
    if not make(tree, args, k):
        return None
    try:
        source = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        ast.parse(source)
    except Exception:
        return program
    return Program(program.seed, source, tuple(args), program.tags)


def _blocks(tree: ast.AST) -> list[tuple[ast.AST, str]]:
    return [(node, f) for node in ast.walk(tree) for f in ("body", "orelse") if isinstance(getattr(node, f, None), list)]


def _without_statement(tree: ast.Module, args: list[Any], k: int) -> bool:
    """Leave out the k-th run of statements: long runs first, then single ones."""
    runs: list[tuple[ast.AST, str, int, int]] = []
    for node, f in _blocks(tree):
        n = len(getattr(node, f))
        runs += [(node, f, i, i + size) for size in (8, 4, 2, 1) for i in range(0, n - size + 1, max(size // 2, 1))]
    runs.sort(key=lambda r: r[2] - r[3])
    if k >= len(runs):
        return False
    node, f, i, j = runs[k]
    body = getattr(node, f)
    rest = body[:i] + body[j:]
    if not rest and f == "body" and not isinstance(node, ast.Module):
        if len(body) == 1 and isinstance(body[0], ast.Pass):
            return False
        rest = [ast.Pass()]
    setattr(node, f, rest)
    return True


def _unwrapped(tree: ast.Module, args: list[Any], k: int) -> bool:
    """Put a block in the place of its `if`, loop or function."""
    places = [
        (node, f, i, g)
        for node, f in _blocks(tree)
        for i, s in enumerate(getattr(node, f))
        for g in ("body", "orelse")
        if isinstance(s, (ast.If, ast.For, ast.While)) and getattr(s, g)
    ]
    if k >= len(places):
        return False
    node, f, i, g = places[k]
    body = getattr(node, f)
    body[i : i + 1] = getattr(body[i], g)
    return True


def _without_argument(tree: ast.Module, args: list[Any], k: int) -> bool:
    """Drop a default, a keyword, an item of a display, a condition, an operand."""
    places: list[tuple[list[Any], int]] = []
    for node in ast.walk(tree):
        for f in ("elts", "keywords", "ifs", "values", "comparators", "generators", "decorator_list"):
            found = getattr(node, f, None)
            if (
                isinstance(found, list)
                and (len(found) > 1 or f in ("keywords", "ifs", "elts"))
                and not isinstance(node, (ast.Compare, ast.Dict))
            ):
                places += [(found, i) for i in range(len(found))]
    if k >= len(places):
        return False
    items, i = places[k]
    del items[i]
    return True


def _simpler_expression(tree: ast.Module, args: list[Any], k: int) -> bool:
    """Put a part of an expression, or a literal, in its place."""
    places: list[tuple[ast.AST, str, int | None, ast.expr]] = []
    for node in ast.walk(tree):
        for f, value in ast.iter_fields(node):
            for i, e in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if (
                    not isinstance(e, ast.expr)
                    or isinstance(getattr(e, "ctx", None), (ast.Store, ast.Del))
                    or f in ("annotation", "returns")
                ):
                    continue
                if isinstance(node, (ast.JoinedStr, ast.FormattedValue)) or f == "decorator_list":
                    continue
                parts: list[ast.expr] = [c for c in ast.iter_child_nodes(e) if isinstance(c, ast.expr)]
                if isinstance(e, ast.Call):
                    parts = parts[1:] + [kw.value for kw in e.keywords]
                if isinstance(e, ast.Name):
                    parts = [ast.Constant(0.5), ast.Constant(1)]
                elif not isinstance(e, ast.Constant):
                    parts += [ast.Constant(0.5), ast.Constant(1), ast.Constant(True)]
                elif isinstance(e, ast.Constant) and isinstance(e.value, float) and e.value not in (0.5, 1.0, 2.0):
                    parts += [ast.Constant(0.5), ast.Constant(2.0)]
                places += [(node, f, i, p) for p in parts]
    if k >= len(places):
        return False
    node, f, i, p = places[k]
    if i is None:
        setattr(node, f, p)
    else:
        getattr(node, f)[i] = p
    return True


def _fewer_parameters(tree: ast.Module, args: list[Any], k: int) -> bool:
    """The entry without its k-th parameter."""
    entry = next((s for s in tree.body if isinstance(s, ast.FunctionDef) and s.name == "program"), None)
    if entry is None or k >= len(entry.args.args) or len(args) != len(entry.args.args):
        return False
    del entry.args.args[k], args[k]
    return True


def _simpler_argument(tree: ast.Module, args: list[Any], k: int) -> bool:
    """Another value for an argument."""
    places = [(i, simple) for i, a in enumerate(args) for simple in _simpler(a)]
    if k >= len(places):
        return False
    i, simple = places[k]
    args[i] = simple
    return True


def _simpler(argument: Any) -> list[Any]:
    if isinstance(argument, list) and argument and isinstance(argument[0], str):
        return []  # of another dtype
    if isinstance(argument, list):
        return [np.full(np.shape(argument), v).tolist() for v in (0.5, 1.5)]
    return [1, 2] if isinstance(argument, int) else [0.5, 1.5, -0.5]


# -- saving -----------------------------------------------------------------------------------------------------------------


def saved(program: Program, failure: Failure, order: int, folder: Path = REGRESSIONS) -> Path:
    """Write the program as a file that tests/regressions runs from then on; with the mutant, where one failed."""
    name = f"{failure.kind.replace(' ', '_')}_{program.seed}.py"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(script(program, failure, order))
    return path


def script(program: Program, failure: Failure, order: int) -> str:
    """A failing program as a text that stands alone."""
    detail = failure.detail.splitlines()[0][:100] if failure.detail else ""
    text = f'''"""{failure.kind.capitalize()}, {failure.what}: {detail}

Shrunk from `python -m tests.fuzz --only {program.seed}`.
"""
{program.source.rstrip()}


CASES = [(program, {program.data!r})]
'''
    text += f"ORDER = {order}\n" if order > 2 else ""
    mutant = changed_mutant(program, failure) if failure.mutant else ""
    return f'{text}MUTANTS = [\n    """\n{mutant}"""\n]\n' if mutant else text
