"""What a caller of the ledger sees."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from dpsynth.errors import BudgetError, LedgerError, SettingError
from dpsynth.ledger import Ledger, Refusal, State, open_ledger, whole_units
from dpsynth.ledger.book import Book
from dpsynth.ledger.check import check
from dpsynth.ledger.draft import Draft
from dpsynth.ledger.entry import Kind
from dpsynth.ledger.sqlite import SqliteStore
from dpsynth.privacy.calibration import Guarantee, budget_from
from dpsynth.privacy.cost import Cost

DIGEST = "5f" * 32


def budget(epsilon: float, delta: float = 1e-6, reserved_delta: float = 0.0) -> Cost:
    return whole_units(budget_from(epsilon, delta, reserved_delta))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.init(path, (1.0, 1e-6), actor="steward", reason="policy of 2026") as made:
        yield made


def test_a_cap_of_a_promise_takes_a_run_of_that_promise(ledger: Ledger) -> None:
    assert ledger.quote("population", budget(1.0)).fits
    ledger.reserve("population", budget(1.0), request_id="all", plan_hash="plan")
    assert ledger.remaining("population").mu_squared == 0


def test_all_runs_together_keep_the_promise_of_the_cap(ledger: Ledger) -> None:
    for number in range(100):
        try:
            ledger.reserve(f"population/{number % 3}", budget(0.3), request_id=str(number), plan_hash="plan")
        except BudgetError:
            break
    total = sum((one.cost for one in ledger.explain("population")), Cost(Fraction(0)))
    assert len(ledger.explain("population")) == 9, "costs add in mu^2; by adding epsilons it would be 3"
    assert Guarantee.of(total).epsilon(1e-6) <= 1.0


def test_a_refusal_tells_what_was_asked_what_is_left_who_spent_it_and_what_fits(ledger: Ledger) -> None:
    ledger.reserve("population/visits", budget(0.6), request_id="visits 1", plan_hash="plan", actor="ann")
    with pytest.raises(Refusal) as caught:
        ledger.reserve("population/labs", budget(0.9), request_id="labs 1", plan_hash="plan", delta=1e-6)
    said = str(caught.value)
    assert "epsilon 0.9 at delta 1e-06" in said
    assert "cap of 'population'" in said
    assert "  - visits 1: epsilon 0.6 at delta 1e-06, RESERVED, 20" in said
    assert "by ann, in 'population/visits'" in said
    quote = caught.value.quote
    assert (quote.fits, quote.binds, quote.part) == (False, "population", "mu^2")
    assert [one.request_id for one in caught.value.spent] == ["visits 1"]
    # What the message offers does fit, and a hundredth more does not.
    offered = float(said.split("try epsilon ")[1].split(" ")[0])
    assert not ledger.quote("population/labs", budget(offered * 1.01)).fits
    assert ledger.quote("population/labs", budget(offered)).fits
    ledger.reserve("population/labs", budget(offered), request_id="labs 1", plan_hash="plan")


def test_a_refusal_of_delta0_says_so(ledger: Ledger) -> None:
    with pytest.raises(Refusal, match="its delta0 does not fit") as caught:
        ledger.reserve("population", budget(0.5, 1e-6, 1e-7), request_id="codes", plan_hash="plan")
    assert caught.value.quote.part == "delta0"
    assert "no epsilon fits with delta0 1e-07" in str(caught.value)
    ledger.cap("population", (1.0, 1e-6, 5e-7))
    ledger.reserve("population", budget(0.5, 1e-6, 1e-7), request_id="codes", plan_hash="plan")
    quote = ledger.quote("population", budget(0.5, 1e-6, 1e-7))
    assert quote.fits
    assert ledger.quote("population", budget(quote.largest_epsilon, 1e-6, 1e-7)).fits


def test_a_long_refusal_stays_on_one_screen(ledger: Ledger) -> None:
    for number in range(30):
        ledger.reserve("population", budget(0.02), request_id=f"run {number}", plan_hash="plan")
    with pytest.raises(Refusal, match="20 older requests") as caught:
        ledger.reserve("population", budget(1.0), request_id="more", plan_hash="plan")
    assert len(str(caught.value).splitlines()) < 20
    assert len(caught.value.spent) == 30


def test_the_nearest_full_cap_binds(ledger: Ledger) -> None:
    ledger.cap("population/visits", (0.2, 1e-6), actor="steward")
    quote = ledger.quote("population/visits/study", budget(0.5))
    assert (quote.fits, quote.binds) == (False, "population/visits")
    assert ledger.quote("population/labs", budget(0.5)).fits
    assert quote.largest_epsilon == pytest.approx(0.2, rel=1e-6)
    with pytest.raises(BudgetError):
        ledger.reserve("population/visits/study", budget(0.5), request_id="run", plan_hash="plan")


def test_a_retry_is_charged_once(ledger: Ledger) -> None:
    first = ledger.reserve("population", budget(0.8), request_id="dag 7, task 2", plan_hash="plan")
    again = ledger.reserve("population", budget(0.8), request_id="dag 7, task 2", plan_hash="plan")
    assert first == again
    assert ledger.head.seq == 2
    ledger.touched("dag 7, task 2")
    assert (
        ledger.reserve("population", budget(0.8), request_id="dag 7, task 2", plan_hash="plan").state is State.TOUCHED
    )


@pytest.mark.parametrize(
    ("scope", "epsilon", "plan", "said"),
    [
        ("population", 0.5, "another", "another plan"),
        ("population/x", 0.5, "plan", "another scope"),
        ("population", 0.4, "plan", "another cost"),
    ],
)
def test_a_known_request_with_another_content_is_refused(
    ledger: Ledger, scope: str, epsilon: float, plan: str, said: str
) -> None:
    ledger.reserve("population", budget(0.5), request_id="run", plan_hash="plan")
    with pytest.raises(LedgerError, match=said):
        ledger.reserve(scope, budget(epsilon), request_id="run", plan_hash=plan)
    assert ledger.head.seq == 2


def test_the_life_of_a_request(ledger: Ledger) -> None:
    ledger.reserve("population", budget(0.5), request_id="run", plan_hash="plan")
    assert ledger.state("run") is State.RESERVED
    assert ledger.touched("run").state is State.TOUCHED
    measured = ledger.measured("run", digest=DIGEST)
    assert (measured.state, measured.digest) == (State.MEASURED, DIGEST)
    assert ledger.measured("run", digest=DIGEST).state is State.MEASURED
    assert ledger.released("run").state is State.RELEASED
    assert ledger.released("run").state is State.RELEASED
    assert ledger.head.seq == 5
    assert ledger.reservation("run").digest == DIGEST


def test_a_charge_pays_for_one_content(ledger: Ledger, path: Path) -> None:
    ledger.reserve("population", budget(0.5), request_id="run", plan_hash="plan")
    ledger.touched("run")
    for odd in ("", "0" * 63, "G" * 64, DIGEST.upper(), None):
        with pytest.raises(SettingError, match="digest"):
            ledger.measured("run", digest=odd)  # type: ignore[arg-type]
    assert ledger.measured("run", digest=DIGEST).digest == DIGEST
    with pytest.raises(LedgerError, match="another content"):
        ledger.measured("run", digest="0" * 64)
    assert (ledger.head.seq, ledger.reservation("run").digest) == (4, DIGEST)
    ledger.released("run")
    with open_ledger(path) as again:
        assert again.reservation("run").digest == DIGEST


@pytest.mark.parametrize("details", [{}, {"content_sha256": "0" * 63}, {"content_sha256": 1}, {"other": "0" * 64}])
def test_an_entry_that_does_not_say_what_was_measured_is_impossible(
    ledger: Ledger, details: dict[str, str | int]
) -> None:
    ledger.reserve("population", budget(0.5), request_id="run", plan_hash="plan")
    ledger.touched("run")

    def planted(book: Book) -> Draft:
        return Draft(Kind.MEASURED, "population", "run", "plan", details=details)

    with pytest.raises(LedgerError, match="by a digest"):
        ledger._write(planted)
    entries = list(ledger._store.entries())
    forged = planted(Book()).sealed(4, entries[-1].hash, datetime(2026, 1, 1, tzinfo=UTC), None)
    assert [fault.kind for fault in check([*entries, forged])] == ["impossible"]


def test_only_one_program_may_touch_a_request(ledger: Ledger, path: Path) -> None:
    ledger.reserve("population", budget(0.5), request_id="run", plan_hash="plan")
    with open_ledger(path) as other:
        other.touched("run")
    with pytest.raises(LedgerError, match="must be RESERVED to become TOUCHED; got TOUCHED"):
        ledger.touched("run")


def test_what_was_touched_is_spent(ledger: Ledger) -> None:
    ledger.reserve("population", budget(0.5), request_id="run", plan_hash="plan")
    left = ledger.remaining("population")
    ledger.touched("run")
    with pytest.raises(LedgerError, match="what was touched is spent and stays so"):
        ledger.void("run")
    assert ledger.remaining("population") == left


def test_void_gives_back_once(ledger: Ledger) -> None:
    full = ledger.remaining("population")
    ledger.reserve("population/a", budget(0.5), request_id="run", plan_hash="plan")
    ledger.void("run", reason="wrong schema")
    ledger.void("run")
    assert ledger.remaining("population") == full
    assert ledger.explain("population") == ()
    with pytest.raises(LedgerError, match="got VOID"):
        ledger.touched("run")


def test_a_cap_never_goes_below_what_is_spent(ledger: Ledger) -> None:
    ledger.reserve("population", budget(0.5), request_id="run", plan_hash="plan")
    with pytest.raises(LedgerError, match="must cover what was spent"):
        ledger.cap("population", (0.4, 1e-6))
    ledger.cap("population", (0.5, 1e-6), actor="steward", reason="closed")
    assert ledger.remaining("population").mu_squared == 0
    assert ledger.quote("population", budget(0.01)).largest_epsilon == 0


def test_caps_in_other_words(tmp_path: Path) -> None:
    for number, cap in enumerate([0.5, Cost(Fraction(1, 4), Fraction(1, 10**9)), [1.0, 1e-6], (1.0, 1e-6, 1e-8)]):
        with Ledger.init(tmp_path / f"{number}.db", cap, "people") as made:
            assert made.remaining("people").mu_squared > 0
    for cap in ("1", (1.0,), (1.0, 2.0), (-1.0, 1e-6), 0.0, None, True):
        with pytest.raises(SettingError):
            Ledger.init(tmp_path / "none.db", cap)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="single name"):
        Ledger.init(tmp_path / "none.db", 1.0, "people/visits")


def test_a_scope_whose_top_has_no_cap_is_refused(ledger: Ledger) -> None:
    for call in (ledger.remaining, ledger.explain, lambda scope: ledger.quote(scope, budget(0.1))):
        with pytest.raises(LedgerError, match="'populaton' must have a cap"):
            call("populaton/visits")
    with pytest.raises(LedgerError, match="must have a cap"):
        ledger.reserve("populaton", budget(0.1), request_id="run", plan_hash="plan")


def test_unknown_requests_and_bad_texts(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="must be reserved first"):
        ledger.touched("nobody")
    with pytest.raises(SettingError, match="cost"):
        ledger.reserve("population", Cost(Fraction(0)), request_id="run", plan_hash="plan")
    for request_id, plan_hash in (("", "plan"), ("run", ""), ("a\nb", "plan"), ("x" * 201, "plan")):
        with pytest.raises(SettingError):
            ledger.reserve("population", budget(0.1), request_id=request_id, plan_hash=plan_hash)
    with pytest.raises(SettingError, match="actor"):
        ledger.reserve("population", budget(0.1), request_id="run", plan_hash="plan", actor="\x1b[31m")
    assert ledger.head.seq == 1


def test_unicode_scopes_are_one_scope_in_every_spelling(ledger: Ledger) -> None:
    ledger.cap("population/e\u0301tude", (0.5, 1e-6))
    ledger.reserve("population/\u00e9tude", budget(0.4), request_id="日本", plan_hash="plan", actor="Zoë")
    with pytest.raises(BudgetError):
        ledger.reserve("population/e\u0301tude", budget(0.4), request_id="two", plan_hash="plan")
    assert [one.request_id for one in ledger.explain("population/\u00e9tude")] == ["日本"]


def test_a_clock_that_goes_back_changes_nothing(path: Path) -> None:
    Ledger.init(path, 1.0).close()
    times = iter(datetime(2026, 1, 1, tzinfo=UTC) - timedelta(days=day) for day in range(99))
    with Ledger(SqliteStore.open(path), clock=lambda: next(times)) as ledger:
        for number in range(5):
            ledger.reserve("population", Cost(Fraction(1, 100)), request_id=str(number), plan_hash="plan")
        spent = ledger.explain("population")
        assert [one.request_id for one in spent] == list("01234"), "the order is that of the chain"
        assert spent[0].time > spent[-1].time
        assert not ledger.verify([ledger.head])


def test_balances(ledger: Ledger) -> None:
    ledger.reserve("population/visits/study", budget(0.5), request_id="run", plan_hash="plan")
    found = {one.scope: one for one in ledger.balances()}
    assert list(found) == ["population", "population/visits", "population/visits/study"]
    top, study = found["population"], found["population/visits/study"]
    assert top.cap_epsilon == pytest.approx(1.0, rel=1e-6)
    assert top.spent_epsilon == pytest.approx(0.5, rel=1e-6)
    assert top.cap is not None
    assert top.cap.minus(top.spent) == top.left == study.left
    assert (study.cap, study.requests) == (None, 1)


def test_the_head_is_what_a_certificate_needs(ledger: Ledger) -> None:
    taken = ledger.reserve("population", budget(0.1), request_id="run", plan_hash="plan", details={"epsilon": "0.1"})
    assert ledger.head == (taken.ledger_id, taken.entry.seq, taken.entry.hash)
    assert taken.ledger_id == ledger.ledger_id
    assert taken.entry.details == {"epsilon": "0.1"}


def test_times_do_not_tell_how_long_a_run_took(path: Path) -> None:
    """Finer times would: TOUCHED and MEASURED lie before and after what is computed on private rows."""
    Ledger.init(path, 1.0).close()
    with Ledger(SqliteStore.open(path), clock=lambda: datetime(2026, 1, 1, 12, 0, 59, 999_999, UTC)) as ledger:
        entry = ledger.reserve("population", Cost(Fraction(1, 9)), request_id="run", plan_hash="plan").entry
    assert entry.time == "2026-01-01T12:00:59+00:00"
