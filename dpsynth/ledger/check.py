"""The search for every fault of a ledger: what was edited, removed, moved, cut off, or swapped, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from dpsynth.ledger.book import Book
from dpsynth.ledger.entry import GENESIS, Entry

# Beyond this many edited entries it no longer matters which of them were moved.
_MOVES_LOOKED_FOR = 200


class Head(NamedTuple):
    """An entry that somebody outside the ledger knows, from a certificate: it must lie on the chain for ever."""

    ledger_id: str
    seq: int
    hash: str


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. kind: a word for programs; seq: the entry, where it is about one."""

    kind: str
    message: str
    seq: int | None = None

    def __str__(self) -> str:
        return self.message


def check(
    entries: Sequence[Entry],
    known_heads: Iterable[tuple[str, int, str]] = (),
    signed: Callable[[Entry], bool] | None = None,
) -> tuple[Fault, ...]:
    """Every fault of a ledger; empty when there is none.

    entries: all of them, as they are written. known_heads: (ledger_id, seq, hash) from certificates. signed: whether
    an entry is signed by a key that may sign; None when signatures do not matter.

    Without a head from outside, a chain shows edits; it cannot show that its end was cut off, or that all of it was
    written anew.
    """
    faults = _faults_of_chain(entries)
    if not faults:
        faults += _faults_of_book(entries)
    if signed is not None:
        faults += [
            Fault("unsigned", f"entry {entry.seq} is not signed by a known key", entry.seq)
            for entry in entries
            if not signed(entry)
        ]
    return (*faults, *_faults_of_heads(entries, known_heads))


def _faults_of_chain(entries: Sequence[Entry]) -> list[Fault]:
    if not entries:
        return [Fault("empty", "the ledger holds no entry: all were deleted, or it was never begun")]
    edited = {entry.seq for entry in entries if entry.computed_hash() != entry.hash}
    suspects = sorted(edited) if len(edited) <= _MOVES_LOOKED_FOR else []
    faults: list[Fault] = []
    seq, newest = 0, GENESIS
    for entry in entries:
        if entry.seq != seq + 1:
            gone = f"entry {seq + 1} is" if entry.seq == seq + 2 else f"entries {seq + 1} to {entry.seq - 1} are"
            faults.append(Fault("deleted", f"{gone} missing: deleted", seq + 1))
        if entry.seq in edited:
            faults.append(_edited_or_moved(entry, suspects))
        elif entry.seq == seq + 1 and entry.previous != newest and seq not in edited:
            faults.append(Fault("replaced", f"entry {entry.seq} does not follow entry {seq}: one was replaced", seq))
        seq, newest = entry.seq, entry.hash
    return faults


def _edited_or_moved(entry: Entry, suspects: Sequence[int]) -> Fault:
    for seq in (*suspects, entry.seq + 1, entry.seq - 1):
        if replace(entry, seq=seq).computed_hash() == entry.hash:
            words = f"entry {entry.seq} was written as entry {seq}: entries were reordered or renumbered"
            return Fault("reordered", words, entry.seq)
    return Fault("edited", f"entry {entry.seq} was edited: its content does not give its hash", entry.seq)


def _faults_of_book(entries: Sequence[Entry]) -> list[Fault]:
    """What an intact chain says that no ledger would write, such as more than a cap."""
    faults: list[Fault] = []
    book = Book()
    for entry in entries:
        faults += [Fault("impossible", problem, entry.seq) for problem in book.problems(entry)]
        book.take(entry)
    return faults


def _faults_of_heads(entries: Sequence[Entry], known_heads: Iterable[tuple[str, int, str]]) -> list[Fault]:
    faults: list[Fault] = []
    hashes = {entry.seq: entry.hash for entry in entries}
    book = Book()
    for entry in entries[:1]:
        book.take(entry)
    last = max(hashes, default=0)
    for ledger_id, seq, known in dict.fromkeys(Head(*head) for head in known_heads):
        if ledger_id != book.ledger_id:
            words = f"this is ledger {book.ledger_id!r}, but a certificate is of ledger {ledger_id!r}: it was swapped"
            faults.append(Fault("swapped", words))
        elif seq > last:
            words = f"the ledger ends at entry {last}, but a certificate knows entry {seq}: it was truncated, or an old"
            faults.append(Fault("truncated", f"{words} copy was put back", seq))
        elif seq in hashes and hashes[seq] != known:
            words = f"entry {seq} is not the one that a certificate knows: the ledger was rewritten, or an old copy"
            faults.append(Fault("rewritten", f"{words} was put back and written on", seq))
    return faults
