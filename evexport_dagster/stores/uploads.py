"""Files of many deliveries on their way to one store: a few at a time, whichever they belong to."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from evexport_dagster.stores.base import Store

_T = TypeVar("_T")


def uploaded(
    deliveries: Iterable[tuple[_T, Sequence[tuple[str, Path]]]],
    store: Store,
    beat: Callable[[], None],
) -> Generator[_T, None, None]:
    """Each delivery, as soon as all of its (key, file)s are in the store.

    The next delivery is begun while fewer files than `store.at_once` are under way, so that no
    more deliveries than that wait to be recorded. `beat` is asked before each file. Once anything
    fails nothing else begins; what is whole by then is given, and then the first error raised.
    """
    with ThreadPoolExecutor(store.at_once, "upload") as pool:
        uploads: _Uploads[_T] = _Uploads(pool, store, beat)
        try:
            for delivery, files in deliveries:
                uploads.begin(delivery, files)
                yield from uploads.whole(store.at_once - 1)
            yield from uploads.whole(0)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@dataclass(frozen=True)
class _Begun(Generic[_T]):
    """A delivery whose files are put, or wait for it."""

    delivery: _T
    puts: Sequence[Future[None]]

    @property
    def is_whole(self) -> bool:
        return all(it.done() and not it.cancelled() and not it.exception() for it in self.puts)


class _Uploads(Generic[_T]):
    def __init__(self, pool: ThreadPoolExecutor, store: Store, beat: Callable[[], None]) -> None:
        self._pool, self._store, self._beat = pool, store, beat
        self._begun: list[_Begun[_T]] = []

    def begin(self, delivery: _T, files: Sequence[tuple[str, Path]]) -> None:
        """Put the files of a delivery, after those that were begun before."""
        puts = [self._pool.submit(self._put, key, path) for key, path in files]
        self._begun.append(_Begun(delivery, puts))

    def whole(self, most: int) -> Iterator[_T]:
        """Deliveries that are in the store, until at most `most` files are under way."""
        while True:
            puts = [put for it in self._begun for put in it.puts]
            # First of all: what ends from here on is looked at in the next turn.
            under_way = [put for put in puts if not put.done()]
            failure = next((e for it in puts if it.done() and (e := it.exception())), None)
            if failure is not None:
                self._pool.shutdown(cancel_futures=True)
                # A run that has to end says why, and records nothing.
                self._beat()
            yield from self._taken_whole()
            if failure is not None:
                raise failure
            if len(under_way) <= most:
                return
            wait(under_way, return_when=FIRST_COMPLETED)

    def _taken_whole(self) -> list[_T]:
        # Asked once each: a delivery may become whole at any moment.
        asked = [(it, it.is_whole) for it in self._begun]
        self._begun = [it for it, is_whole in asked if not is_whole]
        return [it.delivery for it, is_whole in asked if is_whole]

    def _put(self, key: str, path: Path) -> None:
        self._beat()
        self._store.put(key, path)
