"""Modules from text, in files of their own: irad reads the source of functions from files."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path
from types import ModuleType

__all__ = ["module_of"]

_count = itertools.count()


def module_of(text: str, folder: Path) -> ModuleType:
    """The module that a text is."""
    name = f"case_{next(_count)}"
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
