"""Text that goes into SVG and HTML: escaped here and nowhere else."""

from __future__ import annotations

import html
import re

__all__ = ["attributes", "escape"]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what no document of XML may hold


def escape(text: object) -> str:
    """Text as it stands between tags and in attributes; characters that XML has no form for are replaced."""
    return html.escape(_NOT_XML.sub("\ufffd", str(text)))


def attributes(**values: object) -> str:
    """` name="value"` for each that is not None; class_ is class, data_l is data-l."""
    return "".join(f' {k.rstrip("_").replace("_", "-")}="{escape(v)}"' for k, v in values.items() if v is not None)
