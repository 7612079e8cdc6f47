"""The book: what a list of entries adds up to, kept entry by entry."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum

from dpsynth.errors import LedgerError
from dpsynth.ledger.entry import GENESIS, INTEGERS, LARGEST_AMOUNT, NOTHING, Amount, Entry, Kind, scopes_above

LEDGER_ID = "ledger_id"
CONTENT = "content_sha256"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class State(str, Enum):
    """What became of a request. All but VOID are spent."""

    RESERVED = "RESERVED"
    TOUCHED = "TOUCHED"
    MEASURED = "MEASURED"
    RELEASED = "RELEASED"
    VOID = "VOID"


# The one state from which each event may follow.
BEFORE = {
    Kind.TOUCHED: State.RESERVED,
    Kind.MEASURED: State.TOUCHED,
    Kind.RELEASED: State.MEASURED,
    Kind.VOID: State.RESERVED,
}


@dataclass(frozen=True)
class Request:
    """A reservation as its entry was written, its state now, and the digest of what was measured, once it was."""

    reserve: Entry
    state: State
    digest: str = ""


@dataclass
class Book:
    """Caps, requests and sums of a ledger up to entry `seq`, whose hash is `hash`.

    ledger_id: drawn at random when the ledger was made; the first entry's details hold it. caps: the newest cap of
    each scope that has one. requests: by request_id, in the order of their reservations. spent: what the requests
    of a scope and of all scopes below it cost, those that are VOID left out. attempts: decisions of gates.

    Privacy: a charge counts against every cap on its scope's path, so no cap is ever exceeded by the sum of what was
    charged at and below it. Costs in (mu^2, delta0) add under adaptive composition, also across analysts.
    """

    ledger_id: str = ""
    seq: int = 0
    hash: str = GENESIS
    caps: dict[str, Entry] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    spent: dict[str, Amount] = field(default_factory=dict)
    attempts: list[Entry] = field(default_factory=list)

    def spent_in(self, scope: str) -> Amount:
        """What the requests of `scope`, and of all scopes below it, cost."""
        return self.spent.get(scope, NOTHING)

    def capped(self, scope: str) -> tuple[str, ...]:
        """The scopes whose caps a charge to `scope` must fit, the nearest first.

        Raises LedgerError when the scope at the top has no cap.
        """
        path = scopes_above(scope)
        if path[-1] not in self.caps:
            raise LedgerError(
                f"scope {path[-1]!r} must have a cap before anything below it is charged; got none; "
                "try `dpsynth ledger grant`, or another spelling of the scope"
            )
        return tuple(above for above in path if above in self.caps)

    def left_in(self, capped: str) -> Amount:
        """What is left of the cap of a scope that has one."""
        return self.caps[capped].amount - self.spent_in(capped)

    def left(self, scope: str) -> Amount:
        """What a charge to `scope` may still cost: the least that is left on its path, in each part."""
        room = [self.left_in(capped) for capped in self.capped(scope)]
        return Amount(min(one.mu_squared for one in room), min(one.delta for one in room))

    def spenders(self, scope: str) -> tuple[Request, ...]:
        """The requests that spent the budget of `scope`, at it and below it, oldest first."""
        return tuple(
            request
            for request in self.requests.values()
            if request.state is not State.VOID and scope in scopes_above(request.reserve.scope)
        )

    def attempts_in(self, scope: str) -> tuple[Entry, ...]:
        """The decisions of gates on releases of `scope` and of all scopes below it, oldest first."""
        return tuple(entry for entry in self.attempts if scope in scopes_above(entry.scope))

    def follow(self, entry: Entry) -> None:
        """Take `entry` in as the next one. Raises LedgerError, and takes nothing in, when it cannot be."""
        wrong = [*chain_problems(entry, self.seq, self.hash), *self.problems(entry)]
        if wrong:
            raise LedgerError(f"the ledger must be as it was written; {wrong[0]}; try `dpsynth ledger verify`")
        self.take(entry)

    def problems(self, entry: Entry) -> list[str]:
        """Why `entry` must not come next in this book, whatever its hashes say; empty when it may."""
        where = f"entry {entry.seq}"
        try:
            kind = Kind(entry.kind)
        except ValueError:
            return [f"{where} is of no known kind"]
        if not all(0 <= getattr(entry, name) <= LARGEST_AMOUNT for name in INTEGERS):
            return [f"{where} holds an amount out of range"]
        if self.seq == 0 and (kind is not Kind.CAP or not isinstance(entry.details.get(LEDGER_ID), str)):
            return [f"{where} is not the first entry of a ledger"]
        if kind is Kind.CAP:
            if not self.spent_in(entry.scope).fits(entry.amount):
                return [f"{where} caps {entry.scope!r} below what was spent"]
            return []
        if kind is Kind.ATTEMPT:
            empty = (entry.request_id, entry.plan_hash, entry.amount) == ("", "", Amount())
            return [] if empty and entry.scope else [f"{where} is an attempt that holds what it must not"]
        known = self.requests.get(entry.request_id)
        if kind is Kind.RESERVE:
            return self._problems_of_reserve(entry, known is not None)
        if known is None:
            return [f"{where} is about request {entry.request_id!r}, which was never reserved"]
        if known.state is not BEFORE[kind]:
            return [f"{where} makes request {entry.request_id!r} {kind.value}, but it is {known.state.value}"]
        reserve = known.reserve
        if (entry.scope, entry.plan_hash, entry.amount) != (reserve.scope, reserve.plan_hash, NOTHING):
            return [f"{where} does not agree with the reservation of request {entry.request_id!r}"]
        if kind is Kind.MEASURED and not is_digest(entry.details.get(CONTENT)):
            return [f"{where} does not say by a digest what was measured for request {entry.request_id!r}"]
        return []

    def _problems_of_reserve(self, entry: Entry, known: bool) -> list[str]:
        where = f"entry {entry.seq}"
        if known:
            return [f"{where} reserves request {entry.request_id!r} a second time"]
        if not entry.request_id or entry.amount == NOTHING:
            return [f"{where} reserves nothing"]
        if scopes_above(entry.scope)[-1] not in self.caps:
            return [f"{where} charges scope {entry.scope!r}, whose top has no cap"]
        over = [capped for capped in self.capped(entry.scope) if not entry.amount.fits(self.left_in(capped))]
        return [f"{where} charges more than was left in {over[0]!r}"] if over else []

    def take(self, entry: Entry) -> None:
        """Take `entry` in without a question, as far as it can be understood: for a search for every fault."""
        if self.seq == 0:
            self.ledger_id = str(entry.details.get(LEDGER_ID, ""))
        known = self.requests.get(entry.request_id)
        if entry.kind == Kind.CAP:
            self.caps[entry.scope] = entry
        elif entry.kind == Kind.ATTEMPT:
            self.attempts.append(entry)
        elif entry.kind == Kind.RESERVE and known is None:
            self.requests[entry.request_id] = Request(entry, State.RESERVED)
            self._add(entry.scope, entry.amount)
        elif known is not None and entry.kind in State.__members__:
            self.requests[entry.request_id] = replace(known, state=State(entry.kind), digest=_digest(known, entry))
            if entry.kind == Kind.VOID and known.state is not State.VOID:
                self._add(known.reserve.scope, NOTHING - known.reserve.amount)
        # Last: an interrupt before this line makes the entry be followed again, and then refused, never forgotten.
        self.seq, self.hash = entry.seq, entry.hash

    def _add(self, scope: str, amount: Amount) -> None:
        for above in scopes_above(scope):
            self.spent[above] = self.spent_in(above) + amount


def is_digest(value: object) -> bool:
    """Whether a value is a SHA-256 in 64 hexadecimal digits."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _digest(known: Request, entry: Entry) -> str:
    return str(entry.details.get(CONTENT, "")) if entry.kind == Kind.MEASURED else known.digest


def chain_problems(entry: Entry, seq: int, newest: str) -> list[str]:
    """Why `entry` is not the one that was written after entry `seq`, whose hash is `newest`; empty when it is."""
    where = f"entry {entry.seq}"
    if entry.seq != seq + 1:
        return [f"{where} comes after entry {seq}"]
    if entry.computed_hash() != entry.hash:
        return [f"{where} was edited: its content does not give its hash"]
    if entry.previous != newest:
        return [f"{where} does not follow entry {seq}: one of them was replaced"]
    return []
