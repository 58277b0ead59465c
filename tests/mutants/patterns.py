"""Mutants of rewrite rules that are written as text: an operator, operand or constant of the pattern or of what it becomes
is another; the restriction to a kind of numbers, or to derivative values, is dropped."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from irad.optimize.rewrite import Rule, rule
from irad.primitives import REGISTRY
from tests.mutants.code import SWAPS

KEYWORDS = r"\b(and|or|not)\("


def mutants(r: Rule) -> Iterator[tuple[str, Rule]]:
    """(what is different, the rule) for each mutant."""
    left, right = (_parsed(side) for side in r.text.split("=>"))
    names = sorted({n.id for n in ast.walk(left) if isinstance(n, ast.Name)} - {n.id for n in _heads(left)})
    seen = {_shown(left, right)}
    for side in (left, right):
        for new in _variants(side, names):
            sides = (new, right) if side is left else (left, new)
            text = _shown(*sides)
            bound = {n.id for n in ast.walk(sides[0]) if isinstance(n, ast.Name)} - {n.id for n in _heads(sides[0])}
            used = {n.id for n in ast.walk(sides[1]) if isinstance(n, ast.Name)} - {n.id for n in _heads(sides[1])}
            if text in seen or not used <= bound or not isinstance(sides[0], ast.Call):
                continue
            seen.add(text)
            yield text, rule(r.name, text, exact=r.exact, only=r.only)
    if r.only:
        yield "without `only`", rule(r.name, r.text, exact=r.exact)
        for kind in "fib":
            if kind != r.only:
                yield f"only {kind!r}", rule(r.name, r.text, exact=r.exact, only=kind)
    yield f"exact={not r.exact}", rule(r.name, r.text, exact=not r.exact, only=r.only)


def _parsed(text: str) -> ast.expr:
    return ast.parse(re.sub(KEYWORDS, r"\1_(", text.replace("?", "v_")).strip(), mode="eval").body


def _shown(left: ast.expr, right: ast.expr) -> str:
    text = f"{ast.unparse(left)} => {ast.unparse(right)}"
    return re.sub(r"\b(and|or|not)_\(", r"\1(", text).replace("v_", "?")


def _heads(e: ast.expr) -> list[ast.Name]:
    return [n.func for n in ast.walk(e) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]


def _variants(e: ast.expr, names: list[str]) -> Iterator[ast.expr]:
    if isinstance(e, ast.Name):
        yield from (ast.Name(n) for n in names if n != e.id)
        return
    if not isinstance(e, ast.Call):
        value = ast.literal_eval(e)
        others = [not value] if isinstance(value, bool) else [value + 1, -value - 1 if value == 0 else -value]
        yield from (ast.parse(repr(v), mode="eval").body for v in others)
        return
    name = e.func.id.rstrip("_")  # type: ignore[attr-defined]
    if SWAPS.get(name, name) != name:
        other = SWAPS[name]
        yield ast.Call(ast.Name(other + "_" * (other in ("and", "or", "not"))), e.args, [])
    yield from e.args
    if len(e.args) > 1:
        for i in range(len(e.args) - 1):
            if not (REGISTRY[name].commutes and i == 0):
                args = list(e.args)
                args[i], args[i + 1] = args[i + 1], args[i]
                yield ast.Call(e.func, args, [])
    for i, a in enumerate(e.args):
        for new in _variants(a, names):
            yield ast.Call(e.func, [*e.args[:i], new, *e.args[i + 1 :]], [])
