"""examples/*.py print what their docstrings say."""

import runpy
import sys

import pytest

from tests.docs.snippets import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=[p.stem for p in EXAMPLES])
def test_example(path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(path)])
    doc = runpy.run_path(str(path), run_name="__main__")["__doc__"]
    said = doc.rstrip().rpartition("\n\n")[2]
    printed = capsys.readouterr().out
    assert printed.splitlines() == [line.strip() for line in said.splitlines()]


def test_all_are_listed():
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert all(f"({p.name})" in text for p in EXAMPLES)
