"""Every kind of message has an explanation with an example, and a golden file of what the example says.

`pytest tests/diagnostics --update-golden` rewrites the golden files; reading the diff is the review.
"""

import ast
import math
import re
from pathlib import Path

import pytest
from irad.frontend.parse import _Function
from irad.frontend.subset import REFUSED

import irad
from irad.errors import RAISED, kebab
from irad.explain import errors
from irad.primitives import REGISTRY
from irad.primitives.table import Missing
from tests.diagnostics.golden import CASES, FOLDER, example, outcome, read, write
from tests.project.test_layers import FILES

# Every operation has both of the first: see the test below, and tests/primitives. What tests need is installed.
NO_EXAMPLE = {"not-differentiable", "no-lowering", "missing-package"}
EXPLAINED = [FOLDER / f"{name}.case" for name in errors() if name not in NO_EXAMPLE]
NO_PLACE = re.compile(r"0x[0-9a-f]{6,}|/tmp/|/home/|/work/")


@pytest.fixture(scope="module")
def update(request):
    return request.config.getoption("--update-golden")


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("path", sorted({*CASES, *EXPLAINED}), ids=lambda p: p.stem)
def test_messages(path, update, tmp_path):
    text = example(path.stem) if path.stem in errors() else read(path)[0]
    error, out = outcome(text, tmp_path)
    if update:
        write(path, text, out)
    assert path.exists(), "run with --update-golden, and read what it says"
    assert read(path) == (text, out)
    assert not NO_PLACE.search(out), "paths and addresses differ from machine to machine"
    if isinstance(error, irad.CompileError):
        assert error.name in errors()
        assert error.diagnostic.span is not None
        assert error.diagnostic.help
    else:
        assert type(error).__name__ in RAISED
        assert "raised at example.py:" in out
    if path.stem in errors():
        assert path.stem == (error.name if isinstance(error, irad.CompileError) else kebab(type(error).__name__))


def test_golden_files_are_small():
    for path in CASES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 32, f"{path.name}: one idea a file"


def test_at_least_80_kinds():
    assert len(EXPLAINED) >= 80


# -- the registry ---------------------------------------------------------------------------------------------------------


def strings(node: ast.expr) -> list[str]:
    """The texts that an expression may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    return strings(node.body) + strings(node.orelse) if isinstance(node, ast.IfExp) else []


def names_in(path: Path) -> set[str]:
    """The names of the refusals that a file makes."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("refuse", "Diagnostic", "TextError", "refusal"):
                found |= set(strings(node.args[0]))
            elif called == "needs_static":
                found.add("not-static")
    return found


def test_every_name_is_explained_and_every_explanation_is_used():
    used = set().union(*map(names_in, FILES)) | {name for name, _, _ in REFUSED.values()} | set(map(kebab, RAISED))
    assert used == set(errors())
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in used)


def test_every_kind_of_syntax_is_accepted_or_refused_with_a_message():
    kinds = {k for k in vars(ast).values() if isinstance(k, type) and issubclass(k, (ast.stmt, ast.expr))}
    kinds -= {ast.stmt, ast.expr, *(k for k in kinds if k.__module__ != "ast" and k.__module__ != "_ast")}
    deprecated = {"Num", "Str", "Bytes", "NameConstant", "Ellipsis", "Starred"}  # and what others take care of
    rules = {n.partition("_")[2] for n in dir(_Function) if n.startswith(("stmt_", "expr_"))}
    for kind in kinds:
        assert kind.__name__ in rules or kind in REFUSED or kind.__name__ in deprecated, kind


def test_an_operation_without_a_derivative_is_refused(monkeypatch):
    erf = REGISTRY["erf"]
    for facet, value in (("partials", None), ("vjp", Missing("for the test")), ("jvp", Missing("for the test"))):
        monkeypatch.setattr(erf, facet, value)
    for derivative in (irad.grad, irad.jacfwd):
        with pytest.raises(irad.CompileError) as caught:
            derivative(lambda x: math.erf(x))(1.0)
        assert caught.value.name == "not-differentiable"
        assert "`erf` has no derivative: for the test" in str(caught.value)
        assert caught.value.diagnostic.span.line
        assert caught.value.diagnostic.help
