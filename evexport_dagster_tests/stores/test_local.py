"""The local store: files whole or absent, errors that say who acts next."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import pytest

from evexport_dagster.errors import AccessError, BugError
from evexport_dagster.settings import LocalDestination
from evexport_dagster.stores import open_store
from evexport_dagster.stores.local import LocalStore

BIG = 24 << 20
AS_NOBODY = """
import os, resource, signal, sys
from pathlib import Path
from evexport_dagster.stores.local import LocalStore

folder = Path(sys.argv[1])
closed, full = (LocalStore("local", folder / name) for name in ("closed", "full"))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
if os.getuid() == 0:
    os.setuid(65534)
for action in (
    lambda: closed.put("a/x", folder / "large"),
    closed.probe,
    lambda: full.put("x", folder / "large"),
):
    try:
        action()
    except Exception as error:
        print(type(error).__name__, error, sep=": ")
"""


@pytest.fixture(scope="module")
def refused() -> Iterator[tuple[Path, list[str]]]:
    """A folder, and what a process is told that may not write to `closed` in it, and no more than
    64 KiB to a file of `full`."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "closed").mkdir(mode=0o555)
        (folder / "full").mkdir()
        (folder / "full" / "x").write_bytes(b"records")
        (folder / "full").chmod(0o777)
        (folder / "large").write_bytes(bytes(1 << 17))
        command = [sys.executable, "-c", AS_NOBODY, name]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        yield folder, done.stdout.splitlines()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore("local", tmp_path / "out")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "spooled"
    path.write_bytes(b"records")
    return path


def everything(folder: Path) -> list[str]:
    return sorted(str(it.relative_to(folder)) for it in folder.rglob("*") if it.is_file())


def test_a_file_is_put_replaced_and_deleted(store: LocalStore, file: Path) -> None:
    store.put("a/b/c.csv.gz", file)
    assert (store.root / "a/b/c.csv.gz").read_bytes() == b"records"
    file.write_bytes(b"others")
    store.put("a/b/c.csv.gz", file)
    assert (store.root / "a/b/c.csv.gz").read_bytes() == b"others"
    assert everything(store.root) == ["a/b/c.csv.gz"]
    store.put("a/d", file)
    store.delete("a/b/c.csv.gz")
    store.delete("a/b/c.csv.gz")
    assert [it.name for it in (store.root / "a").iterdir()] == ["d"]
    store.delete("a/d")
    assert list(store.root.iterdir()) == []


def test_a_reader_never_sees_a_part(store: LocalStore, file: Path) -> None:
    data = os.urandom(BIG)
    file.write_bytes(data)
    target, over, seen = store.root / "big.csv.gz", Event(), set()

    def look() -> None:
        while not over.is_set():
            if target.exists():
                seen.add(target.stat().st_size)

    reader = Thread(target=look)
    reader.start()
    try:
        for size in (BIG, BIG // 2, BIG):
            file.write_bytes(data[:size])
            store.put("big.csv.gz", file)
    finally:
        over.set()
        reader.join()
    assert seen <= {BIG, BIG // 2}
    assert target.read_bytes() == data
    assert everything(store.root) == ["big.csv.gz"]


def test_what_a_killed_run_left_is_written_over(store: LocalStore, file: Path) -> None:
    store.root.mkdir()
    (store.root / ".x.part").write_bytes(b"half of something longer than the file")
    store.put("x", file)
    assert everything(store.root) == ["x"]


def test_a_file_that_cannot_be_read_leaves_what_was_there(store: LocalStore, file: Path) -> None:
    store.put("x", file)
    with pytest.raises(AccessError):
        store.put("x", file.with_name("missing"))
    assert (store.root / "x").read_bytes() == b"records"
    assert everything(store.root) == ["x"]


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/tmp/x", "..", "a/../.."])
def test_a_key_never_leaves_the_root(store: LocalStore, file: Path, key: str) -> None:
    store.probe()
    with pytest.raises(BugError, match="outside"):
        store.put(key, file)
    with pytest.raises(BugError, match="outside"):
        store.delete(key)
    assert everything(store.root.parent) == ["spooled"]


def test_a_folder_that_cannot_be_written_to_is_named(refused: tuple[Path, list[str]]) -> None:
    folder, said = refused
    assert len(said) == 3
    for line in said[:2]:
        assert line.startswith("AccessError: destination 'local' could not write")
        assert str(folder / "closed") in line
        assert "Permission denied" in line
    assert everything(folder / "closed") == []


def test_a_root_that_is_a_file_is_named(store: LocalStore, file: Path) -> None:
    store.root.write_text("no folder")
    for action in (store.probe, lambda: store.put("x", file)):
        with pytest.raises(AccessError, match=str(store.root)):
            action()


def test_a_full_disk_is_nobodys_fault_yet(refused: tuple[Path, list[str]]) -> None:
    folder, said = refused
    assert said[2].startswith("UnavailableError: destination 'local' could not write")
    assert "free some space" in said[2]
    assert (folder / "full" / "x").read_bytes() == b"records"
    assert everything(folder / "full") == ["x"]


def test_a_probe_leaves_nothing(store: LocalStore) -> None:
    store.probe()
    assert list(store.root.iterdir()) == []


def test_what_a_store_says_of_itself(tmp_path: Path) -> None:
    store = open_store("local", LocalDestination(type="local", path=tmp_path, prefix="a/b"))
    assert isinstance(store, LocalStore)
    assert (store.prefix, store.fingerprint) == ("a/b/", f"local:{tmp_path}")
    assert store.uri("a/b/x y.csv") == f"file://{tmp_path}/a/b/x%20y.csv"
    assert LocalStore("local", tmp_path).prefix == ""
    (tmp_path / "link").symlink_to(tmp_path)
    assert LocalStore("other", tmp_path / "link").fingerprint == store.fingerprint
