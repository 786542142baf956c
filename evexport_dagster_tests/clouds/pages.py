"""The documents of the pages in `docs/`: what a reader is told to create."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"


def document(page: str, name: str) -> dict[str, Any]:
    """The JSON block of a page that is called so."""
    text = (DOCS / f"{page}.md").read_text("utf-8")
    (block,) = re.findall(rf"^```json {name}\n(.*?)^```", text, re.M | re.S)
    found: dict[str, Any] = json.loads(block)
    return found
