"""Where entries are kept: what a ledger needs of a database, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from dpsynth.errors import LedgerError
from dpsynth.ledger.book import Book
from dpsynth.ledger.entry import Entry

Build = Callable[[Book], Sequence[Entry]]


class Store(Protocol):
    """An append-only list of entries that several processes share.

    Every failure of the database is a LedgerError. A class that implements it has two class methods beside:
    `create(address)` makes an empty store and refuses where one is; `open(address)` refuses where none is.
    """

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The entries with seq > after, by rising seq, as they are written: nothing about the chain is checked."""
        ...

    def book(self) -> Book:
        """The book of all committed entries, kept between calls: only entries that are new since then are read."""
        ...

    def append(self, build: Build) -> tuple[Entry, ...]:
        """Write what `build` makes of the book, all or nothing, durably before this returns.

        In one exclusive transaction: lock out every other writer, catch the book up, call `build` once, insert its
        entries, commit, follow them in the book. When `build` raises, nothing is written and its error is passed
        on as it is; an empty sequence writes nothing. A retry of the transaction calls `build` again.
        """
        ...

    def faults(self) -> tuple[str, ...]:
        """What is wrong with the database itself, in words: damaged pages, missing append-only triggers."""
        ...

    def close(self) -> None:
        """Let go of the database; a second call does nothing."""
        ...


def catch_up(book: Book, entries: Iterable[Entry]) -> None:
    """Follow what was written since `book` was last read.

    entries: those with seq > book.seq - 1, so that the first is the one that the book knows as its newest. Raises
    LedgerError when it is not: the ledger was cut, or an old copy was put back, while this program ran.
    """
    found = iter(entries)
    if book.seq:
        newest = next(found, None)
        if newest is None or newest.seq != book.seq or newest.hash != book.hash:
            raise LedgerError(
                f"the ledger must still hold entry {book.seq} as this program read it; got another: it was cut, "
                "rewritten, or an old copy was put back; try `dpsynth ledger verify`"
            )
    for entry in found:
        book.follow(entry)
