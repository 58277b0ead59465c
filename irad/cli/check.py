"""`irad check`: a function against Python, and its derivatives against differences and each other, at random arguments."""

from __future__ import annotations

import argparse
import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from rich.markup import escape
from rich.table import Table

from irad.api import compile
from irad.check import FirstOrder, first_order, gradient
from irad.cli.command import Commands, command
from irad.cli.drawn import drawn, ranges_of, types_said
from irad.cli.output import add_json, console, print_json
from irad.cli.target import UsageError, target, types_of
from irad.compiled import BACKENDS, Transform, core_of
from irad.errors import CompileError
from irad.graph.walk import all_graphs
from irad.specialize.entry import type_of
from irad.structures import assemble, flatten
from irad.types import F32, Array, Type, leaves

__all__ = ["add", "check"]


class Tolerances(NamedTuple):
    """Relative. Sums of arrays are added in another order than NumPy's; differences have an error of their own."""

    value: float
    difference: float
    modes: float  # of two ways to the same derivative


DOUBLE, SINGLE = Tolerances(1e-9, 1e-6, 1e-9), Tolerances(1e-4, 1e-2, 1e-4)  # single where something is f32
DOMAIN = (ZeroDivisionError, OverflowError)  # where Python raises and compiled code gives nan or inf


def add(commands: Commands) -> None:
    p = command(
        commands,
        "check",
        check,
        "compare a function and its derivatives with Python and with differences",
        "Calls a function at random arguments: compiled against plain Python, forward mode against\n"
        "differences, reverse mode against forward mode. Exit code 1 where two disagree.",
        (
            'irad check docs/tour.py:grow --types "float, float, int"',
            'irad check docs/tour.py:grow --types "f64, f64, int" --ranges "0:1, 0:2, 1:20" --n 50',
            'irad check docs/tour.py:growth --types "f64[3], f64" --order 2',
            "irad check irad.demo.model:misfit --ranges 0.1:3         types from annotations and defaults",
        ),
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
    p.add_argument(
        "--order", type=int, choices=(1, 2), default=1, help="2: second derivatives along a direction too; default: %(default)s"
    )
    add_json(p)


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


class _Modes:
    """A derivative by forward mode against differences, and by reverse mode against forward mode."""

    def __init__(self, forward: str, reverse: str, allowed: Tolerances) -> None:
        self.forward, self.reverse = _Tally(forward, allowed.difference), _Tally(reverse, allowed.modes)
        self.tallies = (self.forward, self.reverse)

    def add(self, d: FirstOrder, args: Any) -> None:
        error = np.abs(d.forward - d.difference) / (1.0 + np.abs(d.difference))
        worst = float(np.max(np.where(np.isnan(error), math.inf, error), initial=0.0))
        self.forward.add(worst, args, f"{d.forward.tolist()}, by differences {d.difference.tolist()}")
        apart = abs(d.reverse - d.product) / (1.0 + d.scale)
        self.reverse.add(apart if apart == apart else math.inf, args, f"{d.reverse!r}, by forward mode {d.product!r}")


def check(a: argparse.Namespace) -> int:
    """Print the comparisons; 1 where one of them failed, or nothing could be compared."""
    if a.target == "-" or a.target.endswith(".irad"):
        raise UsageError("check compares with Python: it takes FILE.py:FUNCTION")
    if a.n < 1:
        raise UsageError("--n takes a number of arguments from 1 on")
    if a.seed < 0:
        raise UsageError("--seed takes a number from 0 on")
    f = _plain(target(a.target, None))
    types = types_of(a.types) if a.types is not None else types_said(f)
    ranges = ranges_of(a.ranges, types)
    rng = np.random.default_rng(a.seed)
    samples = [tuple(drawn(t, r, rng) for t, r in zip(types, ranges, strict=True)) for _ in range(a.n)]
    native = {b: compile(f, backend=b) for b in BACKENDS}
    allowed = SINGLE if _is_single(core_of(native["llvm"]), types) else DOUBLE
    values = {b: _Tally(f"value, {b}, against Python", allowed.value) for b in BACKENDS}
    first = _Modes("forward mode against differences", "reverse mode against forward mode", allowed)
    second = _Modes("forward over reverse against differences", "reverse over reverse against it", allowed)
    reasons: Counter[str] = Counter()
    for args in samples:
        want = _outcome(f, args)
        for b, g in native.items():
            got = _outcome(g, args)
            values[b].add(_apart(got, want), args, f"{_shown(got)}, in Python {_shown(want)}")
        try:
            d = first_order(f, args, rng)
            first.add(d, args)
            if a.order == 2:
                second.add(first_order(gradient, (f, d.ct, *args), rng), args)
        except (CompileError, ValueError, ArithmeticError, LookupError, AssertionError, RuntimeError) as e:
            reasons[e.diagnostic.message if isinstance(e, CompileError) else str(e) or type(e).__name__] += 1
    tallies = [*values.values(), *first.tallies, *(second.tallies if a.order == 2 else ())]
    found = [t.done() for t in tallies]
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


def _is_single(core: Any, types: list[Type]) -> bool:
    """Whether a value of the program is f32."""
    module = core.specialized(types).module
    values = [v for g in all_graphs(module) for v in (*g.params, *g.body)]
    return any((u.dtype if isinstance(u, Array) else u) is F32 for v in values for u in leaves(v.type))


def _print(name: str, types: list[Type], found: list[Comparison], reasons: Counter[str]) -> None:
    table = Table(title=escape(f"{name}({', '.join(map(str, types))})"), title_justify="left")
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


# -- results ------------------------------------------------------------------------------------------


class Returned(NamedTuple):
    """What a call gave, and its arguments as they are then."""

    result: Any
    arguments: tuple[Any, ...]


def _outcome(f: Any, args: tuple[Any, ...]) -> Returned | Exception:
    """What a call did; refusals are not caught."""
    copies = tuple(assemble(type_of(v), _copies(v)) for v in args)
    try:
        with np.errstate(all="ignore"):
            return Returned(f(*copies), copies)
    except CompileError:
        raise
    except Exception as e:
        return e


def _copies(value: Any) -> Any:
    out: list[Any] = []
    flatten(value, type_of(value), out)
    feed = iter(out)
    return lambda u: np.copy(next(feed)) if isinstance(u, Array) else next(feed)


def _apart(got: Returned | Exception, want: Returned | Exception) -> float | None:
    """The largest relative difference of two outcomes; None where Python raises and NumPy does not."""
    if isinstance(want, Exception):
        domain = isinstance(want, DOMAIN) or (isinstance(want, ValueError) and "domain" in str(want))
        if domain and not isinstance(got, Exception):
            return None
        return 0.0 if type(got) is type(want) else math.inf
    return math.inf if isinstance(got, Exception) else max(map(_difference, got, want))


def _difference(got: Any, want: Any) -> float:
    """The largest relative difference of two values."""
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


def _shown(o: Returned | Exception) -> str:
    if isinstance(o, Exception):
        return f"raises {type(o).__name__}: {o}"
    may_change = any(isinstance(a, (np.ndarray, list, dict)) for a in o.arguments)
    return f"{o.result!r}" + (f" (and then the arguments are {o.arguments!r})" if may_change else "")
