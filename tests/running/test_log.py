"""The logger `irad`: what was compiled, and why again."""

from __future__ import annotations

import itertools
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irad

SCALE = 2.0


def inner(x: float, n: int = 3) -> float:
    return x * n


def scaled(x: float, n: int = 1) -> float:
    return inner(x) * SCALE * n


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was said since it was asked last."""
    caplog.set_level(logging.DEBUG, logger="irad")

    def messages() -> list[str]:
        out = [r.getMessage() for r in caplog.records if r.name == "irad"]
        caplog.clear()
        return out

    return messages


def reasons(messages: list[str]) -> list[str]:
    return [m.split("operations")[1].split(": ", 1)[1] for m in messages if m.startswith("compiled")]


def test_what_was_compiled(said: Callable[[], list[str]]) -> None:
    irad.compile(irad.grad(scaled), fast_math=True)(2.0, 3)
    compiled, passes = said()
    assert re.fullmatch(
        r"compiled grad\(scaled\)\(x: float, n: int\) -> float in [\d.]+ ms \(specialise [\d.]+, optimise [\d.]+, "
        r"code [\d.]+\), \d+ operations, fast_math=True: first call",
        compiled,
    )
    assert re.match(r"passes of grad\(scaled\): .*\binline [\d.]+ ms", passes)


def test_a_bound_method_names_its_arguments(said: Callable[[], list[str]]) -> None:
    class Line:
        def at(self, x, y):
            return x * y

    f = irad.compile(Line().at)
    f(1.0, 2)
    f(1.0, 2.0)
    assert reasons(said()) == ["first call", "`y` was int, is float"]


def test_a_call_that_finds_its_program_says_nothing(said: Callable[[], list[str]]) -> None:
    f = irad.compile(lambda p: p["x"] + 1.0)  # it goes through Python each time
    f({"x": 1.0})
    said()
    f({"x": 2.0})
    assert said() == []


def test_other_arguments(said: Callable[[], list[str]]) -> None:
    f = irad.compile(scaled)
    for args in ((1.0, 2), (1.0, 2.5), (np.ones(3), 2.5), (np.ones(4), 2.5), (1.0,)):
        f(*args)
    f(1.0, n=2)
    assert reasons(said()) == [
        "first call",
        "`n` was int, is float",
        "`x` was float, is f64[3]",
        "`x` was f64[3], is f64[4]: compiled for `x`: f64[n]",
        "called with 1 argument, before with 2 arguments",
        "called with 1 argument and n, before with 1 argument",
    ]


def test_static_arguments(said: Callable[[], list[str]]) -> None:
    f = irad.compile(lambda x, mode, k: x * k if mode == "times" else x + k, static_argnums=2)
    f(1.0, "times", 2)
    f(1.0, "plus", 2)
    f(1.0, "plus", 3)
    assert reasons(said())[1:] == ["`mode` was 'times', is 'plus'", "`k` was 2, is 3"]


def test_what_was_taken_for_constant(said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    f = irad.compile(scaled)
    f(1.0)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    f(1.0)
    monkeypatch.setattr(inner, "__defaults__", (4,))
    f(1.0)
    monkeypatch.setitem(globals(), "inner", lambda x: x)
    f(1.0)
    assert reasons(said())[-3:] == [  # the first program may be there: another test had it compiled
        "the global `SCALE` was 2.0, is 3.0",
        "the default of `inner` was (3,), is (4,)",
        "the global `inner` was inner, is test_what_was_taken_for_constant.<locals>.<lambda>",
    ]


def test_captured_variables(said: Callable[[], list[str]]) -> None:
    k: Any = 2
    f = irad.compile(lambda x: k * x)
    f(1.0)
    k = 2.5
    f(1.0)
    k = 3.5
    f(1.0)
    assert reasons(said())[1:] == ["the captured `k` was int, is float"]


def test_clear(said: Callable[[], list[str]]) -> None:
    f = irad.compile(scaled)
    f(1.0)
    f.clear()
    f(1.0)
    messages = said()
    assert "clear() of scaled: 1 programs forgotten" in messages
    assert reasons(messages)[-1] == "clear() was called"


def test_a_storm_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    f = irad.compile(lambda x: x.sum())
    with caplog.at_level(logging.WARNING, logger="irad"):
        for shape in itertools.islice(itertools.product((0, 1), repeat=6), 35):  # such sizes are never symbols
            f(np.ones(shape))
    (record,) = [r for r in caplog.records if r.name == "irad"]
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        "<lambda> was compiled 33 times, now because: `x` was f64[0,1,1,1,1,1], is f64[1,0,0,0,0,0]: sizes of 0 and 1 "
        "are compiled as they are; each shape is compiled: pad arrays to a few shapes. IRAD_LOG=info says why each time"
    )


SCRIPT = """
import irad
def double(x):
    return 2.0 * x
f = irad.compile(double)
f(1.0)
f(2)
"""


@pytest.mark.parametrize(("level", "lines"), [("", 0), ("info", 2), ("INFO", 2), ("debug", 4), ("file.log", 4)])
def test_the_environment_variable(level: str, lines: int, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env={**os.environ, "IRAD_LOG": level}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")
    text = (tmp_path / "file.log").read_text() if level == "file.log" else done.stderr
    assert len(text.splitlines()) == lines
    assert text.count("compiled double(x: float)") == text.count("`x` was float, is int") == (1 if lines else 0)


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    env = {**os.environ, "IRAD_LOG": str(tmp_path / "absent" / "file.log")}
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0
    assert "no file that can be written" in done.stderr


def test_logging_is_not_imported_for_nobody() -> None:
    code = "import sys, irad; irad.grad(lambda x: x * x, 0); print('logging' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
