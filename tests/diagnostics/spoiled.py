"""What becomes of a spoiled program: a result that agrees with CPython, or a clean diagnostic.

As a process: seeds in on stdin, reports out on stdout, a JSON object a line (see tests/fuzz/pool.py).
"""

from __future__ import annotations

import ast
import copy
import io
import json
import linecache
import math
import os
import random
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from types import FrameType, ModuleType
from typing import Any

import numpy as np
from irad.backends.interpreter.run import loaded

import irad
from irad.api import core_of  # type: ignore[attr-defined]
from irad.compiled import Program
from tests.diagnostics.mutations import mutated
from tests.diagnostics.sources import drawn
from tests.frontend.agree import same
from tests.limits import TimeUp, time_limit

__all__ = ["examined", "examined_source"]

PYTHON_SECONDS, IRAD_SECONDS = 1.0, 30.0
STEPS = (1e-4, 1e-5)  # of differences
UNREAD = 10  # statements that raise and that nobody reads, in one program
SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)
# Where docs/differences.md says that Python raises and compiled code gives nan or inf.
DOMAIN = ("math domain error", "math range error", "Result too large", "Numerical result out of range")
DOMAIN += ("float division", "float floor division", "float modulo", "cannot be raised to a negative power")
DOMAIN += ("too large to convert", "expected a nonnegative", "expected a positive", "Exceeds the limit")


class Outcome:
    """The result of a call and its arguments afterwards, or what it raised."""

    def __init__(self, f: Callable[..., Any], args: Any, seconds: float) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self.args = copy.deepcopy(args)
        try:
            with time_limit(seconds), redirect_stdout(io.StringIO()):
                self.value = f(*self.args)
        except (Exception, TimeUp) as e:
            self.error = e

    def __repr__(self) -> str:
        return f"{self.value!r}" if self.error is None else f"{type(self.error).__name__}: {self.error}"


def module_of(text: str, label: str) -> ModuleType:
    """The module of a text that stands in linecache only."""
    file = f"<{label}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    module = sys.modules["spoiled"] = ModuleType("spoiled")
    vars(module).update(math=math, np=np)
    exec(compile(text, file, "exec"), vars(module))
    return module


def called(text: str, call: ast.Call) -> tuple[Any, Any]:
    """The function and the arguments of a call that follows a text."""
    with time_limit(PYTHON_SECONDS), redirect_stdout(io.StringIO()):
        module = module_of(text, "mutant")
        function = eval(ast.unparse(call.func), vars(module))
        return function, eval(ast.unparse(ast.Tuple(call.args, ast.Load())), vars(module))


def examined_source(text: str, call: str) -> tuple[str, str, str]:
    """(what became of it, the reason, the detail): "agrees", "refused", or the kind of a failure."""
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    try:
        function, args = called(text, node)
    except (Exception, TimeUp) as e:
        return "no program", type(e).__name__, ""
    if not callable(function) or node.keywords:
        return "no program", "", ""
    python = Outcome(function, args, PYTHON_SECONDS)
    if isinstance(python.error, TimeUp):
        compiled = Outcome(lambda *a: irad.ir(function, *a), args, IRAD_SECONDS)
        return _clean(compiled) or ("agrees", "endless", "")
    got = Outcome(irad.compile(function), args, IRAD_SECONDS)
    found = _clean(got) or _agree(function, args, python, got)
    if found[0] == "did not raise" and _unread(text, node, python, got):
        found = "agrees", "unread", ""
    if found[0] not in ("agrees", "refused"):
        return found
    floats = tuple(i for i, a in enumerate(args) if isinstance(a, float) or (isinstance(a, np.ndarray) and a.dtype.kind == "f"))
    gradient = Outcome(irad.grad(function, argnums=floats or (0,)), args, IRAD_SECONDS)
    wrong = _clean(gradient)
    if wrong is None:
        wrong = _gradient(function, args, floats, python, gradient)
    if wrong[0] not in ("agrees", "refused"):
        return f"{wrong[0]} of the gradient", wrong[1], wrong[2]
    return found


def _clean(o: Outcome) -> tuple[str, str, str] | None:
    """The verdict on what may happen to no program at all, and on refusals."""
    e = o.error
    if isinstance(e, TimeUp):
        return "hang", "", ""
    if isinstance(e, irad.InternalError):
        inner = e.__cause__
        where = traceback.extract_tb(inner.__traceback__)[-1] if inner is not None else None
        place = f"{os.path.basename(where.filename)}:{where.lineno}" if where is not None else ""
        return "internal", f"{type(inner).__name__} {place}", str(e)
    if not isinstance(e, irad.CompileError):
        return None
    d = e.diagnostic
    if d.span is None or not d.span.source_line():
        return "no place", d.name, str(e)
    if not d.help:
        return "no help", d.name, str(e)
    words = " ".join([d.message, d.help, *(n.text for n in d.notes)]).replace("`%`", "").replace("`%=`", "")
    if re.search(r" %\w|@\w|object at 0x", words):
        return "words of the IR", d.name, str(e)
    return "refused", d.name, ""


def _agree(function: Any, args: Any, python: Outcome, got: Outcome) -> tuple[str, str, str]:
    p, g = python.error, got.error
    detail = f"irad: {got!r}\nPython: {python!r}"
    if p is None and g is None:
        if same(got.value, python.value, close) and same(got.args, python.args, close):
            return "agrees", "value", ""
        if _beyond(function, args):
            return "agrees", "beyond 64 bits, or complex", ""
        return "wrong value", "", detail
    if type(p) is type(g):
        return "agrees", type(p).__name__, ""
    if isinstance(p, RecursionError) or isinstance(g, MemoryError):
        return "agrees", "resources", ""
    if p is None:
        if isinstance(g, (OverflowError, ValueError)) and _beyond(function, args):
            return "agrees", "beyond 64 bits", ""
        if isinstance(g, OverflowError) or (isinstance(g, ValueError) and "negative power" in str(g)):
            return "agrees", "documented", ""
        return "raised", type(g).__name__, detail
    if isinstance(p, AttributeError) and re.search(r"'(float|int|bool)' object has no attribute", str(p)):
        return "agrees", "documented", ""  # numbers have the attributes of NumPy's
    if (
        any(words in str(p) for words in DOMAIN)
        or str(p) == "division by zero"
        or "complex" in str(p)
        or _beyond(function, args)
    ):
        return "agrees", "documented", ""
    if _typed(function, args, python):
        return "agrees", "unread", ""
    return ("did not raise" if g is None else "raised another"), type(p).__name__, detail


def _typed(function: Any, args: Any, python: Outcome) -> bool:
    """Whether the program does what Python does before anything is left out: what nobody reads raises nothing."""
    f = irad.compile(function, backend="interpreter")
    core = core_of(f)

    def compile(types: Any, keywords: Any, hook: Any = None) -> Program:
        entry = core.specialized(types, keywords)
        return Program(entry, loaded(entry.module), None, entry.module, None)

    core.compile = compile
    got = Outcome(f, args, IRAD_SECONDS)
    if isinstance(got.error, irad.InternalError):
        return True  # derivatives inside: no interpreter runs them unexpanded
    if python.error is None and not same(got.args, python.args, close):
        return False
    return type(got.error) is type(python.error) and same(got.value, python.value, close)


def _unread(text: str, call: ast.Call, python: Outcome, got: Outcome) -> bool:
    """Whether the program without the statements that raise gives the same in Python: what nobody reads raises nothing.

    These cannot be left out: `raise`, `assert`, and the headers of other statements.
    """
    for _ in range(UNREAD):
        if python.error is None:
            return same(got.value, python.value, close) and same(got.args, python.args, close)
        lines = [f.lineno for f in traceback.extract_tb(python.error.__traceback__) if f.filename == "<mutant>"]
        tree = ast.parse(text)
        raising = [s for s in ast.walk(tree) if isinstance(s, SIMPLE) and lines and s.lineno <= lines[-1] <= s.end_lineno]
        if not raising:
            return False
        text = ast.unparse(Without(raising[-1]).visit(tree))
        python = Outcome(*called(text, call), PYTHON_SECONDS)
    return False


class Without(ast.NodeTransformer):
    """A program with `pass` in place of one statement."""

    def __init__(self, statement: ast.stmt) -> None:
        self.statement = statement

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.Pass() if node is self.statement else self.generic_visit(node)


def _beyond(function: Any, args: Any) -> bool:
    """Whether Python computes with integers beyond 64 bits, or complex numbers, on the way."""
    found = False

    def beyond(v: Any) -> bool:
        if isinstance(v, (list, tuple)):
            return any(map(beyond, v[:20]))
        return isinstance(v, complex) or (isinstance(v, int) and not -(2**63) <= v < 2**63)

    def look(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal found
        found = found or any(map(beyond, frame.f_locals.values())) or beyond(arg)
        return look

    sys.settrace(look)
    try:
        out = Outcome(function, args, 10 * PYTHON_SECONDS)
    finally:
        sys.settrace(None)
    return found or beyond(out.value) or "complex" in str(out.error)


def close(a: float, b: float) -> bool:
    """Equal but for the last digits of floats, and ints that became floats."""
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) or (a != a and b != b)


# -- gradients ------------------------------------------------------------------------------------------------------------


def _gradient(function: Any, args: Any, floats: tuple[int, ...], python: Outcome, got: Outcome) -> tuple[str, str, str]:
    """The gradient against forward mode, and against differences of CPython where these are trustworthy."""
    if got.error is not None:
        if python.error is not None or isinstance(got.error, (OverflowError, MemoryError, RecursionError, ValueError)):
            return "agrees", "", ""
        return "raised", type(got.error).__name__, f"irad: {got!r}\nPython: {python!r}"
    if not floats:
        return "agrees", "", ""
    rng = np.random.default_rng(0)
    direction = [rng.standard_normal(np.shape(args[i])) + 0.5 for i in floats]
    reverse = sum(float(np.sum(g * d)) for g, d in zip(got.value, direction, strict=True))
    tangents: list[Any] = [None] * len(args)
    for i, d in zip(floats, direction, strict=True):
        tangents[i] = d if isinstance(args[i], np.ndarray) else float(d)
    forward = Outcome(lambda *a: irad.jvp(function, a, tuple(tangents))[1], args, IRAD_SECONDS)
    if forward.error is not None:
        return _clean(forward) or ("raised by forward mode", type(forward.error).__name__, f"{reverse} {forward!r}")
    if not math.isclose(reverse, forward.value, rel_tol=1e-7, abs_tol=1e-9):
        if math.isfinite(reverse) and math.isfinite(forward.value):
            return "reverse against forward", "", f"{reverse} {forward.value}"
    slopes = [_slope(function, args, floats, direction, h) for h in STEPS]
    scale = abs(float(python.value)) if isinstance(python.value, (float, int, np.number)) else 0.0
    known = 1e-15 * scale < 1e-4 * STEPS[1] and all(s is not None and math.isfinite(s) for s in slopes)
    if known and math.isclose(*slopes, rel_tol=1e-4, abs_tol=1e-5):  # type: ignore[arg-type]
        if not math.isclose(reverse, slopes[0], rel_tol=1e-3, abs_tol=1e-4):  # type: ignore[arg-type]
            return "wrong", "", f"irad: {reverse}\ndifferences: {slopes}"
    return "agrees", "", ""


def _slope(function: Any, args: Any, floats: tuple[int, ...], direction: list[Any], h: float) -> float | None:
    ends = []
    for sign in (1.0, -1.0):
        moved = list(copy.deepcopy(args))
        for i, d in zip(floats, direction, strict=True):
            moved[i] = moved[i] + sign * h * (d if isinstance(moved[i], np.ndarray) else float(d))
        out = Outcome(function, tuple(moved), PYTHON_SECONDS)
        if out.error is not None or not isinstance(out.value, (float, int, np.number)):
            return None
        ends.append(float(out.value))
    return (ends[0] - ends[1]) / (2 * h)


# -- the process ----------------------------------------------------------------------------------------------------------


def examined(seed: int) -> dict[str, Any]:
    rng = random.Random(seed)
    source = drawn(rng)
    text = mutated(rng, source.text)
    out: dict[str, Any] = {"seed": seed, "source": text, "call": source.call}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            kind, reason, detail = examined_source(text, source.call)
    except Exception:
        kind, reason, detail = "test error", "", traceback.format_exc()[-2000:]
    out |= {"kind": kind, "reason": reason, "detail": detail[:3000]}
    failed = kind not in ("agrees", "refused", "no program")
    return {**out, "failures": [{"kind": kind, "what": "mutant", "reason": reason, "detail": detail}] if failed else []}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what programs print does not stand among the answers
    for line in sys.stdin:
        answers.write(json.dumps(examined(json.loads(line)["seed"])) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
