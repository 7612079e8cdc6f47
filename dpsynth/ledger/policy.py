"""What may be written next: from a book and a wish to a draft, to nothing when it is there already, or to a refusal."""

from __future__ import annotations

from dataclasses import replace

from dpsynth.errors import LedgerError
from dpsynth.ledger.balance import spent_by
from dpsynth.ledger.book import BEFORE, CONTENT, Book, Request
from dpsynth.ledger.draft import Draft
from dpsynth.ledger.entry import Amount, Entry, Kind, checked_text
from dpsynth.ledger.refusal import Refusal, quoted
from dpsynth.privacy.cost import Cost

# A second call of these finds its work done. TOUCHED is not among them: of several programs that retry one request,
# only one may measure.
_REPEATABLE = (Kind.MEASURED, Kind.RELEASED, Kind.VOID)

_ADVICE = {
    Kind.TOUCHED: "try a new request_id: what was touched is spent, and another run of it is another charge",
    Kind.MEASURED: "try touched(request_id) before anything is measured",
    Kind.RELEASED: "try measured(request_id, digest=...) before the release is written",
    Kind.VOID: "what was touched is spent and stays so",
}


def first_cap(book: Book, draft: Draft) -> Draft:
    """The first entry of a ledger. Raises LedgerError when there is one."""
    if book.seq:
        raise LedgerError("a new ledger must be empty; got one that was begun; try open_ledger")
    return draft


def cap(book: Book, draft: Draft) -> Draft:
    """A lifetime cap. Raises LedgerError when more was spent already."""
    spent = book.spent_in(draft.scope)
    if not spent.fits(draft.amount):
        raise LedgerError(
            f"cap of {draft.scope!r} ({draft.amount.cost}) must cover what was spent; got {spent.cost} spent;"
            " try that much, which leaves nothing"
        )
    return draft


class DoesNotFitError(Exception):
    """A charge is more than what is left; `refusal` finds the words for it when nobody waits any more."""


def reserve(book: Book, draft: Draft) -> Draft | None:
    """A charge; None when this very one was made before.

    Raises DoesNotFitError when a cap does not cover it, LedgerError when the request_id is known with another plan,
    scope or cost.
    """
    known = book.requests.get(draft.request_id)
    if known is not None:
        _require_same(known.reserve, draft)
        return None
    if not draft.amount.fits(book.left(draft.scope)):
        raise DoesNotFitError
    return draft


def refusal(book: Book, draft: Draft, cost: Cost, delta: float | None) -> Refusal | None:
    """Why a charge does not fit, in words that take milliseconds to find; None when it fits by now.

    cost: before it was rounded up. delta: at which epsilons are stated.
    """
    quote = quoted(book, draft.scope, cost, delta)
    return None if quote.fits else Refusal(quote, spent_by(book, quote.binds, quote.delta))


def event(book: Book, kind: Kind, request_id: str, actor: str, reason: str) -> Draft | None:
    """The next state of a request; None when it is there and may be said twice. Raises LedgerError out of turn."""
    request = known_request(book, request_id)
    if kind in _REPEATABLE and request.state.value == kind.value:
        return None
    if request.state is not BEFORE[kind]:
        raise LedgerError(
            f"request {request_id!r} must be {BEFORE[kind].value} to become {kind.value};"
            f" got {request.state.value}; {_ADVICE[kind]}"
        )
    entry = request.reserve
    return Draft(kind, entry.scope, entry.request_id, entry.plan_hash, actor=actor, reason=reason)


def measured(book: Book, request_id: str, digest: str, actor: str, reason: str) -> Draft | None:
    """The entry that says what was measured; None when it is there. Raises LedgerError when it says another thing."""
    draft = event(book, Kind.MEASURED, request_id, actor, reason)
    if draft is not None:
        return replace(draft, details={CONTENT: digest})
    if known_request(book, request_id).digest != digest:
        raise LedgerError(
            f"request {request_id!r} must be measured once; got another content than the first time; try a new"
            " request_id, which is charged anew"
        )
    return None


def known_request(book: Book, request_id: str) -> Request:
    """The request of that name. Raises LedgerError when there is none."""
    request = book.requests.get(checked_text("request_id", request_id, empty=False))
    if request is None:
        raise LedgerError(f"request {request_id!r} must be reserved first; got none of that name; try ledger.reserve")
    return request


def _require_same(entry: Entry, draft: Draft) -> None:
    """A retry must ask for what the first call asked for."""
    pairs: dict[str, tuple[str | Amount, str | Amount]] = {
        "plan": (entry.plan_hash, draft.plan_hash),
        "scope": (entry.scope, draft.scope),
        "cost": (entry.amount, draft.amount),
    }
    other = [name for name, (first, now) in pairs.items() if first != now]
    if other:
        raise LedgerError(
            f"request {entry.request_id!r} must come back with the same plan, scope and cost; got another {other[0]};"
            " try a new request_id for another run"
        )
