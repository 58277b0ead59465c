"""docs/python.md: its tables of functions name all that are handled, and nothing else."""

import builtins
import math
import re

import numpy as np
import scipy.linalg
import scipy.special

import irad
from irad.numpy import written
from irad.specialize.arrays import attributes
from irad.specialize.arrays import table as arrays
from irad.specialize.library import table as library
from tests.docs.snippets import ROOT

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def named(row):
    """The names in the backquotes of a row of a table: those of two columns."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {row} |")]
    cells = re.findall(r"`([\w ]+)`", line.split("|", 2)[2])
    return {name for cell in cells for name in cell.split()}


def handled(module):
    def has(value):
        try:
            return value in library.HANDLERS or value in arrays.HANDLERS or written(value) is not None
        except TypeError:
            return False

    return {name for name in dir(module) if has(getattr(module, name))}


def test_built_ins():
    assert named("built-in") == handled(builtins)


def test_math():
    assert named("`math`") == handled(math)


ROWS = (
    "views of axes",
    "joined arrays",
    "repeated and moved elements",
    "elements by position and condition",
    "diagonals",
    "grids",
)


def test_numpy():
    kinds = ("making", "element by element", "shape", "products")
    kinds += ("reductions, with `axis`, `keepdims`, `where`, `initial`, `dtype`",)
    kinds += (*ROWS, "statistics", "running sums, differences, sequences", "leaving nan out", "sorted")
    found = set().union(*map(named, kinds))
    assert found <= handled(np)
    functions = {getattr(np, name) for name in found}
    types = {getattr(np, name) for name in dir(np) if isinstance(getattr(np, name), type)}
    missing = {name for name in handled(np) if getattr(np, name) not in functions | types}
    assert not missing  # np.abs is np.absolute: other names of one function need no mention


def test_linalg():
    assert named("`numpy.linalg`") == handled(np.linalg)


def test_scipy():
    assert named("`scipy.special`") == handled(scipy.special)
    assert named("`scipy.linalg`") == handled(scipy.linalg)


def test_methods():
    assert named("methods") == set(attributes.METHODS) | attributes.WRITTEN


def test_public_names():
    """Each public name is explained on a page."""
    pages = (
        PAGE + (ROOT / "docs" / "derivatives.md").read_text(encoding="utf-8") + (ROOT / "README.md").read_text(encoding="utf-8")
    )
    pages += (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert {name for name in irad.__all__ if not re.search(rf"\b{name}\b", pages)} <= {"CompileError", "InternalError"}
