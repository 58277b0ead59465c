"""Golden cases: a program, `=== out`, and the message that it ends in.

A case is a few lines of Python, run as a file of its own in which `irad`, `np`, `math`, `dataclass` and `NamedTuple` are
there. What it raises is its output, as Python prints it, without the traceback.
"""

from __future__ import annotations

import functools
import io
import linecache
import math
import re
import sys
import traceback
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

import irad
from irad.explain import errors

__all__ = ["CASES", "FOLDER", "example", "outcome", "read", "write"]

FOLDER = Path(__file__).parent
CASES = sorted(FOLDER.glob("*.case"))
MARK = "=== out\n"


def read(path: Path) -> tuple[str, str]:
    """The program of a case and its expected output."""
    text, _, out = path.read_text(encoding="utf-8").partition(MARK)
    return text, out


def write(path: Path, text: str, out: str) -> None:
    path.write_text(text + MARK + out, encoding="utf-8")


@functools.cache
def example(name: str) -> str:
    """The program in the explanation of an error."""
    (found,) = re.findall(r"^```python\n(.*?)^```$", errors()[name], flags=re.MULTILINE | re.DOTALL)
    return str(found)


def outcome(text: str, folder: Path) -> tuple[BaseException | None, str]:
    """What a program raises, and the text of it."""
    path = folder / "example.py"
    path.write_text(text, encoding="utf-8")
    linecache.checkcache(str(path))
    module = sys.modules["example"] = ModuleType("example")
    vars(module).update(irad=irad, np=np, math=math, dataclass=dataclass, NamedTuple=NamedTuple)
    try:
        with redirect_stdout(io.StringIO()):
            exec(compile(text, str(path), "exec"), vars(module))
    except BaseException as e:
        shown = str(e) if isinstance(e, irad.CompileError) else "".join(traceback.format_exception_only(e))
        return e, shown.rstrip("\n") + "\n"
    finally:
        del sys.modules["example"]
    return None, ""
