"""rclone, a client of every cloud that shares no code with ours."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import rclone_api


def read_back(folder: Path, place: str, **options: str) -> dict[str, bytes]:
    """All objects of `place` (`bucket/folder`) by key: listed, copied to `folder`, and read."""
    config = {f"RCLONE_CONFIG_STORE_{name.upper()}": value for name, value in options.items()}
    listed = json.loads(_rclone(config, "lsjson", "--recursive", "--files-only", f"store:{place}"))
    _rclone(config, "copy", f"store:{place}", str(folder))
    sizes = {it["Path"]: it["Size"] for it in listed}
    read = {key: (folder / key).read_bytes() for key in sizes}
    assert {key: len(data) for key, data in read.items()} == sizes
    return read


def _rclone(config: Mapping[str, str], *arguments: str) -> str:
    binary = Path(rclone_api.__file__).parent / "bin" / "rclone"
    environment = {**os.environ, **config, "RCLONE_CONFIG": os.devnull}
    command = [str(binary), *arguments, "--retries", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
