"""gzip: the same bytes however they come in, read back by everybody's gzip."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evexport_dagster.formats.gzip import MEMBER_BYTES, Compressor, Members, read_back

RELAXED = settings(deadline=None, max_examples=8)


def written(pieces: list[bytes], *, stable: bool = False, aside: bool = False) -> bytes:
    """The file that these pieces become; `aside` moves what waits to the disk after each."""
    with TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        path = Path(folder) / "0"
        compressor = Compressor(pool, stable=stable)
        members = Members(path, compressor)
        for piece in pieces:
            members.write(piece)
            if aside:
                members.set_aside()
                assert members.waiting == 0
            assert members.waiting < MEMBER_BYTES
        members.close()
        compressor.finish()
        members.discard()
        assert [it.name for it in Path(folder).iterdir()] == ["0"]
        return path.read_bytes()


def members(data: bytes) -> list[int]:
    """The uncompressed size of each member; their heads carry neither time nor name."""
    sizes = []
    while data:
        assert data[:4] == b"\x1f\x8b\x08\x00"
        assert data[4:8] == bytes(4)
        reader = zlib.decompressobj(wbits=31)
        sizes.append(len(reader.decompress(data)))
        assert reader.eof
        data = reader.unused_data
    return sizes


@pytest.mark.parametrize("stable", [True, False])
@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (0, [0]),
        (1, [1]),
        (MEMBER_BYTES, [MEMBER_BYTES]),
        (2 * MEMBER_BYTES + 1, [MEMBER_BYTES, MEMBER_BYTES, 1]),
        (12 * MEMBER_BYTES, [MEMBER_BYTES] * 12),
    ],
)
def test_members_have_one_size(size: int, sizes: list[int], stable: bool) -> None:
    data = b"abcdefg\n" * (size // 8 + 1)
    compressed = written([data[:size]], stable=stable)
    assert members(compressed) == sizes
    assert gzip.decompress(compressed) == data[:size]
    assert b"".join(read_back(io.BytesIO(compressed))) == data[:size]


@RELAXED
@given(
    st.integers(0, 2**32),
    st.lists(st.integers(0, 3 * MEMBER_BYTES) | st.sampled_from([0, MEMBER_BYTES]), max_size=6),
)
def test_the_bytes_do_not_depend_on_how_they_come(seed: int, cuts: list[int]) -> None:
    data = Random(seed).randbytes(3000) * 800
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    # Compared by a digest: a report of how two megabytes differ would take for ever.
    whole = sha256(written([data], stable=True))
    assert sha256(written(pieces, stable=True)) == whole
    assert sha256(written(pieces, stable=True, aside=True)) == whole
    assert members(written(pieces)) == members(written([data]))


def test_many_small_pieces_are_set_aside_again_and_again() -> None:
    pieces = [bytes([n % 251]) * (MEMBER_BYTES // 7) for n in range(30)]
    compressed = written(pieces, aside=True)
    assert members(compressed)[:-1] == [MEMBER_BYTES] * 4
    assert gzip.decompress(compressed) == b"".join(pieces)


def test_an_error_of_a_thread_is_raised(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        compressor = Compressor(pool, stable=False)
        compressor.append(tmp_path / "missing" / "0", [b"x"])
        with pytest.raises(FileNotFoundError):
            compressor.finish()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
