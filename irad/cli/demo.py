"""`irad demo`: fits the predator-prey model to the pelt counts, and shows how."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table

import irad
from irad.cli.command import Commands, command
from irad.cli.output import console as plain_console
from irad.cli.target import UsageError
from irad.demo.fit import GUESS, Costs, Fit, Problem, differences, fit, measure, starts
from irad.demo.model import Parameters, loss
from irad.demo.plot import plot

__all__ = ["add", "demo"]

STARTS = 60
SHOWN, SHOWN_WIDTH = 14, 78  # lines and columns of the gradient's IR
TOLERANCE = 1e-6  # of the gradient against differences, relative to its largest component

MEANING = {
    "hare_growth": "births of hares, a hare and year",
    "predation": "hares eaten, a hare, lynx and year",
    "lynx_death": "deaths of lynxes, a lynx and year",
    "conversion": "births of lynxes, a lynx, hare and year",
    "start_hare": "hares in 1900, thousands of pelts",
    "start_lynx": "lynxes in 1900, thousands of pelts",
    "sigma_hare": "deviation of the log of the hare counts",
    "sigma_lynx": "deviation of the log of the lynx counts",
}


def add(commands: Commands) -> None:
    p = command(
        commands,
        "demo",
        lambda a: demo(a.out),
        "fit a predator-prey model to real counts, with the gradient through its integration",
        "Fits the Lotka-Volterra model to the Hudson's Bay Company's lynx and hare pelt counts.",
        ("irad demo", "irad demo --out pelts"),
    )
    p.add_argument(
        "--out",
        type=Path,
        default=Path("irad-demo"),
        metavar="DIR",
        help="where the plot and the IR go (default: %(default)s)",
    )


def demo(out: Path, console: Console | None = None) -> int:
    """Run the demo and write its files to `out`. Returns 1 where the gradient disagrees with differences."""
    console = console or plain_console(soft_wrap=False)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UsageError(f"cannot write to {out}: {e.strerror}") from None
    console.print(
        Panel(
            "The Lotka-Volterra model, fitted to the lynx and hare pelts that the Hudson's Bay Company collected "
            "in 1900-1920. The likelihood integrates the model by RK4 in a [bold]plain Python loop[/bold]; irad "
            "compiles its gradient, and scipy climbs.",
            title="irad demo",
            border_style="cyan",
            width=80,
        )
    )
    problem = Problem()

    began = time.perf_counter()
    problem.value_and_grad(*problem.arguments(np.log(GUESS)))
    console.print(f"compiled loss and gradient      [bold]{_time(time.perf_counter() - began)}[/bold]")
    error = _gradient_error(problem)
    console.print(
        f"gradient against differences    [bold]{error:.1e}[/bold] relative"
        + ("" if error < TOLERANCE else "  [red]too far apart[/red]")
    )

    best, near, calls, spent = _climb(problem, console)
    console.print(f"{STARTS} fits, {calls} gradients        [bold]{_time(spent)}[/bold]; {near} reach the same maximum")
    console.print()
    console.print(_parameters(best))
    console.print()
    console.print(_costs(measure(problem, np.log(best.parameters))))

    program = irad.ir(irad.value_and_grad(loss), *problem.arguments(np.log(best.parameters)))
    text = str(program)
    (out / "lynx_hare.svg").write_text(plot(problem.data, best.parameters), encoding="utf-8")
    (out / "lynx_hare_gradient.irad").write_text(text, encoding="utf-8")
    kept = sum(r.bytes for r in program.residuals if r.name in ("hare", "lynx"))
    console.print(
        f"\nThe gradient is a program of {sum(program.operations.values())} operations. For the way back it keeps {kept} bytes "
        "a step, both populations, and computes the rest again. The loop that integrates backwards begins:"
    )
    console.print(Syntax(_backward(text), "rust", theme="ansi_dark", background_color="default"))
    console.print(
        f"plot       {out / 'lynx_hare.svg'}\ngradient   {out / 'lynx_hare_gradient.irad'}", markup=False, highlight=False
    )
    return 0 if error < TOLERANCE else 1


def _backward(text: str) -> str:
    """The first lines of the innermost loop of the adjoint, the last graph of the program."""
    lines = text.splitlines()
    first = max(i for i, line in enumerate(lines) if line.lstrip().startswith("graph @"))
    return "\n".join(
        line[:SHOWN_WIDTH].rstrip() for line in textwrap.dedent("\n".join(lines[first : first + SHOWN])).splitlines()
    )


def _gradient_error(problem: Problem) -> float:
    logs = np.log(GUESS)
    _, gradient = problem.value_and_grad(*problem.arguments(logs))
    expected = differences(problem, logs)
    return float(np.abs(gradient - expected).max() / np.abs(expected).max())


def _climb(problem: Problem, console: Console) -> tuple[Fit, int, int, float]:
    """(the best of the fits, how many of them reach it, gradients, seconds)."""
    fits: list[Fit] = []
    columns = (
        TextColumn("climbing"),
        BarColumn(40),
        MofNCompleteColumn(),
        TextColumn("log-likelihood {task.fields[best]}"),
        TimeElapsedColumn(),
    )
    began = time.perf_counter()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("climb", total=STARTS, best="")
        for start in starts(STARTS):
            fits.append(fit(problem, start))
            progress.update(task, advance=1, best=f"{-min(f.loss for f in fits):.4f}")
    best = min(fits, key=lambda f: f.loss)
    near, calls = sum(f.loss < best.loss + 1e-6 for f in fits), sum(f.evaluations for f in fits)
    return best, near, calls, time.perf_counter() - began


def _parameters(best: Fit) -> Table:
    table = Table(title=f"maximum of the likelihood: its log is {-best.loss:.4f} + constant", title_justify="left")
    table.add_column("parameter")
    table.add_column("fitted", justify="right", style="bold cyan")
    table.add_column("meaning", style="dim")
    for name in Parameters._fields:
        table.add_row(name.replace("_", " "), f"{getattr(best.parameters, name):#.4g}", MEANING[name])
    return table


def _costs(c: Costs) -> Table:
    n = 2 * len(Parameters._fields)
    table = Table(title="what a gradient costs", title_justify="left")
    table.add_column("way")
    table.add_column("time", justify="right", style="bold")
    table.add_column("relative", justify="right")
    for way, seconds in (
        ("irad: value and gradient", c.gradient),
        ("irad: value", c.value),
        (f"differences, {n} values by irad", c.differences),
        ("plain Python: value", c.python_value),
        (f"differences, {n} values in plain Python", n * c.python_value),
    ):
        table.add_row(way, _time(seconds), f"{seconds / c.gradient:.3g}")
    return table


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
