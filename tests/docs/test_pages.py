"""docs/*.md and README.md: every claim of their Python blocks holds, and links lead somewhere."""

import re

import pytest

from tests.docs.snippets import ROOT, blocks, check, loaded

PAGES = ("README.md", "docs/python.md", "docs/derivatives.md", "docs/elimination.md")
CASES = [(p, b, c) for p in PAGES for b in blocks(p) for c in b.claims]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("page", "block", "claim"), CASES, ids=[f"{p}:{c.line}: {c.expression}" for p, _, c in CASES])
def test_claim(page, block, claim, tmp_path):
    check(claim, loaded(block, tmp_path))


@pytest.mark.parametrize(
    "page",
    [
        *("README.md", "ARCHITECTURE.md", "benchmarks/README.md", "examples/README.md"),
        *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
    ],
)
def test_links_lead_somewhere(page):
    path = ROOT / page
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (path.parent / target).exists(), target
