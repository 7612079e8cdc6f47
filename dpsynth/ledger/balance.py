"""What a book says about one scope or request, in costs and epsilons for people."""

from __future__ import annotations

from dataclasses import dataclass

from dpsynth.ledger.book import Book, Request, State
from dpsynth.ledger.entry import Entry
from dpsynth.ledger.epsilons import delta_of_cap, epsilon_at, largest_epsilon
from dpsynth.privacy.cost import ZERO, Cost


@dataclass(frozen=True)
class Reservation:
    """A charge that was taken. entry: as it was written. state: when this was asked for.

    digest: SHA-256 of the content that was measured; empty before it was.

    Whoever wants to measure calls `Ledger.touched` first, which one program can do, once, while the state is RESERVED.
    """

    ledger_id: str
    entry: Entry
    state: State
    digest: str = ""

    @property
    def scope(self) -> str:
        """Whose budget was charged."""
        return self.entry.scope

    @property
    def request_id(self) -> str:
        """The caller's name for the run."""
        return self.entry.request_id

    @property
    def plan_hash(self) -> str:
        """What the run was to do, as the caller hashed it."""
        return self.entry.plan_hash

    @property
    def cost(self) -> Cost:
        """As charged: rounded up."""
        return self.entry.amount.cost


@dataclass(frozen=True)
class Spent:
    """One request that spent a budget. cost: as charged. epsilon: what it promises at `delta`, that of the cap."""

    request_id: str
    scope: str
    state: State
    time: str
    actor: str
    reason: str
    plan_hash: str
    cost: Cost
    delta: float
    seq: int

    @property
    def epsilon(self) -> float:
        """Computed when asked for: a scope may have been charged many thousand times."""
        return epsilon_at(self.cost, self.delta)


@dataclass(frozen=True)
class Balance:
    """One scope: its cap (None: bound by those above alone), what was spent in it and below it, what is left.

    left: the least over the scope's whole path. Epsilons are at `delta`, that of the cap; each is what a cost promises
    as a whole, so they do not add up. left_epsilon: the largest that one more run may ask for, with no delta0.
    """

    scope: str
    cap: Cost | None
    spent: Cost
    left: Cost
    delta: float
    cap_epsilon: float | None
    spent_epsilon: float
    left_epsilon: float
    requests: int


def spent_by(book: Book, scope: str, delta: float | None = None) -> tuple[Spent, ...]:
    """The requests that spent the budget of `scope`, oldest first; epsilons at `delta`, else at the cap's."""
    at = delta_of_cap(book, scope) if delta is None else delta
    return tuple(_spent(request, at) for request in book.spenders(scope))


def balances(book: Book) -> tuple[Balance, ...]:
    """The balance of every scope that has a cap or was charged, by name."""
    return tuple(_balance(book, scope) for scope in sorted({*book.caps, *book.spent}))


def _balance(book: Book, scope: str) -> Balance:
    delta = delta_of_cap(book, scope)
    cap = book.caps[scope].amount.cost if scope in book.caps else None
    spent, left = book.spent_in(scope).cost, book.left(scope).cost
    return Balance(
        scope=scope,
        cap=cap,
        spent=spent,
        left=left,
        delta=delta,
        cap_epsilon=None if cap is None else epsilon_at(cap, delta),
        spent_epsilon=epsilon_at(spent, delta),
        left_epsilon=largest_epsilon(book.left(scope), ZERO, delta),
        requests=len(book.spenders(scope)),
    )


def _spent(request: Request, delta: float) -> Spent:
    entry = request.reserve
    return Spent(
        request_id=entry.request_id,
        scope=entry.scope,
        state=request.state,
        time=entry.time,
        actor=entry.actor,
        reason=entry.reason,
        plan_hash=entry.plan_hash,
        cost=entry.amount.cost,
        delta=delta,
        seq=entry.seq,
    )
