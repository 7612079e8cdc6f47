"""Booking: one run's charge in a ledger, from before the private table is read until the release is handed out.

    RESERVE -> (the table is read) -> TOUCHED -> (mechanisms run) -> results kept -> MEASURED -> RELEASED

What fails before TOUCHED is given back. What fails after it is spent: noise may have been seen. Results are kept on the
steward's side before MEASURED is written, so the same request asked again after a crash gets them free of charge.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dpsynth.audit_pool import AuditPool
from dpsynth.errors import LedgerError, SettingError
from dpsynth.ledger.book import State
from dpsynth.ledger.entry import checked_scope, checked_text
from dpsynth.ledger.ledger import Ledger
from dpsynth.ledger.open import open_ledger
from dpsynth.privacy.cost import Cost
from dpsynth.release.certificate import LedgerRecord
from dpsynth.release.release import Release, load
from dpsynth.tape import Tape

TOP = "population"


@dataclass(frozen=True)
class Booking:
    """A request to a ledger, and where its results are kept.

    scope: whose budget is charged. request_id: the same one asks for the same release again. plan_hash: of all that was
    asked. results: a folder beside the ledger, or None where nothing can be kept.
    """

    ledger: Ledger
    scope: str
    request_id: str
    plan_hash: str
    results: Path | None

    @classmethod
    def of(cls, ledger: Ledger | str | Path, scope: str, request_id: str | None, asked: Mapping[str, Any]) -> Booking:
        """The booking of a run. asked: everything that the request says, as JSON values; its hash names the plan."""
        if request_id is not None and not (0 < len(request_id) <= 200 and request_id.isprintable()):
            raise SettingError("request_id must be 1 to 200 printable characters; try one made of date and purpose")
        opened = ledger if isinstance(ledger, Ledger) else open_ledger(str(ledger))
        plan_hash = hashlib.sha256(json.dumps(asked, sort_keys=True, allow_nan=False).encode()).hexdigest()
        named = request_id or secrets.token_hex(16)
        # As the ledger spells them: an accent may be written in two ways.
        scope, named = checked_scope(scope), checked_text("request_id", named, empty=False)
        return cls(opened, scope, named, plan_hash, _results_of(ledger))

    def begin(self, cost: Cost, delta: float, *, goes_on: bool = False) -> Release | None:
        """Reserve the cost before any data is read; the kept release when this request was measured before.

        delta: at which a refusal states epsilons. goes_on: whether the answers of an earlier run of it are on a tape,
        so that this one asks for nothing twice.

        Raises BudgetError when it does not fit, LedgerError when an earlier run was cut off after TOUCHED without a
        tape.
        """
        self._require_place()
        state = self.ledger.reserve(
            self.scope, cost, request_id=self.request_id, plan_hash=self.plan_hash, delta=delta
        ).state
        if state is State.TOUCHED and not goes_on:
            raise LedgerError(
                f"request {self.request_id!r} must not run twice: it was cut off after it had touched the private"
                " table, and its budget is spent; try the checkpoint that it was given, or another request_id, which is"
                " charged anew"
            )
        if state in (State.MEASURED, State.RELEASED):
            return self._kept()
        if state is State.VOID:
            raise LedgerError(f"request {self.request_id!r} must not be void; try another request_id")
        return None

    def record(self) -> LedgerRecord:
        """What the certificate says of this charge."""
        entry, (ledger_id, seq, newest) = self.ledger.reservation(self.request_id).entry, self.ledger.head
        return LedgerRecord(ledger_id, self.scope, self.request_id, entry.seq, entry.hash, seq, newest)

    def void(self) -> None:
        """Give the budget back when nothing private was touched, by this run or an earlier one."""
        if self.ledger.state(self.request_id) is not State.TOUCHED:
            self.ledger.void(self.request_id)

    def touched(self) -> None:
        """From here on the budget is spent, whatever happens."""
        if self.ledger.state(self.request_id) is not State.TOUCHED:  # else `begin` let it go on
            self.ledger.touched(self.request_id)

    def finish(self, release: Release) -> None:
        """Keep the release, then write down that it was measured, and that it is handed out."""
        if self.results is not None:
            self.results.mkdir(mode=0o700, exist_ok=True)
            if release.audit_pool is not None:
                release.audit_pool.save(self._place().with_suffix(".pool.json"))
            release.save(self._place())
        self.ledger.measured(self.request_id, digest=release.content_digest)
        self.ledger.released(self.request_id)

    def _place(self) -> Path:
        assert self.results is not None  # noqa: S101  # for the type checker
        named = f"{self.ledger.ledger_id}/{self.request_id}"
        return self.results / hashlib.sha256(named.encode()).hexdigest()[:32]

    def _require_place(self) -> None:
        """Refuse, before anything is charged, a folder for results that others can look into."""
        if self.results is None or not (self.results.exists() or self.results.is_symlink()):
            return
        if self.results.is_symlink() or not self.results.is_dir() or self.results.stat().st_mode & 0o077:
            raise LedgerError(
                f"results ({self.results}) must be a folder that its owner alone can open; got another; try moving it"
                " away, or chmod 700"
            )

    def _kept(self) -> Release:
        if self.results is None or not self._place().is_dir():
            raise LedgerError(
                f"request {self.request_id!r} was measured before, and its results are not kept here; try the release"
                " that was made then, or another request_id, which is charged anew"
            )
        kept, coins = load(self._place()), self._place().with_suffix(".pool.json")
        pool = AuditPool.load(coins) if coins.exists() else None
        reservation, record = self.ledger.reservation(self.request_id), kept.certificate.ledger
        entry, charged = reservation.entry, self.ledger.ledger_id
        known = None if record is None else (record.ledger_id, record.request_id, record.seq, record.hash)
        committed = None if kept.certificate.audit_pool is None else kept.certificate.audit_pool.commitment
        if (
            known != (charged, self.request_id, entry.seq, entry.hash)
            or kept.content_digest != reservation.digest
            or committed != (None if pool is None else pool.commitment)
        ):
            raise LedgerError(
                f"the results kept for request {self.request_id!r} must be those that it was charged for; got others;"
                " try the release that was made then"
            )
        if self.ledger.state(self.request_id) is State.MEASURED:
            self.ledger.released(self.request_id)
        return replace(kept, audit_pool=pool)


def tape_of(folder: Path, asked: Mapping[str, Any], booking: Booking | None) -> Tape:
    """The tape of a run in a folder; it belongs to one request alone. asked: as in `Booking.of`."""
    if asked["audit_pool"] is not None:
        raise SettingError("checkpoint must be left out with an audit pool, whose coins would be drawn anew")
    named = None if booking is None else [booking.ledger.ledger_id, booking.scope, booking.request_id]
    return Tape(folder, {**asked, "request": named})


def _results_of(ledger: Ledger | str | Path) -> Path | None:
    """A folder beside a ledger file; None for a ledger in a database server."""
    address = str(ledger.address if isinstance(ledger, Ledger) else ledger)
    if address.startswith(("postgresql:", "postgres:")):
        return None
    path = Path(address.removeprefix("sqlite:///"))
    return path.with_name(path.name + ".results")
