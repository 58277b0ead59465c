"""The package as it is installed, and the public names."""

import ast
import inspect
import re
import tomllib
from pathlib import Path

import irad

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
MAPPED = SETUPTOOLS["package-dir"]


def folder_of(package: str) -> Path:
    """Where a package stands, by the longest mapped name."""
    best = max((m for m in MAPPED if package == m or package.startswith(m + ".")), key=len)
    return ROOT / MAPPED[best] / "/".join(package[len(best) :].split(".")).lstrip("/")


def on_disk() -> set[str]:
    found = set()
    for package, folder in MAPPED.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            rest = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join((package, *rest)))
    return found


def test_the_packages_listed_are_those_on_disk():
    assert set(SETUPTOOLS["packages"]) == on_disk()
    assert len(SETUPTOOLS["packages"]) == len(set(SETUPTOOLS["packages"]))


def test_every_folder_with_modules_is_a_package():
    for folder in MAPPED.values():
        for path in (ROOT / folder).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), path


def test_package_data_is_listed():
    """Whatever is not a module stands under a pattern of package-data."""
    listed = {f for p, patterns in SETUPTOOLS["package-data"].items() for g in patterns for f in folder_of(p).glob(g)}
    for folder in MAPPED.values():
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts:
                assert path in listed, f"{path.relative_to(ROOT)} is missing from the wheel"
    for package, patterns in SETUPTOOLS["package-data"].items():
        for g in patterns:
            assert any(folder_of(package).glob(g)), f"{g} of {package} finds nothing"


def test_public_names_have_docstrings():
    for name in irad.__all__:
        value = getattr(irad, name)
        doc = inspect.getdoc(value)
        assert doc, f"irad.{name} has no docstring"
        assert doc.splitlines()[0].rstrip().endswith("."), f"irad.{name}: the first line of its docstring is no sentence"
    assert irad.__doc__


def test_all_is_sorted_and_complete():
    assert irad.__all__ == sorted(irad.__all__)
    public = {n for n, v in vars(irad).items() if not n.startswith("_") and not inspect.ismodule(v)}
    assert public == set(irad.__all__)


def test_modules_open_with_a_docstring():
    """What a file is for stands at its head; empty files need none."""
    for folder in MAPPED.values():
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if text.strip():
                assert ast.get_docstring(ast.parse(text)), path


def test_the_version_is_one():
    assert PROJECT["project"]["version"] == irad.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+\w*", irad.__version__)


def test_refusals_have_kebab_case_names():
    """Every name given to `refuse` in the source is kebab-case."""
    for folder in MAPPED.values():
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                    continue
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in ("refuse", "Diagnostic") and isinstance(node.args[0].value, str):
                    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", node.args[0].value), f"{path}:{node.lineno}"
