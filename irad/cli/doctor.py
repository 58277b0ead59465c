"""`irad doctor`: whether everything that irad needs is there, and works."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
import time
from typing import Any, NamedTuple

from rich.markup import escape
from rich.table import Table

import irad
from irad.cli.command import Commands, command
from irad.cli.output import add_json, console, print_json
from irad.compiled import BACKENDS

__all__ = ["add", "doctor"]

NEEDED = ("numpy", "scipy", "llvmlite", "lark", "rich")
TESTED = ("Linux", "x86_64")
OLDEST = (3, 11)
FEATURES = 12  # of the processor that are shown


def add(commands: Commands) -> None:
    p = command(
        commands,
        "doctor",
        lambda a: doctor(json=a.json),
        "check the installation",
        "Shows the platform and the versions of what irad uses, and compiles and runs a small gradient on each\n"
        "backend. Exit code 1 where something that irad needs is missing or broken.",
        ("irad doctor", "irad doctor --json > doctor.json"),
    )
    add_json(p)


class Finding(NamedTuple):
    """One thing looked at: `ok` is None where irad can do without it."""

    what: str
    ok: bool | None
    text: str


def doctor(*, json: bool = False) -> int:
    """Print the findings; 1 where one is bad."""
    findings = [
        _platform(),
        _python(),
        *map(_package, NEEDED),
        _llvm(),
        *map(_backend, [b for b in BACKENDS if b != "cuda"]),
        _cuda(),
        _settings(),
    ]
    bad = [f for f in findings if f.ok is False]
    if json:
        print_json({"ok": not bad, "version": irad.__version__, "findings": findings})
        return 1 if bad else 0
    table = Table(title=f"irad {irad.__version__}", title_justify="left", show_header=False)
    for f in findings:
        mark = {True: "[green]ok[/green]", False: "[bold red]broken[/bold red]", None: "[dim]-[/dim]"}[f.ok]
        table.add_row(f.what, mark, escape(f.text))
    out = console()
    out.print(table)
    out.print(f"[bold red]{len(bad)} broken[/bold red]" if bad else "irad has what it needs")
    return 1 if bad else 0


def _platform() -> Finding:
    text = f"{platform.platform()}, {os.cpu_count()} processors"
    if (platform.system(), platform.machine()) == TESTED:
        return Finding("platform", True, text)
    return Finding("platform", None, f"{text}: irad is tested on {' '.join(TESTED)} only")


def _python() -> Finding:
    fine = sys.version_info >= OLDEST and platform.python_implementation() == "CPython"
    text = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    return Finding("python", fine, text if fine else f"{text}: irad needs CPython 3.11 or newer")


def _package(name: str) -> Finding:
    try:
        importlib.import_module(name)
        return Finding(name, True, importlib.metadata.version(name))
    except Exception as e:
        return Finding(name, False, f"cannot be imported: {type(e).__name__}: {e}")


def _llvm() -> Finding:
    try:
        from irad.backends.llvm.jit import described, features

        (version, cpu), found = described(), features()
    except Exception as e:
        return Finding("LLVM", False, f"{type(e).__name__}: {e}")
    shown = " ".join(found[:FEATURES]) + (f" and {len(found) - FEATURES} more" if len(found) > FEATURES else "")
    return Finding("LLVM", True, f"{version} for {cpu}: {shown}")


def _backend(name: str) -> Finding:
    """A small gradient, compiled and run."""

    def cube(x: float) -> float:
        return x * x * x

    try:
        start = time.perf_counter()
        found = irad.compile(irad.grad(cube), backend=name)(2.0)
        spent = time.perf_counter() - start
    except Exception as e:
        return Finding(f"backend {name}", False, f"{type(e).__name__}: {e}".splitlines()[0])
    if found != 12.0:
        return Finding(f"backend {name}", False, f"the derivative of x*x*x at 2 is 12, not {found!r}")
    return Finding(f"backend {name}", True, f"compiled and ran a gradient in {1e3 * spent:.0f} ms")


def _cuda() -> Finding:
    if "cuda" in BACKENDS:
        return _backend("cuda")
    return Finding("backend cuda", None, "not part of this version: programs run on the processor")


def _settings() -> Finding:
    found: Any = {k: v for k, v in sorted(os.environ.items()) if k.startswith("IRAD_")}
    text = ", ".join(f"{k}={v}" for k, v in found.items()) or "IRAD_LOG is not set: nothing is logged"
    return Finding("settings", None, f"{text}; programs are kept in memory, none on disk")
