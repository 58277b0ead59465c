"""The tables of functions in docs/python.md and docs/coverage.md name all that are handled, and nothing else."""

import builtins
import importlib
import re

import irad
from tests.docs import coverage
from tests.docs.snippets import ROOT

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def named(row):
    """The names in the backquotes of a row of a table: those of two columns."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {row} |")]
    cells = re.findall(r"`([\w ]+)`", line.split("|", 2)[2])
    return {name for cell in cells for name in cell.split()}


def test_built_ins():
    assert named("built-in") == coverage.handled(builtins)


def test_every_function_has_a_row():
    """Names of one function need one row."""
    for group, (module, _) in coverage.GROUPS.items():
        module = importlib.import_module(module)
        rows = [name for names in coverage.names_of(group).values() for name in names]
        assert len(rows) == len(set(rows))
        assert set(rows) <= coverage.handled(module)
        functions = {getattr(module, name) for name in rows}
        types = {name for name in dir(module) if isinstance(getattr(module, name), type)}
        assert {name for name in coverage.handled(module) - types if getattr(module, name) not in functions} == set()


def test_what_is_said_of_derivatives_is_of_functions():
    named = {name for group in coverage.GROUPS for names in coverage.names_of(group).values() for name in names}
    assert coverage.NONE <= named
    assert coverage.PIECEWISE <= named
    assert not coverage.NONE & coverage.PIECEWISE


def test_public_names():
    """Each public name is explained on a page."""
    pages = (
        PAGE + (ROOT / "docs" / "derivatives.md").read_text(encoding="utf-8") + (ROOT / "README.md").read_text(encoding="utf-8")
    )
    pages += (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert {name for name in irad.__all__ if not re.search(rf"\b{name}\b", pages)} <= {"CompileError", "InternalError"}
