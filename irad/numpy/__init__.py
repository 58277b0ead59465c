"""Functions of NumPy, SciPy and Python, written in the accepted subset: specialize runs them like users' code, so that
derivatives, batching and every backend follow.

A function stands under NumPy's name, in a module of this folder that stands for one of NumPy's; its parameters are
those of NumPy's that it has, with the same names and defaults. Axes and shapes are known when it is specialised.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from types import FunctionType
from typing import Any

__all__ = ["FOLDER", "is_library", "table", "written"]

# Which module of NumPy's (or of SciPy's) each file stands for.
MODULES = {
    "axes": "numpy",
    "bessel": "scipy.special",
    "calling": "numpy",
    "counting": "numpy",
    "diagonals": "numpy",
    "elements": "numpy",
    "gammas": "scipy.special",
    "fourier": "numpy.fft",
    "grids": "numpy",
    "integrals": "scipy.integrate",
    "joining": "numpy",
    "linear": "numpy.linalg",
    "mathematics": "math",
    "matrices": "scipy.linalg",
    "nans": "numpy",
    "normal": "scipy.special",
    "patterns": "scipy.linalg",
    "polynomials": "numpy",
    "products": "numpy",
    "repeating": "numpy",
    "running": "numpy",
    "sorting": "numpy",
    "special": "scipy.special",
    "statistics": "numpy",
    "taking": "numpy",
    "windows": "numpy",
    "writing": "numpy",
}
FOLDER = os.path.join(os.path.dirname(__file__), "")


def written(value: Any) -> FunctionType | None:
    """The function that stands for a callable of NumPy's, or of SciPy's."""
    try:
        return next((t[value] for t in map(table, MODULES) if value in t), None)
    except TypeError:
        return None


def is_library(function: Any) -> bool:
    """Whether a function is one of these: it does not change, and is specialised for each axis it is called with."""
    return bool(function.__code__.co_filename.startswith(FOLDER))


def table(name: str) -> dict[Any, FunctionType]:
    """The functions of a file, by the callables that they stand for: none while nobody has imported those."""
    return _table(name) if MODULES[name] in sys.modules else {}


@functools.cache
def _table(name: str) -> dict[Any, FunctionType]:
    module, originals = importlib.import_module(f"{__name__}.{name}"), sys.modules[MODULES[name]]
    return {
        getattr(originals, key): f
        for key, f in vars(module).items()
        if hasattr(originals, key)  # a newer NumPy may have more
        and isinstance(f, FunctionType)
        and f.__module__ == module.__name__
        and not key.startswith("_")
    }
