"""The demo: the fit is the maximum of the likelihood, its gradient is right, and its files are there."""

import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from rich.console import Console

import irad
from irad.cli.demo import demo
from irad.cli.target import UsageError
from irad.demo.fit import GUESS, Problem, differences, fit, starts
from irad.demo.model import Parameters, loss, trajectory
from irad.demo.plot import plot

# The maximum, found independently of irad (../shared/facts, issue 2); each to 1 %.
MAXIMUM = Parameters(0.540, 0.0272, 0.797, 0.0237, 34.60, 5.844, 0.2184, 0.2201)


@pytest.fixture(scope="module")
def problem():
    return Problem()


@pytest.fixture(scope="module")
def best(problem):
    return fit(problem)


def test_the_fit_is_the_maximum(best):
    for name in Parameters._fields:
        assert getattr(best.parameters, name) == pytest.approx(getattr(MAXIMUM, name), rel=0.01), name


def test_no_start_climbs_higher(problem, best):
    assert min(fit(problem, s).loss for s in starts(10)) > best.loss - 1e-9


def test_the_counts_are_those_of_the_file(problem):
    d = problem.data
    assert d.years.tolist() == list(range(1900, 1921))
    assert (d.hares[0], d.lynxes[0], d.hares[-1], d.lynxes[-1]) == (30.0, 4.0, 24.7, 8.6)


@pytest.mark.parametrize("at", [GUESS, MAXIMUM], ids=["start", "near the maximum"])
def test_gradient_agrees_with_differences(problem, at):
    logs = np.log(at)
    _, gradient = problem.value_and_grad(*problem.arguments(logs))
    expected = differences(problem, logs)
    scale = max(1.0, np.abs(expected).max())
    assert np.abs(gradient - expected).max() <= 1e-6 * scale


def test_compiled_loss_is_the_python_loss(problem):
    arguments = problem.arguments(np.log(GUESS))
    assert problem.value(*arguments) == pytest.approx(loss(*arguments), rel=1e-13)


def test_gradient_in_the_interpreter(problem):
    arguments = problem.arguments(np.log(GUESS))
    value, gradient = irad.compile(irad.value_and_grad(loss), backend="interpreter")(*arguments)
    native_value, native = problem.value_and_grad(*arguments)
    assert value == pytest.approx(native_value, rel=1e-13)
    assert gradient == pytest.approx(native, rel=1e-11)


def test_trajectory_passes_near_the_counts(best):
    points = {round(t, 9): (hare, lynx) for t, hare, lynx in trajectory(best.parameters, 20)}
    assert len(points) == 20 * 20 + 1
    assert points[0.0] == (best.parameters.start_hare, best.parameters.start_lynx)
    assert points[3.0][0] == pytest.approx(77.4, rel=0.5)


def test_plot_is_svg_with_every_count(problem, best):
    root = ElementTree.fromstring(plot(problem.data, best.parameters))
    assert root.tag.endswith("svg")
    assert sum(e.tag.endswith("circle") for e in root.iter()) == 2 * 21 + 2  # counts and legends


def test_demo_prints_and_writes(tmp_path):
    out = io.StringIO()
    assert demo(tmp_path / "out", Console(file=out, width=100)) == 0
    text = out.getvalue()
    for part in ("hare growth", "0.5400", "sigma lynx", "plain Python", "graph @", "gradient against differences"):
        assert part in text
    assert ElementTree.parse(tmp_path / "out" / "lynx_hare.svg")
    program = (tmp_path / "out" / "lynx_hare_gradient.irad").read_text()
    problem = Problem()
    value, gradient = irad.compile(irad.parse_ir(program))(*problem.arguments(np.log(MAXIMUM)))
    assert (value, gradient.shape) == (pytest.approx(-42.74, abs=0.01), (8,))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write to"):
        demo(tmp_path / "file" / "out", Console(file=io.StringIO()))
