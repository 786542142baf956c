"""What is known of the profiles that recurring exports have delivered.

It is kept in files that only who wrote them reads, one for each delivery, in chunks, since a full
export can have millions of profiles. A file comes in the transaction of its receipt.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, select

from .database import Database
from .schema import known_profiles
from .values import NewlyKnown

CHUNK_BYTES: Final = 4 << 20


class KnownProfiles:
    """The files of every export of a ledger; numbers grow with time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fetch(self, export_id: int, folder: Path) -> dict[int, Path]:
        """Writes every file of an export to a folder, as NUMBER.parquet; gives them by number."""
        with self._database.read() as connection:
            numbers = _numbers(connection, export_id)
            files = {number: folder / f"{number}.parquet" for number in numbers}
            for number, path in files.items():
                with path.open("wb") as file:
                    file.writelines(_chunks(connection, export_id, number))
        return files


def put_known(connection: Connection, export_id: int, new: NewlyKnown | None) -> None:
    """Keeps a file of an export that the transaction has locked, as its newest, if there is one.

    Those that it has together are replaced, unless others came meanwhile.
    """
    if new is None:
        return
    numbers = _numbers(connection, export_id)
    if new.together is not None and numbers == new.numbers:
        own = known_profiles.c.export_id == export_id
        connection.execute(delete(known_profiles).where(own))
        _insert(connection, export_id, numbers[-1], new.together)
    _insert(connection, export_id, max(numbers, default=0) + 1, new.file)


def _numbers(connection: Connection, export_id: int) -> tuple[int, ...]:
    numbers = select(known_profiles.c.number).distinct()
    query = numbers.where(known_profiles.c.export_id == export_id)
    return tuple(sorted(connection.execute(query).scalars()))


def _chunks(connection: Connection, export_id: int, number: int) -> Iterator[bytes]:
    query = select(known_profiles.c.data).where(
        known_profiles.c.export_id == export_id, known_profiles.c.number == number
    )
    chunk = 0
    while data := connection.execute(query.where(known_profiles.c.chunk == chunk)).scalar():
        yield data
        chunk += 1


def _insert(connection: Connection, export_id: int, number: int, path: Path) -> None:
    with path.open("rb") as file:
        for chunk, data in enumerate(iter(lambda: file.read(CHUNK_BYTES), b"")):
            row = {"export_id": export_id, "number": number, "chunk": chunk, "data": data}
            connection.execute(known_profiles.insert().values(row))
