"""What irad does not accept is refused at the first call: by name, with the user's file and line, a caret, a reason, a remedy.

A case is a name, a program whose function `f` is compiled, and the text that the caret stands under.
"""

import re

import numpy as np
import pytest

import irad
from irad.errors import Diagnostic
from tests.frontend.agree import BACKENDS
from tests.frontend.source import module_of

SYNTAX = [
    ("unsupported-yield", "def f(x):\n    yield x\n", "def f(x):"),
    ("unsupported-yield", "def f(x):\n    def g():\n        yield x\n    return x\n", "def g():"),
    ("unsupported-with", "def f(x):\n    with open('a') as g:\n        return x\n", "with open('a') as g:"),
    ("unsupported-try", "def f(x):\n    try:\n        return x\n    except ValueError:\n        return 0.0\n", "try:"),
    (
        "unsupported-try",
        "def f(x):\n    def g():\n        try:\n            return x\n        finally:\n            pass\n    return g()\n",
        "try:",
    ),
    ("unsupported-match", "def f(x):\n    match x:\n        case 1.0:\n            return x\n    return 0.0\n", "match x:"),
    ("unsupported-global", "K = 1.0\ndef f(x):\n    global K\n    K = x\n    return x\n", "global K"),
    ("unsupported-class", "def f(x):\n    class A:\n        pass\n    return x\n", "class A:"),
    ("unsupported-set", "def f(x):\n    return {x}\n", "{x}"),
    ("unsupported-set", "def f(x):\n    return {i for i in (1, 2)}\n", "{i for i in (1, 2)}"),
    ("unsupported-async", "async def f(x):\n    return x\n", "async def f(x):"),
    ("unsupported-async", "async def f(x):\n    yield x\n", "async def f(x):"),
    ("unsupported-async", "def f(x):\n    async def g():\n        return x\n    return x\n", "async def g():"),
    ("unsupported-raise", "def f(x):\n    raise ValueError('a') from None\n", "raise ValueError('a') from None"),
    ("unsupported-raise", "def f(x):\n    raise\n", "raise"),
    ("unsupported-del", "def f(x):\n    a = [x, 1.0]\n    del a[0]\n    return a\n", "a[0]"),
    ("unsupported-import", "def f(x):\n    from . import y\n    return x\n", "from . import y"),
    ("unsupported-constant", 'def f(x):\n    return x * b"a"\n', 'b"a"'),
    ("unsupported-constant", "def f(x):\n    return b'a'\n", "b'a'"),
    ("unsupported-dict-unpacking", "def f(x):\n    return {**{'a': x}}\n", "{**{'a': x}}"),
    ("unsupported-format", "def f(x, n):\n    raise ValueError(f'{x:{n}}')\n", None),  # Python 3.11 has no place in f-strings
    ("integer-too-large", "def f(x):\n    return x + 100000000000000000000\n", "100000000000000000000"),
]

CALLS = [
    ("unsupported-call", "def f(x):\n    return open(x)\n", "open(x)"),
    ("unsupported-call", "def f(x):\n    return hash((x, 1.0))\n", "hash((x, 1.0))"),
    ("unsupported-call", "def f(x):\n    exec('x = 1')\n    return x\n", "exec('x = 1')"),
    ("unsupported-call", "def f(x):\n    return iter((x,))\n", "iter((x,))"),
    ("unsupported-call", "import numpy as np\ndef f(x):\n    return np.unique(np.zeros(4))\n", "np.unique(np.zeros(4))"),
    ("unsupported-call", "import random\ndef f(x):\n    return x * random.random()\n", "random.random()"),
    ("unsupported-raise", "class Mine(Exception):\n    pass\ndef f(x):\n    raise Mine('a')\n", "raise Mine('a')"),
    ("unsupported-raise", "def f(x):\n    raise ValueError('a', x)\n", "raise ValueError('a', x)"),
    ("unknown-attribute", "import math\ndef f(x):\n    return math.sine(x)\n", "math.sine"),
    ("unknown-attribute", "import numpy as np\ndef f(x):\n    return np.sinn(x)\n", "np.sinn"),
    ("none-attribute", "def f(x):\n    y = None\n    return y.a\n", "y.a"),
    ("unsupported-attribute", "def f(x):\n    raise ValueError(f'{x}'.upper())\n", "f'{x}'.upper"),
    ("unsupported-attribute", "def f(x):\n    return [x].sort()\n", "[x].sort"),
    ("not-callable", "def f(x):\n    return x(1.0)\n", "x(1.0)"),
    ("wrong-arguments", "def g(a, b):\n    return a\ndef f(x):\n    return g(x)\n", "g(x)"),
    ("wrong-arguments", "def g(a):\n    return a\ndef f(x):\n    return 1.0 + g(x, x)\n", "g(x, x)"),
    ("wrong-arguments", "def g(a):\n    return a\ndef f(x):\n    return g(x, b=x)\n", "g(x, b=x)"),
    ("wrong-arguments", "def g(a, /):\n    return a\ndef f(x):\n    return g(a=x)\n", "g(a=x)"),
    ("unsupported-round", "def f(x):\n    return round(x, -2)\n", "round(x, -2)"),
    ("unsupported-keyword", "def f(x):\n    return max((x, 1.0), key=abs)\n", "max((x, 1.0), key=abs)"),
    ("unsupported-keyword", "import numpy as np\ndef f(x):\n    return np.zeros(3, order='F')\n", "np.zeros(3, order='F')"),
]

TYPES = [
    ("type-mismatch", "def f(x):\n    return (x,) + x\n", "(x,) + x"),
    ("type-mismatch", "def f(x):\n    return 'a' * x\n", "'a' * x"),
    ("type-mismatch", "def f(x):\n    return x & 1\n", "x & 1"),
    ("type-mismatch", "def f(x):\n    return None + x\n", "None + x"),
    ("type-mismatch", "def f(x):\n    return -None\n", "-None"),
    ("type-mismatch", "def f(x):\n    for i in range(x):\n        pass\n    return x\n", "range(x)"),
    ("type-mismatch", "def f(x):\n    return (1.0, 2.0)[x]\n", "(1.0, 2.0)[x]"),
    ("type-mismatch", "def f(x):\n    return len(i for i in (1, 2))\n", "len(i for i in (1, 2))"),
    ("not-iterable", "def f(x):\n    for i in x:\n        pass\n    return x\n", "for i in x"),
    ("unpack", "def f(x):\n    a, b = (x, x, x)\n    return a\n", "a, b"),
    ("unpack", "def f(x):\n    a, b, *c = [x]\n    return a\n", "a, b, *c"),
    ("unknown-length", "def f(x):\n    a, b = x\n    return a\n", "a, b"),
    ("unknown-length", "def f(x):\n    return [*x]\n", "[*x]"),
    ("not-subscriptable", "def f(x):\n    return x[0]\n", "x[0]"),
    ("immutable", "def f(x):\n    t = (x, x)\n    t[0] = 1.0\n    return t\n", "t[0]"),
    ("immutable", "def f(x):\n    x.a = 1.0\n    return x\n", "x.a"),
    ("incompatible-types", "def f(x):\n    if x > 0:\n        y = x\n    else:\n        y = (x, x)\n    return y\n", "y"),
    ("incompatible-types", "def f(x):\n    if x > 0:\n        y = x\n    else:\n        y = True\n    return y\n", "y"),
    ("incompatible-types", "def f(x):\n    if x > 0:\n        y = x\n    else:\n        y = 'a'\n    return y\n", "y"),
    ("incompatible-types", "def f(x):\n    if x > 0:\n        return x\n", "x > 0"),
    ("incompatible-types", "def f(x, n):\n    t = (x,)\n    for i in range(n):\n        t = t + (x,)\n    return t\n", "t"),
    ("unsupported-is", "def f(x, n):\n    return x is n\n", "x is n"),
    ("dict-key", "def f(x):\n    d = {}\n    d[x] = 1.0\n    return d\n", "d[x]"),
    ("endless-recursion", "def f(x):\n    return f(x)\n", "def f(x):"),
    ("endless-specialization", "def f(x, t=()):\n    if x > 3.0:\n        return x\n    return f(x, (t,))\n", "f(x, (t,))"),
    ("unsupported-result", "def f(x):\n    return lambda: x\n", "return lambda: x"),
    ("unsupported-result", "import math\ndef f(x):\n    return math\n", "return math"),
]  # fmt: skip

ARRAYS = [
    ("shape-mismatch", "def f(x):\n    return np.zeros(3) + np.zeros(4)\n", "np.zeros(3) + np.zeros(4)"),
    ("shape-mismatch", "def f(x):\n    return np.ones((2, 3)) @ np.ones((2, 3))\n", "np.ones((2, 3)) @ np.ones((2, 3))"),
    ("ambiguous-truth", "def f(x):\n    if np.zeros(3) > x:\n        return x\n    return 1.0\n", "np.zeros(3) > x"),
    ("axis", "def f(x):\n    return np.zeros((2, 3)).sum(axis=2)\n", "np.zeros((2, 3)).sum(axis=2)"),
    ("view-write", "def f(x):\n    a = np.zeros((2, 3))\n    b = a.T.reshape(6)\n    b[0] = x\n    return a\n", "b[0]"),
    ("captured-write", "A = np.zeros(3)\ndef f(x):\n    A[0] = x\n    return x\n", "A[0]"),
    ("unsupported-index", "def f(x):\n    a = np.zeros(3)\n    return a[a / x]\n", "a[a / x]"),
    ("type-mismatch", "def f(x):\n    return ~np.isnan(x)\n", "~np.isnan(x)"),
    ("unsupported-attribute", "def f(x):\n    return np.zeros(3).tolist()\n", "np.zeros(3).tolist"),
]  # fmt: skip

TRANSFORMS = [
    ("not-a-float", "def f(x):\n    return irad.grad(lambda n: n * 1.0)(3)\n", "irad.grad(lambda n: n * 1.0)(3)"),
    ("not-scalar", "def f(x):\n    return irad.grad(lambda v: (v, v))(x)\n", "irad.grad(lambda v: (v, v))(x)"),
    ("not-callable", "def f(x):\n    return irad.grad(x)(x)\n", None),
]

HEADING = "import numpy as np\nimport irad\n"
CASES = [*SYNTAX, *CALLS, *TYPES, *[(n, HEADING + t, c) for n, t, c in (*ARRAYS, *TRANSFORMS)]]


def refusal(text, folder, *arguments):
    f = module_of(text, folder).f
    arguments = arguments or (2.0, 3)[: 2 if f.__code__.co_varnames[1:2] == ("n",) else 1]
    with pytest.raises(irad.CompileError) as caught:
        irad.compile(f)(*arguments)
    return caught.value


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize(("name", "text", "place"), CASES, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(CASES)])
def test_refusals(name, text, place, tmp_path):
    error = refusal(text, tmp_path)
    assert error.name == name, error
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.name)
    lines = str(error).splitlines()
    assert lines[0].startswith(f"error[{name}]: ")
    assert re.match(r"  --> case_\d+\.py:\d+:\d+$", lines[1]), error
    code, carets = lines[2], lines[3]
    number, _, source = code.partition(" | ")
    assert source == text.splitlines()[int(number) - 1]
    gutter, _, below = carets.partition(" | ")
    assert gutter.strip() == ""
    start, length = len(below) - len(below.lstrip()), below.count("^")
    assert place is None or source[start : start + length] == place, error
    if name.startswith("unsupported") or name in ("incompatible-types", "dict-key", "not-scalar"):
        assert re.search(r"^help: \w", str(error), re.MULTILINE), error


def test_a_span_is_counted_in_characters(tmp_path):
    text = "def f(x):\n    größe = 'äöü→'; return {größe}\n"
    lines = str(refusal(text, tmp_path)).splitlines()
    assert lines[2][lines[3].index("^") :][: lines[3].count("^")] == "{größe}"


def test_the_place_is_in_the_callee(tmp_path):
    text = "def g(a):\n    b = a\n    return b[0]\ndef f(x):\n    return g(x)\n"
    error = refusal(text, tmp_path)
    assert error.diagnostic.span.line == 3


def test_the_nearest_name_is_offered(tmp_path):
    for wrong, right in (("math.sqroot", ""), ("math.sinn", "sin"), ("np.tanhh", "tanh")):
        error = refusal(f"import math\nimport numpy as np\ndef f(x):\n    return {wrong}(x)\n", tmp_path)
        assert not right or f"did you mean `{right}`?" in str(error)


def test_a_refusal_is_repeated_and_leaves_nothing_behind(tmp_path):
    f = irad.compile(module_of("def f(x):\n    return x[0] if isinstance(x, tuple) else x(1)\n", tmp_path).f)
    for _ in range(2):
        with pytest.raises(irad.CompileError):
            f(1.0)
        assert f((5.0,)) == 5.0


def test_an_undefined_name_is_pythons_own_error(tmp_path):
    f = module_of("def f(x):\n    return undefined + x\n", tmp_path).f
    with pytest.raises(NameError, match="name 'undefined' is not defined"):
        irad.compile(f)(1.0)


def test_source_that_changed_on_disk_is_refused(tmp_path):
    module = module_of("def f(x):\n    return x + 1.0\n", tmp_path)
    with open(module.__file__, "w") as file:
        file.write("\n\n# nothing here any more, and longer than it was\n")
    with pytest.raises(irad.CompileError) as caught:
        irad.compile(module.f)(1.0)
    assert caught.value.name == "source-changed"


def test_functions_without_source_are_refused():
    scope = {}
    exec("def f(x):\n    return x\n", scope)
    with pytest.raises(irad.CompileError) as caught:
        irad.compile(scope["f"])(1.0)
    assert caught.value.name == "no-source"
    assert caught.value.diagnostic.help


@pytest.mark.parametrize(
    "argument",
    [object(), {1, 2}, b"a", [object()], np.ma.array([1.0, 2.0], mask=[True, False])],
    ids=["object", "set", "bytes", "list", "masked array"],
)
def test_arguments_of_other_types_are_refused(argument, tmp_path):
    f = module_of("def f(x):\n    return x + 1.0\n", tmp_path).f
    with pytest.raises(irad.CompileError) as caught:
        irad.compile(f)(argument)
    assert isinstance(caught.value.diagnostic, Diagnostic)


def test_integers_that_do_not_fit_64_bits(tmp_path):
    f = module_of("def f(n):\n    return n + 1\n", tmp_path).f
    for backend in (*BACKENDS, "source"):
        assert irad.compile(f, backend=backend)(2**63 - 2) == 2**63 - 1
        for n in (2**63, -(2**63) - 1, 2**70):
            with pytest.raises(irad.CompileError) as caught:
                irad.compile(f, backend=backend)(n)
            assert caught.value.name == "integer-too-large"


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: irad.compile(3.0), "not-callable"),
        (lambda: irad.grad("f"), "not-callable"),
        (lambda: irad.compile(abs, backend="cobol"), "unknown-backend"),
        (lambda: irad.compile(abs, static_argnums=-1), "unknown-option"),
        (lambda: irad.compile(abs, static_argnums=1.5), "unknown-option"),
        (lambda: irad.compile(abs, static_argnums=(0, None)), "unknown-option"),
        (lambda: irad.grad(abs, argnums=[0]), "argnums"),
        (lambda: irad.grad(abs, argnums=()), "argnums"),
        (lambda: irad.grad(abs, argnums=True), "argnums"),
        (lambda: irad.ir(abs, 1.0, stage="nowhere"), "unknown-stage"),
        (lambda: irad.compile(lambda x: x, signature="f64[["), "signature"),
    ],
)
def test_wrong_options_are_refused_at_once(make, name):
    with pytest.raises(irad.CompileError) as caught:
        make()
    assert caught.value.name == name
