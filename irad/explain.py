"""What `irad explain` can say about: each kind of error, from `explanations.md` beside this file."""

from __future__ import annotations

import functools
import re
from importlib import resources

__all__ = ["errors"]


@functools.cache
def errors() -> dict[str, str]:
    """The explanation of each kind of error, by its name: a paragraph and an example in Markdown."""
    text = resources.files("irad").joinpath("explanations.md").read_text(encoding="utf-8")
    sections = re.split(r"^### (.+)\n", text, flags=re.MULTILINE)[1:]
    bodies = [re.split(r"^## ", body, maxsplit=1, flags=re.MULTILINE)[0].strip() for body in sections[1::2]]
    return dict(zip(sections[::2], bodies, strict=True))
