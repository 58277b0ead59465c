"""The interpreter's trace: every operation that runs, as the program's text names it, with its values and the user's line."""

from __future__ import annotations

import inspect
import math
import re
from typing import Any

import numpy as np
import pytest
from irad.backends.interpreter.run import interpret
from irad.backends.interpreter.trace import PLUMBING

import irad
from docs.tour import grow
from irad.__main__ import main
from tests.watch import Steps


def traced(f: Any, *args: Any) -> tuple[Any, list[str]]:
    lines: list[str] = []
    return irad.compile(f, backend="interpreter", trace=lines.append)(*args), lines


def test_each_operation_is_a_line() -> None:
    transform, args = irad.grad(grow), (0.3, 2.5, 3)
    value, lines = traced(transform, *args)
    assert value == irad.compile(transform, backend="interpreter")(*args)
    program = irad.ir(transform, *args)
    ran: list[str] = []
    interpret(program.module, args, trace=Steps(lambda node, value: ran.append(node.fn.name)))
    found = [m[1] for line in lines if (m := re.match(r" *%\w+ = (\w+)\(", line))]
    assert found == [name for name in ran if name not in PLUMBING]
    for line in lines:  # a line is called as in the program's text, and cites what that cites
        m = re.match(r" *(%\w+) = (\w+)\(.*# (\S+)$", line)
        if m is not None:
            assert re.search(rf"{m[1]}: \S.* [=~] {m[2]}\(.*# {re.escape(m[3])}$", str(program), re.MULTILINE), line


def test_values_and_nesting() -> None:
    _, lines = traced(grow, 0.5, 2.0, 2)
    trips = [line for line in lines if line.startswith("  @loop(")]
    assert [line.split("  #")[0].strip() for line in trips] == ["@loop(%i=0, %x_1=0.5)", "@loop(%i=1, %x_1=0.55)"]
    products = [line for line in lines if "mul(%k=2.0, %x_1=0.5) -> 1.0" in line]
    assert len(products) == 1
    assert products[0].startswith("    %")
    assert products[0].endswith("# tour.py:5")


def long(x, n):
    xs = []
    for i in range(n):
        xs.append(x[0] * i)
    return np.sum(x), xs


def test_long_values_are_shortened() -> None:
    _, lines = traced(long, np.arange(100.0), 50)
    assert max(map(len, lines)) < 200
    assert "%x=f64[100](0.0, 1.0, 2.0, 3.0, ...)" in lines[0]


def distance(x, y):
    d = x - y
    return math.sqrt(d * d) + x


def test_the_first_nan_is_marked() -> None:
    value, lines = traced(irad.grad(distance), 1.0, 1.0)
    assert math.isnan(value)
    (first,) = [line for line in lines if "(the first nan)" in line]
    assert "-> nan" in first
    assert lines.index(first) == min(k for k, line in enumerate(lines) if "nan" in line)
    assert first.endswith(f"test_trace.py:{inspect.getsourcelines(distance)[1] + 2}")
    assert not any("(the first nan)" in line for line in traced(irad.grad(distance), 2.0, 1.0)[1])


def test_only_the_interpreter_traces() -> None:
    for backend in ("llvm", "source"):
        with pytest.raises(irad.CompileError, match="unknown-option"):
            irad.compile(grow, backend=backend, trace=print)


COMMAND = ["run", "docs/tour.py:grow", "0.3", "2.5", "100"]


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    results = []
    for options in ([], ["--backend", "source"], ["--backend", "interpreter"], ["--trace"], ["--trace", "--trace-limit", "9"]):
        assert main([*COMMAND, *options]) == 0
        out, err = capsys.readouterr()
        results.append(out)
        assert ("%x_1" in err) is ("--trace" in options)
    assert err.splitlines()[9:] == ["... 9 lines are shown; the run goes on"]
    assert len(set(results)) == 1
    assert main([*COMMAND, "--trace", "--backend", "llvm"]) == 2
    assert main([*COMMAND, "--trace-limit", "3"]) == 2
