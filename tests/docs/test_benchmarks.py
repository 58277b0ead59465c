"""The benchmarks run: small sizes, no figures compared."""

import shutil

import pytest

from benchmarks import compile_time, run, scaling
from benchmarks.targets import WORKLOADS


@pytest.mark.skipif(shutil.which("g++") is None, reason="the C adjoints need g++")
def test_run(capsys):
    rows = run.measure("w03a_kepler", ["hand", "irad"], rounds=1, budget=0.01, jax="")
    assert rows["irad"]["rel_err"] < WORKLOADS["w03a_kepler"].tolerance
    run.report("w03a_kepler", rows)
    assert "x hand" in capsys.readouterr().out


def test_compile_time():
    (figures,) = compile_time.processes(rounds=1)
    assert set(figures) == set(compile_time.TARGETS)


@pytest.mark.parametrize("family", scaling.FAMILIES)
@pytest.mark.parametrize("gradient", [False, True], ids=["value", "gradient"])
def test_scaling(family, gradient):
    point = scaling.measure(family, 300, gradient)
    assert point["seconds"]["all"] > 0
    assert (point["nodes"] > point["typed"]) == gradient
