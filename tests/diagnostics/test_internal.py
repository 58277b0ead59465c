"""A failure of irad's own says so, saves the program, and prints a command that repeats it. Failures are put in here."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from irad.backends.llvm import emit
from irad.frontend import parse

import irad
from irad.__main__ import main
from irad.optimize import passes
from irad.specialize import operators
from irad.transforms import expand
from tests.frontend.source import module_of

TEXT = "def f(x, y):\n    return g(x) * y\n\n\ndef g(x):\n    return x * x\n"
FAULTS = {
    "frontend": (parse._Function, "expr_BinOp", "specialize"),
    "specialize": (operators, "binary", "specialize"),
    "transforms": (expand, "_innermost", "the pass expand"),
    "passes": (passes, "rebuild", "the pass inline"),
    "backend": (emit._ModuleEmitter, "__init__", "code generation"),
}


def broken(*_args, **_kwargs):
    raise KeyError("put in for the test")


@pytest.mark.parametrize("where", FAULTS)
def test_a_failure_is_ours_and_can_be_repeated(where, tmp_path, monkeypatch, capsys):
    module = module_of(TEXT, tmp_path)
    owner, name, what = FAULTS[where]
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises(irad.InternalError) as caught:
        irad.grad(module.f, argnums=(0, 1))(2.0, 3.0)
    message = str(caught.value)
    assert message.startswith(f"irad failed in {what}: KeyError: 'put in for the test'\n")
    assert "This is an error of irad, not of your program." in message
    assert isinstance(caught.value.__cause__, KeyError)
    saved = Path(re.search(r"The program is in (\S+program\.irad)", message)[1])
    command = re.search(r"^  python -m irad (.*)$", message, re.MULTILINE)[1]
    if where not in ("frontend", "specialize"):
        assert str(irad.parse_ir(saved.read_text())) == saved.read_text()
    assert main(shlex.split(command)) == 1
    assert f"irad failed in {what}" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(shlex.split(command)) == 0


def test_what_is_not_irads_failure_is_let_through(tmp_path, monkeypatch):
    module = module_of(TEXT, tmp_path)
    for error in (MemoryError, KeyboardInterrupt):

        def raises(*_args, error=error, **_kwargs):
            raise error

        monkeypatch.setattr(operators, "binary", raises)
        with pytest.raises(error):
            irad.compile(module.f)(2.0, 3.0)


def test_programs_nested_too_deeply_are_refused(tmp_path):
    nested = 1.0
    for _ in range(sys.getrecursionlimit()):
        nested = (nested,)
    f = irad.compile(module_of("def f(t):\n    return 1.0\n", tmp_path).f)
    with pytest.raises(irad.CompileError) as caught:
        f(nested)
    assert caught.value.name == "source-too-deep"


def test_a_full_stack_of_the_users_is_pythons_own_error(tmp_path):
    f = irad.compile(module_of(TEXT, tmp_path).f)

    def deep(n):
        return f(2.0, 3.0) if n == 0 else deep(n - 1)

    with pytest.raises(RecursionError):
        deep(sys.getrecursionlimit())
    assert f(2.0, 3.0) == 12.0
