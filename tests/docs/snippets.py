"""The Python blocks of a page, and what they claim.

A block is a program. Its lines at the left margin that are expressions with a comment are claims:

    f(2.0)                   # 4.0                            compiled and in Python alike
    f(-1.0)                  # Python: ValueError; irad: nan   the two differ
    f("spam")                # refused: type-mismatch          compile time
    irad.grad(f)(2.0)        # 4.0                            evaluated as it stands, as is all that is no call

A result is a value, or the class of an exception. Floats are compared to 9 digits, types exactly.
"""

from __future__ import annotations

import ast
import importlib.util
import linecache
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import irad

ROOT = Path(__file__).resolve().parent.parent.parent
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_count = 0


class Claim(NamedTuple):
    line: int
    expression: str
    python: str
    irad: str
    refused: str


class Block(NamedTuple):
    """line: of the page, where the block begins. heading: the last one above it."""

    line: int
    heading: str
    code: str
    claims: list[Claim]


def blocks(page: str) -> list[Block]:
    """The Python blocks of a page of the project."""
    text = (ROOT / page).read_text(encoding="utf-8")
    out = []
    for m in _BLOCK.finditer(text):
        headings = re.findall(r"^#+ (.*)$", text[: m.start()], re.MULTILINE)
        line = text[: m.start()].count("\n") + 1
        out.append(Block(line, headings[-1] if headings else "", m[1], list(_claims(m[1], line))))
    return out


def _claims(code: str, first: int) -> Iterator[Claim]:
    lines = code.splitlines()
    for node in ast.parse(code).body:
        if not isinstance(node, ast.Expr):
            continue
        _, _, comment = lines[node.end_lineno - 1][node.end_col_offset :].partition("#")
        comment = comment.strip()
        if not comment:
            continue
        expression, line = ast.unparse(node.value), first + node.lineno
        if comment.startswith("refused: "):
            yield Claim(line, expression, "", "", comment.removeprefix("refused: "))
        elif m := re.fullmatch(r"Python: (.*); irad: (.*)", comment):
            yield Claim(line, expression, m[1], m[2], "")
        else:
            yield Claim(line, expression, comment, comment, "")


def loaded(block: Block, folder: Path) -> dict[str, Any]:
    """The names of a block, run without its claims as a module of its own: irad reads source from files."""
    global _count
    _count += 1
    name = f"snippet_{_count}"
    path = folder / f"{name}.py"
    claims = {c.line - block.line for c in block.claims}
    lines = ["" if i in claims else line for i, line in enumerate(block.code.splitlines(), 1)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT / "docs"))  # for `from tour import grow`
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "docs"))
    return vars(module)


def check(claim: Claim, names: dict[str, Any]) -> None:
    """Evaluate one claim; AssertionError where it is not so."""
    if claim.refused:
        with pytest.raises(irad.CompileError) as refusal:
            _compiled(claim.expression, names)
        assert refusal.value.name == claim.refused, f"{claim.expression}: refused as {refusal.value.name}"
        return
    if _is_call(claim.expression):
        _expect(claim.expression, claim.python, lambda: eval(claim.expression, names), "Python")
    _expect(claim.expression, claim.irad, lambda: _compiled(claim.expression, names), "irad")


def _is_call(expression: str) -> bool:
    """Whether it is a call of a function of the page, so that Python and compiled code can be compared."""
    return "irad." not in expression and isinstance(ast.parse(expression, mode="eval").body, ast.Call)


def _compiled(expression: str, names: dict[str, Any]) -> Any:
    """The value of `f(arguments)` with f compiled; of another expression, as it stands."""
    if _is_call(expression):
        node = ast.parse(expression, mode="eval").body
        assert isinstance(node, ast.Call)
        called = ast.unparse(node.func)
        expression = f"irad.compile({called}){expression.removeprefix(called)}"
    file = f"<claim {expression}>"
    linecache.cache[file] = (len(expression), None, [expression + "\n"], file)  # irad reads the source of lambdas
    return eval(compile(expression, file, "eval"), {**names, "irad": irad})


def _expect(expression: str, text: str, value: Any, who: str) -> None:
    if re.fullmatch(r"[A-Z]\w*(Error|Exception)", text):
        with pytest.raises(Exception) as raised:  # noqa: PT011
            value()
        assert raised.type.__name__ == text, f"{expression}: {who} raises {raised.type.__name__}: {raised.value}"
        return
    names = {"nan": math.nan, "inf": math.inf, "array": np.array}
    expected, got = eval(text, names), value()
    assert same(got, expected), f"{expression}: {who} gives {got!r}, the page says {text}"


def same(got: Any, expected: Any) -> bool:
    """Equal in type and value; NumPy's scalars count as Python's, floats to 9 digits."""
    got = got.item() if isinstance(got, np.generic) else got
    if isinstance(expected, np.ndarray):
        if not isinstance(got, np.ndarray) or got.dtype != expected.dtype or got.shape != expected.shape:
            return False
        return bool(np.allclose(got, expected, rtol=1e-9, atol=0, equal_nan=True))
    if isinstance(expected, (list, tuple)):
        return isinstance(got, type(expected)) and len(got) == len(expected) and all(map(same, got, expected))
    if isinstance(expected, dict):
        if not isinstance(got, dict) or list(got) != list(expected):
            return False
        return all(same(got[k], expected[k]) for k in expected)
    if isinstance(expected, float):
        if not isinstance(got, float):
            return False
        return math.isclose(got, expected, rel_tol=1e-9) or (math.isnan(got) and math.isnan(expected))
    return type(got) is type(expected) and bool(got == expected)
