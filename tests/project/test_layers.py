"""The layers of ARCHITECTURE.md, read from the imports; the size of files; what `import irad` brings in."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("irad", "frontend", "backends", "grammar")
FILES = sorted(p for d in FOLDERS for p in (ROOT / d).rglob("*.py"))
LIBRARIES = {
    "llvmlite": "backends/llvm/",
    "cupy": "backends/cupy/",
    "lark": "grammar/",
    "rich": "irad/cli/",
    "pygments": "irad/report/",
    "scipy": "",
}

# What each part may import of irad, besides itself. `TYPE_CHECKING` imports and imports inside functions count too.
MAY_IMPORT = {
    "errors": set(),
    "lock": set(),
    "types": {"errors"},
    "graph": {"errors", "types", "grammar"},
    "primitives": {"errors", "types", "graph"},
    "verify": {"errors", "types", "graph", "primitives"},
    "nests": {"errors", "types", "graph", "primitives"},
    "optimize": {"errors", "types", "graph", "primitives", "verify", "nests", "elimination"},
    "internal": {"errors"},
    "transforms": {"errors", "types", "graph", "primitives", "verify", "optimize", "elimination"},
    "elimination": {"errors", "types", "graph", "primitives"},
    "sparsity": {"errors", "types", "graph", "primitives", "verify", "optimize", "elimination", "transforms", "nests"},
    "numpy": set(),
    "specialize": {"errors", "types", "graph", "primitives", "verify", "numpy"},
    "pipeline": {"errors", "types", "graph", "primitives", "verify", "optimize", "transforms", "specialize", "internal"},
    "structures": {"errors", "types", "graph", "primitives", "specialize"},
    "frontend": {"errors", "types", "graph", "primitives"},
    "grammar": {"errors"},
}
KNOWN = {  # arrows against the order, each with its reason
    ("elimination", "irad.linearized"): "regions of Python functions are found beside those of files",
    ("specialize", "irad.transforms.cotangents"): "cotangents that users give are put together as the transforms do it",
}
ANNOTATIONS = {("graph", "primitives")}  # nodes name the type of their operation


def part(name: str) -> str:
    """The part of irad that a module belongs to: irad.graph.nodes -> graph."""
    pieces = name.split(".")
    return pieces[1] if len(pieces) > 1 else ""


def module_of(path: Path) -> str:
    relative = path.relative_to(ROOT).with_suffix("")
    pieces = relative.parts if relative.parts[0] == "irad" else ("irad", *relative.parts)
    return ".".join(p for p in pieces if p != "__init__")


@functools.cache
def imports(path: Path) -> list[tuple[str, int, bool]]:
    """(module, line, whether for annotations only) of each import; `from irad import x` counts as irad.x."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        id(n)
        for t in ast.walk(tree)
        if isinstance(t, ast.If) and isinstance(t.test, ast.Name) and t.test.id == "TYPE_CHECKING"
        for n in ast.walk(t)
    }
    out = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            out += [(a.name, node.lineno, id(node) in typing) for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            whole = node.module or ""
            names = [f"{whole}.{a.name}" for a in node.names] if whole in ("irad", "irad.backends") else [whole]
            out += [(n, node.lineno, id(node) in typing) for n in names]
    return out


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    own = part(module_of(path))
    for name, line, typing in imports(path):
        where = f"{path.relative_to(ROOT)}:{line}"
        top = name.split(".")[0]
        assert top not in ("frontend", "backends", "grammar", "tests"), f"{where}: import irad.{name}"
        if top != "irad" or own not in MAY_IMPORT:
            continue
        other = part(name)
        allowed = other == own or other in MAY_IMPORT[own] or (own, name) in KNOWN or (typing and (own, other) in ANNOTATIONS)
        assert allowed, f"{where}: {own} imports {name}"


def test_there_is_no_cycle_among_the_parts():
    order = list(MAY_IMPORT)
    for one, others in MAY_IMPORT.items():
        for other in others:
            assert one not in MAY_IMPORT[other], f"{one} and {other}"
    assert set(order) <= {part(module_of(p)) for p in FILES}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_imported_in_its_place(library):
    for path in FILES:
        place = str(path.relative_to(ROOT))
        for name, line, typing in imports(path):
            if name.split(".")[0] == library and not typing:
                assert place.startswith(LIBRARIES[library]) or _allowed(library, place), f"{place}:{line} imports {name}"


def _allowed(library: str, place: str) -> bool:
    """Readers of text know the exceptions of the parser; the command line, the demo and the bar of a search print with rich."""
    return (library == "lark" and place == "irad/graph/parse.py") or (
        library == "rich"
        and place
        in (
            "irad/__main__.py",
            "irad/elimination/progress.py",
            *[str(p.relative_to(ROOT)) for p in (ROOT / "irad/demo").glob("*.py")],
        )
    )


@pytest.mark.parametrize("backend", [p.name for p in (ROOT / "backends").iterdir() if (p / "__init__.py").exists()])
def test_the_core_knows_no_backend(backend):
    joins = {"api", "compiled", "guards", "views", "report", "cli", "demo", "__main__", "check"}
    for path in FILES:
        own = part(module_of(path))
        if own in joins or own == "backends":
            continue
        for name, line, _ in imports(path):
            assert not name.startswith("irad.backends"), f"{path.relative_to(ROOT)}:{line} imports {name}"


def test_files_are_short():
    long = {str(p.relative_to(ROOT)): n for p in FILES if (n := len(p.read_text(encoding="utf-8").splitlines())) > 700}
    assert not long, f"two ideas in a file? {long}"


def imported_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has after some code."""
    text = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(out.stdout.split())


def test_import_irad_brings_in_no_heavy_library():
    found = imported_by("import irad")
    assert not {"jax", "torch", "cupy", "llvmlite", "scipy", "lark", "rich", "pygments", "matplotlib", "sympy"} & found
    assert not {m for m in found if m.startswith(("irad.cli", "irad.demo", "irad.report", "irad.backends.llvm"))}


def test_linear_algebra_brings_in_no_more_of_scipy_than_its_functions():
    """And the package that they are from is whole for who imports it afterwards."""
    program = "import irad, numpy as np\nfrom tests.project.determinant import determinant\na = np.diag([2.0] * 9)\n"
    program += "assert irad.compile(determinant)(a) == 512.0\n"
    assert "scipy.linalg" not in imported_by(program)
    program += "import scipy.linalg as s\nassert s.lu_factor(a)[0][0, 0] == 2.0\nassert s.cython_lapack.__pyx_capi__\n"
    assert "scipy.linalg.cython_lapack" in imported_by(program)


def test_a_compile_brings_in_no_parser_and_no_scipy():
    found = imported_by("import irad\nassert irad.compile(irad.grad(abs), backend='interpreter')(2.0) == 1.0")
    assert not {"scipy", "lark", "rich", "pygments"} & found
