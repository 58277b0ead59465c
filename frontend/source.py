"""From a function object to its syntax tree: reads the file once, finds the definition by its place, checks that the
text is still the one that was compiled."""

from __future__ import annotations

import ast
import linecache
import os
from collections import OrderedDict
from types import CodeType, FunctionType
from typing import Any

from irad.errors import CompileError, Span, refuse

__all__ = ["definition"]

MAX_TREES = 32  # files whose trees are kept: those that functions were read from last
_trees: OrderedDict[str, tuple[list[str], ast.Module]] = OrderedDict()

Definition = ast.FunctionDef | ast.Lambda


def definition(function: FunctionType) -> Definition:
    """The `def` or `lambda` that `function` was made by. Raises CompileError where its source cannot be had."""
    code = function.__code__
    tree = _tree(code, function)
    found = _find(tree, code)
    if found is None:
        raise refuse(
            "source-changed",
            f"{os.path.basename(code.co_filename)} does not hold the text that `{function.__qualname__}` was compiled from",
            help="reload the module, or run the cell that defines the function again",
        )
    return found


def _tree(code: CodeType, function: FunctionType) -> ast.Module:
    file = code.co_filename
    linecache.checkcache(file)
    lines = linecache.getlines(file, function.__globals__)
    if not lines:
        raise _no_source(function)
    cached = _trees.get(file)
    if cached is None or cached[0] is not lines:
        try:
            try:
                tree = ast.parse("".join(lines), file)
            except SystemError:  # CPython 3.11 loses count of its depth where a signal came in between
                tree = ast.parse("".join(lines), file)
        except (SyntaxError, ValueError):
            raise refuse(
                "source-changed",
                f"{os.path.basename(file)} is not valid Python any more",
                help="reload the module after editing",
            ) from None
        except (MemoryError, RecursionError):
            raise refuse(
                "source-too-deep",
                f"Python's own parser gives up on {os.path.basename(file)}: an expression is nested too deeply",
                Span(file, code.co_firstlineno),
                help="break the expression into statements",
            ) from None
        cached = _trees[file] = (lines, tree)
        while len(_trees) > MAX_TREES:
            _trees.popitem(last=False)
    _trees.move_to_end(file)
    return cached[1]


def _no_source(function: FunctionType) -> CompileError:
    code = function.__code__
    where = {
        "<stdin>": "the interactive prompt",
        "<string>": "exec or `python -c`",
        "<dynamic-code>": "another process, and cloudpickle does not send its text: compile it before it is sent",
    }.get(code.co_filename, code.co_filename)
    return refuse(
        "no-source",
        f"the source of `{function.__qualname__}` cannot be read: it was defined in {where}",
        help="put the function into a file or a notebook cell; text made at run time can be registered in linecache.cache",
    )


def _find(tree: ast.Module, code: CodeType) -> Definition | None:
    """The definition that starts at the code's first line: by name for a def, by compiling again for a lambda."""
    line, lambdas = code.co_firstlineno, []
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if first == line and _arguments(node) == code.co_varnames[: _count(code)]:
                return node
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>" and node.lineno == line:
            lambdas.append(node)
        for child in ast.iter_child_nodes(node):
            end = getattr(child, "end_lineno", None)
            if end is None:
                todo.append(child)  # arguments, comprehensions: no place of their own
                continue
            start = min([child.lineno, *(d.lineno for d in getattr(child, "decorator_list", ()))])  # type: ignore[attr-defined]
            if start <= line <= end:
                todo.append(child)
    if len(lambdas) == 1 and _arguments(lambdas[0]) == code.co_varnames[: _count(code)]:
        return lambdas[0]
    wanted = _places(code)
    matching = [n for n in lambdas if _places(_compile(n, code.co_filename)) == wanted]
    return matching[0] if matching else None


def _arguments(node: Definition) -> tuple[str, ...]:
    a = node.args
    named = [*a.posonlyargs, *a.args, *a.kwonlyargs, *([a.vararg] if a.vararg else []), *([a.kwarg] if a.kwarg else [])]
    return tuple(n.arg for n in named)


def _count(code: CodeType) -> int:
    return code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)


def _places(code: CodeType) -> set[Any]:
    """Where the instructions of a code object stand in the text, apart from those that have no place."""
    return {p for p in code.co_positions() if p[3]}


def _compile(node: ast.Lambda, file: str) -> CodeType:
    module = compile(ast.Expression(node), file, "eval")
    return next(c for c in module.co_consts if isinstance(c, CodeType))
