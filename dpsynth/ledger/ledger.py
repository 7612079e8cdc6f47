"""The ledger: caps of scopes, charges against them, and what became of each; every change is one more entry."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from dpsynth.errors import LedgerError, SettingError
from dpsynth.keys import public_keys, read_private_key
from dpsynth.ledger import policy
from dpsynth.ledger.address import open_store
from dpsynth.ledger.balance import Balance, Reservation, Spent, balances, spent_by
from dpsynth.ledger.book import LEDGER_ID, Book, State, is_digest
from dpsynth.ledger.check import Fault, Head, check
from dpsynth.ledger.draft import CapAsked, Draft, cap_amount
from dpsynth.ledger.entry import Amount, Detail, Entry, Kind, canonical_json, checked_scope, checked_text, scopes_above
from dpsynth.ledger.refusal import Quote, quoted
from dpsynth.ledger.store import Store
from dpsynth.privacy.cost import Cost

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Clock = Callable[[], datetime]


class Ledger:
    """Who spent what of which budget. Made by `Ledger.init`, opened by `open_ledger`; a context manager.

    Any number of programs may have one ledger open at once; of one program, each thread opens its own.

    store: where the entries are. address: how the store was found; it may hold a password. sign_key: signs each
    new entry. clock: for the time of entries, which is for people.

    Privacy: every request that is not VOID counts as spent from its reservation on, whatever happened to the program
    that made it; VOID is possible only before anything private was touched. For each scope with a cap the sum of the
    costs at and below it never exceeds the cap, so all releases of the scope together keep the cap's promise, to
    adaptive and colluding analysts too (composition: docs/explanation/privacy-currency.md).
    """

    def __init__(
        self,
        store: Store,
        *,
        address: str = "",
        sign_key: Ed25519PrivateKey | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self.address = address
        self._sign_key = sign_key
        self._clock = clock or _now

    @classmethod
    def init(
        cls,
        address: str | Path,
        cap: CapAsked,
        scope: str = "population",
        *,
        actor: str = "",
        reason: str = "",
        sign_key: str | Path | None = None,
    ) -> Ledger:
        """A new ledger, whose top scope has a lifetime cap.

        address: a path, sqlite:///PATH or postgresql://... cap: (epsilon, delta), or (epsilon, delta, reserved_delta)
        where plans need delta0 too, or mu, or a Cost. Raises LedgerError when there is a ledger already.
        """
        scope = checked_scope(scope)
        if "/" in scope:
            raise SettingError(f"scope ({scope}) must be a single name for a new ledger; try {scope.split('/')[0]!r}")
        granted, details = cap_amount(cap)
        key = None if sign_key is None else read_private_key(sign_key)
        ledger = cls(open_store(address, create=True), address=str(address), sign_key=key)
        details = {**details, LEDGER_ID: secrets.token_hex(16)}
        draft = Draft(Kind.CAP, scope, amount=granted, actor=actor, reason=reason, details=details)
        try:
            ledger._write(lambda book: policy.first_cap(book, draft))
        except BaseException:
            ledger.close()
            raise
        return ledger

    @property
    def ledger_id(self) -> str:
        """The random name that the ledger was given when it was made."""
        return self._book().ledger_id

    @property
    def head(self) -> Head:
        """The newest entry: (ledger_id, seq, hash), for certificates."""
        book = self._book()
        return Head(book.ledger_id, book.seq, book.hash)

    def cap(self, scope: str, cap: CapAsked, *, actor: str = "", reason: str = "") -> None:
        """Set, raise or lower a scope's lifetime cap, given as in `init`. Raises LedgerError below what is spent."""
        granted, details = cap_amount(cap)
        draft = Draft(Kind.CAP, checked_scope(scope), amount=granted, actor=actor, reason=reason, details=details)
        self._write(lambda book: policy.cap(book, draft))

    def quote(self, scope: str, cost: Cost, *, delta: float | None = None) -> Quote:
        """What charging `cost` to `scope` would find now; nothing is written. delta: at which epsilons are stated."""
        return quoted(self._book(), checked_scope(scope), cost, delta)

    def reserve(
        self,
        scope: str,
        cost: Cost,
        *,
        request_id: str,
        plan_hash: str,
        actor: str = "",
        reason: str = "",
        details: Mapping[str, Detail] | None = None,
        delta: float | None = None,
    ) -> Reservation:
        """Charge `cost` to `scope`, durably before this returns.

        request_id: the caller's name for the run; a second call with it and the same plan, scope and cost charges
        nothing and returns what is there, whatever its state. delta: at which a refusal states epsilons.

        Raises Refusal when a cap on the scope's path does not cover the cost, and LedgerError when the request_id is
        known with another plan, scope or cost. Nothing is charged then.
        """
        scope, amount = checked_scope(scope), Amount.charged(cost)
        request_id = checked_text("request_id", request_id, empty=False)
        plan_hash = checked_text("plan_hash", plan_hash, empty=False)
        if amount == Amount():
            raise SettingError(f"cost ({cost}) must be above 0; got nothing to charge; try the plan's cost")

        draft = Draft(Kind.RESERVE, scope, request_id, plan_hash, amount, actor, reason, details or {})
        while True:
            try:
                self._write(lambda book: policy.reserve(book, draft))
            except policy.DoesNotFitError:
                refusal = policy.refusal(self._book(), draft, cost, delta)
                if refusal is not None:
                    raise refusal from None
            else:
                return self.reservation(request_id)

    def touched(self, request_id: str, *, actor: str = "", reason: str = "") -> Reservation:
        """Record that the next step reads private rows; from now on the cost is spent, whatever happens.

        Raises LedgerError unless the state is RESERVED: of several programs that retry one request, one may measure,
        once. A program that was stopped after this needs a new request_id and pays again.
        """
        return self._event(Kind.TOUCHED, request_id, actor, reason)

    def measured(self, request_id: str, *, digest: str, actor: str = "", reason: str = "") -> Reservation:
        """Record that the results are kept, and which they are; a second call with the same digest writes nothing.

        digest: SHA-256 of what was paid for, 64 hexadecimal digits; no other release can show this charge.

        Raises LedgerError before `touched`, and when the request was measured with another digest.
        """
        if not is_digest(digest):
            raise SettingError("digest must be 64 hexadecimal digits in lower case; got another; try hexdigest()")
        self._write(lambda book: policy.measured(book, request_id, digest, actor, reason))
        return self.reservation(request_id)

    def released(self, request_id: str, *, actor: str = "", reason: str = "") -> Reservation:
        """Record that the release was written; a second call writes nothing. Raises LedgerError before `measured`."""
        return self._event(Kind.RELEASED, request_id, actor, reason)

    def void(self, request_id: str, *, actor: str = "", reason: str = "") -> Reservation:
        """Give back the cost of a request that never touched private rows; a second call writes nothing.

        Raises LedgerError in every other state than RESERVED: what was touched is spent.
        """
        return self._event(Kind.VOID, request_id, actor, reason)

    def attempt(
        self,
        scope: str,
        decide: Callable[[tuple[Mapping[str, Detail], ...]], Mapping[str, Detail]],
        *,
        within: str | None = None,
        actor: str = "",
    ) -> Mapping[str, Detail]:
        """Record that a gate decided on a release of `scope`; nobody comes between what it saw and what it wrote.

        decide: from the details of all earlier attempts at and below the scope `within` (by default `scope`), oldest
        first, to those of this one; it may be called again. Costs nothing: it counts how often somebody tried.

        Raises SettingError when `scope` does not lie in `within`.
        """
        scope = checked_scope(scope)
        counted = scope if within is None else checked_scope(within)
        if counted not in scopes_above(scope):
            raise SettingError(f"within ({counted}) must be {scope!r} or a scope above it; try {scope.split('/')[0]!r}")
        written: list[Mapping[str, Detail]] = []

        def draft(book: Book) -> Draft:
            earlier = tuple(entry.details for entry in book.attempts_in(counted))
            written[:] = [decide(earlier)]
            return Draft(Kind.ATTEMPT, scope, actor=actor, details=written[0])

        self._write(draft)
        return written[0]

    def reservation(self, request_id: str) -> Reservation:
        """The charge of a request and its state. Raises LedgerError when the request is not known."""
        book = self._book()
        request = policy.known_request(book, request_id)
        return Reservation(book.ledger_id, request.reserve, request.state, request.digest)

    def state(self, request_id: str) -> State:
        """What became of a request. Raises LedgerError when it is not known."""
        return policy.known_request(self._book(), request_id).state

    def remaining(self, scope: str) -> Cost:
        """What a charge to `scope` may still cost: the least that is left on its path, in each part."""
        return self._book().left(checked_scope(scope)).cost

    def balances(self) -> tuple[Balance, ...]:
        """Every scope that has a cap or was charged, by name."""
        return balances(self._book())

    def explain(self, scope: str) -> tuple[Spent, ...]:
        """The requests that spent the budget of `scope`, in it and below it, oldest first."""
        return spent_by(self._book(), checked_scope(scope))

    def verify(
        self, known_heads: Iterable[tuple[str, int, str]] = (), keys: Sequence[str | Path | Ed25519PublicKey] = ()
    ) -> tuple[Fault, ...]:
        """Every fault of the ledger, read from its first entry on; empty when there is none.

        known_heads: (ledger_id, seq, hash) from certificates; without one from outside, a cut end or an old copy
        cannot be told. keys: the public keys that may sign, or their PEM files; when given, each entry must be signed.
        """
        accepted = public_keys(keys).values()
        of_store = [Fault("database", words) for words in self._store.faults()]
        entries: list[Entry] = []
        try:
            entries.extend(self._store.entries())
        except LedgerError as error:
            of_store.append(Fault("unreadable", str(error)))

        def signed(entry: Entry) -> bool:
            return any(entry.signed_by(key) for key in accepted)

        return (*of_store, *check(entries, known_heads, signed if accepted else None))

    def export(self) -> Iterator[str]:
        """Every entry as one line of canonical JSON, oldest first."""
        return (canonical_json(entry.to_json()) for entry in self._store.entries())

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _book(self) -> Book:
        book = self._store.book()
        if not book.seq:
            raise LedgerError("the ledger must hold a first entry; got none: making it was interrupted; try again")
        return book

    def _write(self, build: Callable[[Book], Draft | None]) -> None:
        """Write what `build` drafts of the book, if anything, sealed as the next entry."""

        def sealed(book: Book) -> tuple[Entry, ...]:
            draft = build(book)
            if draft is None:
                return ()
            entry = draft.sealed(book.seq + 1, book.hash, self._clock(), self._sign_key)
            wrong = book.problems(entry)
            if wrong:
                raise LedgerError(f"an entry must agree with those before it; {wrong[0]}; try `dpsynth ledger show`")
            return (entry,)

        self._store.append(sealed)

    def _event(self, kind: Kind, request_id: str, actor: str, reason: str) -> Reservation:
        self._write(lambda book: policy.event(book, kind, request_id, actor, reason))
        return self.reservation(request_id)


def _now() -> datetime:
    return datetime.now(UTC)
