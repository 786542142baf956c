"""What tests of all clouds have in common: a bucket, files, and how patient a store is."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from evexport_dagster.stores.retries import Patience

BUCKET: Final = "acme-events"
"""A bucket, or a container."""

MEBI: Final = 1 << 20
BRIEF: Final = Patience(total=0.06, first=0.02, answer=3)
"""For failures that are to be final."""

DEAF: Final = replace(BRIEF, answer=0.2)
"""For stores that say nothing."""

STEADY: Final = Patience(total=20, first=0.05, longest=1, answer=10)
"""For failures that pass."""


def random_file(folder: Path, size: int) -> tuple[Path, bytes]:
    """A file of random bytes, and these."""
    path, data = folder / f"random-{size}", os.urandom(size)
    path.write_bytes(data)
    return path, data
