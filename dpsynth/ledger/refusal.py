"""What a charge would find: a quote before it, a refusal in its place, and who spent the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dpsynth.errors import BudgetError
from dpsynth.ledger.balance import Spent
from dpsynth.ledger.book import Book
from dpsynth.ledger.entry import Amount
from dpsynth.ledger.epsilons import delta_of_cap, epsilon_at, in_epsilon, largest_epsilon, rounded_down
from dpsynth.privacy.cost import Cost

_SPENDERS_SHOWN = 10


@dataclass(frozen=True)
class Quote:
    """What a charge of `asked` to `scope` would find, were it made now.

    left: the least that is left on the scope's path, in each part. fits: whether the charge would be taken. delta: at
    which the epsilons are stated. asked_epsilon: what `asked` promises at that delta (inf when its delta0 is as
    large). largest_epsilon: the largest epsilon at that delta, with the same delta0, that a new run may still ask
    for, rounded down; 0 when none fits. binds: the scope whose cap leaves least. part: the part of the cost that
    binds there, "mu^2" or "delta0".
    """

    scope: str
    asked: Cost
    left: Cost
    fits: bool
    delta: float
    asked_epsilon: float
    largest_epsilon: float
    binds: str
    part: str

    def __str__(self) -> str:
        asked = in_epsilon(self.asked_epsilon, self.delta)
        verdict = "fits" if self.fits else "does not fit"
        return (
            f"asked: {asked} ({self.asked}), which {verdict}; left in {self.scope!r}: {self.left};"
            f" bound by the {self.part} of {self.binds!r};"
            f" largest epsilon that fits at delta {self.delta:g}: {rounded_down(self.largest_epsilon):g}"
        )


class Refusal(BudgetError):
    """A charge that does not fit a cap: nothing was charged. quote: what was found. spent: by whom, oldest first."""

    def __init__(self, quote: Quote, spent: Sequence[Spent]) -> None:
        self.quote = quote
        self.spent = tuple(spent)
        super().__init__(_message(quote, self.spent))


def quoted(book: Book, scope: str, cost: Cost, delta: float | None = None) -> Quote:
    """The quote for charging `cost` to `scope` of `book`; `delta` as in `Quote`, by default the binding cap's own."""
    asked, left = Amount.charged(cost), book.left(scope)
    fits = asked.fits(left)
    part = "delta0" if asked.delta > left.delta and asked.mu_squared <= left.mu_squared else "mu^2"
    capped = {above: book.left_in(above) for above in book.capped(scope)}
    binds = min(capped, key=lambda above: capped[above].delta if part == "delta0" else capped[above].mu_squared)
    at = delta_of_cap(book, binds) if delta is None else delta
    largest = largest_epsilon(left, cost, at)
    return Quote(scope, cost, left.cost, fits, at, epsilon_at(cost, at), largest, binds, part)


def _message(quote: Quote, spent: Sequence[Spent]) -> str:
    """Asked, left, spent by whom, and what to try."""
    headline = (
        f"charge ({in_epsilon(quote.asked_epsilon, quote.delta)}; {quote.asked}) must fit what is left of the cap of"
        f" {quote.binds!r}; got {quote.left} left, so its {quote.part} does not fit; nothing was charged"
    )
    lines = [headline]
    for one in spent[-_SPENDERS_SHOWN:]:
        who = f", by {one.actor}" if one.actor else ""
        cost = in_epsilon(one.epsilon, quote.delta)
        lines.append(f"  - {one.request_id}: {cost}, {one.state.value}, {one.time}{who}, in {one.scope!r}")
    if len(spent) > _SPENDERS_SHOWN:
        lines.insert(1, f"  - {len(spent) - _SPENDERS_SHOWN} older requests; see `dpsynth ledger explain`")
    lines.insert(1, "spent by:" if spent else "nothing was spent; the cap itself is smaller")
    lines.append(_advice(quote))
    return "\n".join(lines)


def _advice(quote: Quote) -> str:
    raised = "or ask for a higher cap (`dpsynth ledger grant`)"
    largest = rounded_down(quote.largest_epsilon)
    if largest > 0:
        return f"try epsilon {largest:g} at delta {quote.delta:g}, the largest that fits, {raised}"
    if quote.part == "delta0":
        return (
            f"no epsilon fits with delta0 {float(quote.asked.delta):.3g}, the price of finding unknown categories: give"
            f" the cap a part of its delta for that (--reserved-delta), try a plan without, {raised}"
        )
    return f"no epsilon fits at delta {quote.delta:g} any more: try stored measurements, which cost nothing, {raised}"
