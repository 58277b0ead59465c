"""What a command is about: `FILE:FUNCTION` or `FILE.irad`, and its arguments as Python literals."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import math
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import irad
from irad.errors import CompileError
from irad.graph.nodes import Module
from irad.graph.parse import parse_signature
from irad.types import Array, Scalar, Tuple, Type

__all__ = ["LoadError", "UsageError", "add_grad", "add_target", "argument", "converted", "module_of", "target", "types_of"]

NAMES = {"nan": math.nan, "inf": math.inf}


class UsageError(Exception):
    """The command line is wrong: exit code 2."""


class LoadError(Exception):
    """The user's file raised when it was imported: exit code 1."""


def add_target(parser: Any) -> None:
    parser.add_argument(
        "target",
        metavar="FILE:FUNCTION | FILE.irad",
        help="a function of a Python file (or of a module: package.module:function), or IR text",
    )


def add_grad(parser: Any) -> None:
    parser.add_argument(
        "--grad",
        nargs="?",
        const="0",
        metavar="ARGNUMS",
        help="the gradient, in the first argument or in those given: --grad 0,2",
    )


def target(text: str, grad: str | None) -> Any:
    """The function or module that the command names; its gradient where `grad` has argument numbers."""
    if text == "-" or text.endswith(".irad"):
        if grad is not None:
            raise UsageError("--grad needs a Python function; a module from text is compiled as it is")
        return module_of(text)
    file, colon, name = text.rpartition(":")
    if not colon or not file or not name:
        raise UsageError(f"{text!r} names no function; write FILE.py:FUNCTION, or FILE.irad, or - for IR text")
    found: Any = _module(file)
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{file} has no {name!r}")
        found = getattr(found, part)
    return found if grad is None else irad.grad(found, argnums=_argnums(grad))


def types_of(text: str) -> list[Type]:
    """The types of --types."""
    if not text.strip():
        return []
    try:
        return parse_signature(text)[0]
    except CompileError as e:
        raise UsageError(e.diagnostic.message + (f"; {e.diagnostic.help}" if e.diagnostic.help else "")) from None


def module_of(file: str) -> Module:
    """The module of a file of IR text; `-` is standard input."""
    return irad.parse_ir(_read(file), file="standard input" if file == "-" else file)


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else _bytes(file).decode("utf-8")
    except UnicodeDecodeError as e:
        raise UsageError(f"cannot read {file}: {e}") from None


def _bytes(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as e:
        raise UsageError(f"cannot read {file}: {e.strerror}") from None


def _module(file: str) -> Any:
    """The Python file, run as a module of its name; files beside it can be imported."""
    path = Path(file)
    if path.suffix != ".py":
        try:
            return importlib.import_module(file)
        except ModuleNotFoundError as e:
            if e.name is not None and (file == e.name or file.startswith(e.name + ".")):
                raise UsageError(f"no module is called {file!r}; a file ends in .py") from None
            raise
    _bytes(file)  # that it can be read; Python knows its encoding
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError:
        raise
    except (Exception, SystemExit) as e:
        frames = traceback.extract_tb(e.__traceback__)
        line = next((f.lineno for f in reversed(frames) if f.filename == os.path.abspath(path)), "?")
        raise LoadError(f"{file}:{line} raised {type(e).__name__} when it was imported: {e}") from None
    return module


def _argnums(text: str) -> int | tuple[int, ...]:
    try:
        numbers = tuple(int(n) for n in text.split(","))
    except ValueError:
        raise UsageError(f"--grad takes argument numbers, as in 0 or 0,2; not {text!r}") from None
    return numbers[0] if len(numbers) == 1 else numbers


def argument(text: str) -> Any:
    """The value of an argument: a Python literal, in which nan, inf and array([...]) stand too."""
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, TypeError):
        raise UsageError(f"{text!r} is no argument; write a Python literal, as in 2.5, (1.0, 2) or array([1.0, 2.0])") from None


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Name) and node.id in NAMES:
        return NAMES[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("array", "np.array")
        and len(node.args) == 1
        and not node.keywords
    ):
        return np.array(_value(node.args[0]))
    if isinstance(node, ast.Tuple):
        return tuple(map(_value, node.elts))
    if isinstance(node, ast.List):
        return list(map(_value, node.elts))
    if isinstance(node, ast.Dict):
        return {ast.literal_eval(k or "**"): _value(v) for k, v in zip(node.keys, node.values, strict=True)}
    return ast.literal_eval(node)


def converted(module: Module, arguments: Sequence[Any]) -> list[Any]:
    """The arguments in the types that the module's entry declares: 2 for a float is 2.0, a list for an array one."""
    params = module.entry.params
    if len(arguments) != len(params):
        shown = ", ".join(f"%{p.name}: {p.type}" for p in params)
        count = f"{len(params)} argument{'s' * (len(params) != 1)}"
        raise UsageError(f"{module.entry} takes {count}, {shown}; {len(arguments)} given")
    return [_convert(v, p.type) for v, p in zip(arguments, params, strict=True)]


def _convert(value: Any, t: Type) -> Any:
    try:
        if isinstance(t, Scalar) and t.kind == "f" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if isinstance(t, Scalar) and str(t) not in ("f64", "float", "i64", "int", "bool"):
            return t.dtype.type(value)
        if isinstance(t, Array):
            return np.asarray(value, t.dtype.dtype)
        if isinstance(t, Tuple) and len(value) == len(t.items):
            return tuple(map(_convert, value, t.items))
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{value!r} is not a value of type {t}") from None
    return value
