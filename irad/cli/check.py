"""`irad check`: a function against Python, and its derivatives against differences and each other, at random arguments."""

from __future__ import annotations

import argparse
import inspect
import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from irad.api import compile
from irad.check import first_order
from irad.cli.output import add_json, console, print_json
from irad.cli.target import UsageError, target, types_of
from irad.compiled import BACKENDS, Transform, core_of
from irad.errors import CompileError
from irad.specialize.entry import type_of
from irad.structures import assemble, flatten
from irad.types import BOOL, FLOAT, INT, Array, Scalar, Type, leaves

__all__ = ["add", "check"]

VALUE = 1e-9  # relative: sums of arrays are added in another order than NumPy's
FORWARD = 1e-6  # differences have an error of their own
REVERSE = 1e-9
DOMAIN = (ZeroDivisionError, OverflowError)  # where Python raises and compiled code gives nan or inf
FLOAT_RANGE, INT_RANGE = (-2.0, 2.0), (0.0, 5.0)
ANNOTATED = {float: FLOAT, int: INT, bool: BOOL, "float": FLOAT, "int": INT, "bool": BOOL}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "check",
        help="compare a function and its gradient with Python and with differences",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Calls a function at random arguments: compiled against plain Python, forward mode against\n"
        "differences, reverse mode against forward mode. Exit code 1 where two disagree.",
        epilog='examples:\n  irad check model.py:loss --types "f64, f64[3], int"\n'
        '  irad check model.py:loss --types "f64, int" --ranges "0.1:3, 1:20" --n 100\n'
        "  irad check model.py:loss                                types from annotations and defaults\n",
    )
    p.add_argument("target", metavar="FILE:FUNCTION", help="a function of a Python file, or of a module")
    p.add_argument("--types", metavar="TYPES", help="the types of the arguments; default: what annotations and defaults say")
    p.add_argument(
        "--ranges",
        metavar="LOW:HIGH,...",
        help="of the numbers of each argument; default: -2:2, integers 0:5; --ranges=-1:1 where it begins with a minus",
    )
    p.add_argument("--n", type=int, default=20, help="how many arguments are tried; default: %(default)s")
    p.add_argument("--seed", type=int, default=0, help="of the random arguments; default: %(default)s")
    add_json(p)
    p.set_defaults(run=check)


class Comparison(NamedTuple):
    """One thing compared with another: how often, the largest relative difference, the arguments where it is too large."""

    what: str
    compared: int
    left_out: int
    worst: float
    tolerance: float
    wrong: list[str]


class _Tally:
    def __init__(self, what: str, tolerance: float) -> None:
        self.what, self.tolerance = what, tolerance
        self.compared = self.left_out = 0
        self.worst = 0.0
        self.wrong: list[str] = []

    def add(self, error: float | None, args: Any, detail: str) -> None:
        if error is None:
            self.left_out += 1
            return
        self.compared += 1
        self.worst = max(self.worst, error)
        if not error <= self.tolerance:
            self.wrong.append(f"f({', '.join(map(repr, args))}): {detail}")

    def done(self) -> Comparison:
        return Comparison(self.what, self.compared, self.left_out, self.worst, self.tolerance, self.wrong)


def check(a: argparse.Namespace) -> int:
    """Print the comparisons; 1 where one of them failed, or nothing could be compared."""
    if a.target == "-" or a.target.endswith(".irad"):
        raise UsageError("check compares with Python: it takes FILE.py:FUNCTION")
    if a.n < 1:
        raise UsageError("--n takes a number of arguments from 1 on")
    f = _plain(target(a.target, None))
    types = types_of(a.types) if a.types is not None else _types_said(f)
    ranges = _ranges(a.ranges, types)
    rng = np.random.default_rng(a.seed)
    native = {b: compile(f, backend=b) for b in BACKENDS}
    values = {b: _Tally(f"value, {b}, against Python", VALUE) for b in BACKENDS}
    forward = _Tally("forward mode against differences", FORWARD)
    reverse = _Tally("reverse mode against forward mode", REVERSE)
    reasons: Counter[str] = Counter()
    for _ in range(a.n):
        args = tuple(_drawn(t, r, rng) for t, r in zip(types, ranges, strict=True))
        want = _outcome(f, args)
        for b, g in native.items():
            got = _outcome(g, args)
            values[b].add(_apart(got, want), args, f"{_shown(got)}, in Python {_shown(want)}")
        try:
            d = first_order(f, args, rng)
        except (CompileError, ValueError, ArithmeticError, LookupError, AssertionError, RuntimeError) as e:
            reasons[e.diagnostic.message if isinstance(e, CompileError) else str(e) or type(e).__name__] += 1
            continue
        scale = 1.0 + np.abs(d.difference)
        error = float(np.max(np.abs(d.forward - d.difference) / scale)) if d.forward.size else 0.0
        forward.add(error, args, f"{d.forward.tolist()}, by differences {d.difference.tolist()}")
        error = abs(d.reverse - d.product) / (1.0 + d.scale)
        reverse.add(error if error == error else math.inf, args, f"{d.reverse!r}, by forward mode {d.product!r}")
    found = [t.done() for t in (*values.values(), forward, reverse)]
    agreed = not any(c.wrong for c in found) and any(c.compared for c in found)
    if a.json:
        print_json({"agreed": agreed, "seed": a.seed, "types": [str(t) for t in types], "compared": found, "without": reasons})
    else:
        _print(a.target, types, found, reasons)
    return 0 if agreed else 1


def _plain(f: Any) -> Any:
    """The Python function, where the file has it compiled."""
    core = core_of(f)
    while core is not None:
        f = core.fn
        core = core_of(f)
    if isinstance(f, Transform):
        raise UsageError("check compares with Python: name the function itself, not a derivative of it")
    return f


def _print(name: str, types: list[Type], found: list[Comparison], reasons: Counter[str]) -> None:
    table = Table(title=f"{name}({', '.join(map(str, types))})", title_justify="left")
    for column in ("", "compared", "difference", "allowed", ""):
        table.add_column(column, justify="left" if not column else "right", no_wrap=not column)
    for c in found:
        verdict = "[green]agree[/green]" if c.compared and not c.wrong else f"[bold red]{len(c.wrong)} wrong[/bold red]"
        shown = f"{c.worst:.1e}" if c.compared else "-"
        table.add_row(c.what, str(c.compared), shown, f"{c.tolerance:.0e}", verdict if c.compared else "nothing to compare")
    out = console()
    out.print(table)
    for c in found:
        if c.left_out:
            out.print(f"{c.what}: {c.left_out} left out, where Python raises and NumPy gives nan or inf", markup=False)
        for line in c.wrong[:3]:
            out.print(f"{c.what}: {line}", markup=False, style="red", highlight=False)
    for reason, count in reasons.most_common(3):
        out.print(f"no derivative at {count} of the arguments: {reason}", markup=False, highlight=False)


# -- arguments --------------------------------------------------------------------------------------------------------------


def _types_said(f: Any) -> list[Type]:
    """The types that annotations or defaults give."""
    types: list[Type] = []
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        raise UsageError("--types is needed: this has no signature to read types from") from None
    for p in parameters:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.KEYWORD_ONLY):
            continue
        if p.annotation in ANNOTATED:
            types.append(ANNOTATED[p.annotation])
        elif p.default is not p.empty and all(isinstance(t, (Scalar, Array)) for t in leaves(type_of(p.default))):
            types.append(type_of(p.default))
        else:
            raise UsageError(f"--types is needed: nothing says of which type {p.name!r} is")
    return types


def _ranges(text: str | None, types: list[Type]) -> list[tuple[float, float] | None]:
    if text is None:
        return [None] * len(types)
    try:
        found = [(float(low), float(high)) for low, high in (part.split(":") for part in text.split(","))]
    except ValueError:
        raise UsageError(f"--ranges takes LOW:HIGH for each argument, as in 0:1,-2:2; not {text!r}") from None
    if len(found) == 1:
        found = found * len(types)
    if len(found) != len(types) or not all(-math.inf < low <= high < math.inf for low, high in found):
        raise UsageError(f"--ranges takes a LOW:HIGH with LOW <= HIGH for all arguments, or for each of the {len(types)}")
    return list(found)


def _drawn(t: Type, given: tuple[float, float] | None, rng: np.random.Generator) -> Any:
    """A random value of a type."""

    def leaf(u: Type) -> Any:
        scalar = u.dtype if isinstance(u, Array) else u
        if not isinstance(scalar, Scalar):
            raise UsageError(f"no random value of type {u} can be made")
        low, high = given or (INT_RANGE if scalar.kind == "i" else FLOAT_RANGE)
        shape = u.static_shape if isinstance(u, Array) else ()
        if shape is None:
            raise UsageError(f"the sizes of {u} must be numbers")
        value: Any
        if scalar.kind == "b":
            value = rng.random(shape) < 0.5
        elif scalar.kind == "i":
            value = rng.integers(math.ceil(low), math.floor(high), shape, endpoint=True)
        else:
            value = rng.uniform(low, high, shape)
        value = np.asarray(value, scalar.dtype)
        if isinstance(u, Array):
            return value
        return value.item() if scalar.weak or scalar.kind == "b" else value[()]

    return assemble(t, leaf)


# -- results ------------------------------------------------------------------------------------------


def _outcome(f: Any, args: tuple[Any, ...]) -> Any:
    """The result of a call, or the exception that it raised; refusals are not caught."""
    copies = tuple(assemble(type_of(v), _copies(v)) for v in args)
    try:
        with np.errstate(all="ignore"):
            return f(*copies)
    except CompileError:
        raise
    except Exception as e:
        return e


def _copies(value: Any) -> Any:
    out: list[Any] = []
    flatten(value, type_of(value), out)
    feed = iter(out)
    return lambda u: np.copy(next(feed)) if isinstance(u, Array) else next(feed)


def _apart(got: Any, want: Any) -> float | None:
    """The largest relative difference of two results; None where Python raises and NumPy does not."""
    if isinstance(want, Exception):
        domain = isinstance(want, DOMAIN) or (isinstance(want, ValueError) and "domain" in str(want))
        if domain and not isinstance(got, Exception):
            return None
        return 0.0 if type(got) is type(want) else math.inf
    if isinstance(got, Exception):
        return math.inf
    try:
        a, b = _numbers(got), _numbers(want)
    except CompileError:
        return 0.0 if got == want else math.inf
    if len(a) != len(b):
        return math.inf
    worst = 0.0
    for x, y in zip(a, b, strict=True):
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        if x.shape != y.shape:
            return math.inf
        same = (x == y) | (np.isnan(x) & np.isnan(y))
        with np.errstate(all="ignore"):
            error = np.where(same, 0.0, np.abs(x - y) / np.maximum(1.0, np.abs(y)))
        worst = max(worst, float(np.max(np.where(np.isnan(error), math.inf, error), initial=0.0)))
    return worst


def _numbers(value: Any) -> list[Any]:
    out: list[Any] = []
    flatten(value, type_of(value), out)
    return out


def _shown(result: Any) -> str:
    return f"raises {type(result).__name__}: {result}" if isinstance(result, Exception) else repr(result)
