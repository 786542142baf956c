"""`python -m benchmarks.contend MODULE NAME LAKE OUT`: one contender, in a process of its own."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks.contenders.base import Unmeasured


def main(module: str, name: str, lake: str, out: str) -> None:
    """Run it; the last line that it prints says which of its seconds are not its work."""
    (contender,) = (it for it in import_module(module).CONTENDERS if it.name == name)
    spent = contender.run(Path(lake), Path(out))
    print(json.dumps(asdict(spent or Unmeasured())))


if __name__ == "__main__":
    main(*sys.argv[1:])
