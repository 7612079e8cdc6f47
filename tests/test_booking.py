from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dpsynth
from dpsynth import engine
from dpsynth.ledger.book import State
from dpsynth.release.content import content_digest
from dpsynth.release.directory import Directory

SCHEMA = dpsynth.Schema([dpsynth.Categorical(name, values=range(3)) for name in "ab"])
TABLE = pd.DataFrame(np.random.default_rng(0).integers(0, 3, (300, 2)), columns=["a", "b"])


@pytest.fixture
def address(tmp_path: Path) -> str:
    dpsynth.Ledger.init(tmp_path / "ledger.db", (2.0, 1e-6)).close()
    return str(tmp_path / "ledger.db")


def made(address: str | dpsynth.Ledger, data: object = TABLE, **options: object) -> dpsynth.Release:
    defaults = {"epsilon": 1.0, "delta": 1e-6, "synthesizer": "independent", "ledger": address}
    return dpsynth.synthesize(data, SCHEMA, **{**defaults, **options})  # type: ignore[arg-type]


def test_a_release_is_charged_and_says_where(address: str) -> None:
    release = made(address, request_id="first")
    entry = release.certificate.ledger
    assert entry is not None
    assert (entry.scope, entry.request_id) == ("population", "first")
    with dpsynth.open_ledger(address) as ledger:
        assert ledger.ledger_id == entry.ledger_id
        assert ledger.state("first") is State.RELEASED
        assert ledger.verify([(entry.ledger_id, entry.head_seq, entry.head_hash)]) == ()
        spent = ledger.explain("population")
        assert [one.request_id for one in spent] == ["first"]
        whole = dpsynth.plan(SCHEMA, epsilon=2.0, delta=1e-6).budget.mu_squared
        charged = dpsynth.plan(SCHEMA, epsilon=1.0, delta=1e-6).budget.mu_squared
        left = ledger.remaining("population").mu_squared
        assert abs(float(whole - charged - left)) < 1e-12


def test_what_does_not_fit_is_refused_before_the_table_is_read(address: str) -> None:
    made(address)
    with pytest.raises(dpsynth.BudgetError, match=r"(?s)left.*population"):
        made(address, data="no such file.csv", epsilon=1.9)


def test_the_same_request_gives_the_same_release_free_of_charge(address: str) -> None:
    first = made(address, request_id="again", audit_pool=50)
    with dpsynth.open_ledger(address) as ledger:
        before = ledger.remaining("population")
    again = made(address, data="the table is not needed any more", request_id="again", audit_pool=50)
    pd.testing.assert_frame_equal(first.table, again.table)
    assert first.audit_pool is not None
    assert again.audit_pool is not None
    assert again.audit_pool.commitment == first.audit_pool.commitment
    with dpsynth.open_ledger(address) as ledger:
        assert ledger.remaining("population") == before
    with pytest.raises(dpsynth.LedgerError, match="another plan"):
        made(address, request_id="again", synthesizer="mst")
    kept = Path(address + ".results")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept.glob("*.pool.json")} == {0o600}


@pytest.mark.parametrize("more", [{"rows": 17}, {"seed": 5}, {"rows": 17, "seed": 5}, {"rows": 0}])
def test_a_retry_with_other_rows_or_another_seed_draws_anew(address: str, tmp_path: Path, more: dict[str, int]) -> None:
    first = made(address, request_id="again", seed=1, audit_pool=50)
    with dpsynth.open_ledger(address) as ledger:
        before = ledger.head
    asked = {"data": "not needed", "request_id": "again", "audit_pool": 50}
    again = made(address, **asked, **more)
    wanted = {"rows": first.rows, "seed": 1, **more}
    assert {"rows": again.rows, "seed": again.seed} == wanted
    assert {"rows": again.certificate.rows, "seed": again.certificate.seed} == wanted
    pd.testing.assert_frame_equal(again.table, first.sample(wanted["rows"], seed=wanted["seed"]))
    assert again.audit_pool is not None
    assert again.certificate.ledger == first.certificate.ledger
    assert dpsynth.load(again.save(tmp_path / "out")).content_digest == first.content_digest
    # The kept release is as it was, whatever was drawn from it.
    pd.testing.assert_frame_equal(made(address, **asked).table, first.table)
    pd.testing.assert_frame_equal(made(address, **asked, rows=first.rows, seed=1).table, first.table)
    with dpsynth.open_ledger(address) as ledger:
        assert ledger.head == before


def test_a_table_that_is_refused_costs_nothing(address: str) -> None:
    with pytest.raises(dpsynth.DataError):
        made(address, data=TABLE.drop(columns="a"), request_id="broken")
    with dpsynth.open_ledger(address) as ledger:
        assert ledger.state("broken") is State.VOID
        assert ledger.explain("population") == ()
    with pytest.raises(dpsynth.LedgerError, match="void"):
        made(address, request_id="broken")


def test_what_stops_after_the_table_was_touched_is_spent(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(engine, "run_request", stopped)
        with pytest.raises(KeyboardInterrupt):
            made(address, request_id="stopped")
    with dpsynth.open_ledger(address) as ledger:
        assert ledger.state("stopped") is State.TOUCHED
        assert len(ledger.explain("population")) == 1
    with pytest.raises(dpsynth.LedgerError, match="budget is spent"):
        made(address, request_id="stopped")


def test_results_are_kept_before_they_count_as_measured(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk after the noise was drawn: spent, and never said to be measured."""

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(dpsynth.Release, "save", full)
        with pytest.raises(OSError, match="no space"):
            made(address, request_id="full")
    with dpsynth.open_ledger(address) as ledger:
        assert ledger.state("full") is State.TOUCHED


def test_a_release_of_a_scope_counts_above_it(address: str) -> None:
    with dpsynth.open_ledger(address) as ledger:
        ledger.cap("population/visits", (0.5, 1e-6))
        with pytest.raises(dpsynth.BudgetError):
            made(ledger, scope="population/visits")
        release = made(ledger, scope="population/visits/march", epsilon=0.4)
        assert release.certificate.ledger is not None
        assert release.certificate.ledger.scope == "population/visits/march"
        assert len(ledger.explain("population")) == 1


def test_without_a_ledger_the_certificate_says_so(tmp_path: Path) -> None:
    release = dpsynth.synthesize(TABLE, SCHEMA, epsilon=1, delta=1e-6, synthesizer="independent")
    assert release.certificate.ledger is None
    release.save(tmp_path / "out")
    assert "Ledger: none" in (tmp_path / "out" / "certificate.txt").read_text()


@pytest.mark.parametrize("name", ["", "x" * 201, "line\nbreak"])
def test_odd_names_of_requests_are_refused(address: str, name: str) -> None:
    with pytest.raises(dpsynth.SettingError, match="request_id"):
        made(address, request_id=name)


def test_a_cap_pays_for_a_release_of_just_its_size(tmp_path: Path) -> None:
    with dpsynth.Ledger.init(tmp_path / "exact.db", (1.0, 1e-6)) as ledger:
        release = made(ledger, epsilon=1.0, delta=1e-6)
        assert release.certificate.promise.epsilon == 1.0
        assert float(ledger.remaining("population").mu_squared) < 1e-14
        with pytest.raises(dpsynth.BudgetError):
            made(ledger, epsilon=0.01, delta=1e-6)


def test_a_cap_for_open_columns_needs_a_reserved_delta(tmp_path: Path) -> None:
    schema = dpsynth.Schema([dpsynth.OpenCategorical("town"), dpsynth.Boolean("b")])
    table = {"town": ["York", "Ely"] * 200, "b": [True, False] * 200}
    without = dpsynth.Ledger.init(tmp_path / "one.db", (3.0, 1e-6))
    with without as ledger, pytest.raises(dpsynth.BudgetError, match="reserved-delta"):
        dpsynth.synthesize(table, schema, epsilon=1, delta=1e-6, ledger=ledger)
    with dpsynth.Ledger.init(tmp_path / "two.db", (3.0, 1e-6, 5e-7)) as ledger:
        dpsynth.synthesize(table, schema, epsilon=1, delta=1e-6, ledger=ledger)


def test_kept_results_are_those_that_were_charged_for(address: str) -> None:
    made(address, request_id="x", epsilon=0.4)
    made(address, request_id="y", epsilon=0.3)
    kept = sorted(path for path in Path(address + ".results").iterdir() if path.is_dir())
    one, other = kept
    spare = one.with_name("spare")
    one.rename(spare)
    other.rename(one)
    spare.rename(other)
    for name, epsilon in (("x", 0.4), ("y", 0.3)):
        with pytest.raises(dpsynth.LedgerError, match="charged for"):
            made(address, request_id=name, epsilon=epsilon)


def test_the_ledger_knows_what_was_paid_for(address: str, tmp_path: Path) -> None:
    release = made(address, request_id="first")
    with dpsynth.open_ledger(address) as ledger:
        assert ledger.reservation("first").digest == release.content_digest
        measured = [entry for entry in ledger._store.entries() if entry.kind == "MEASURED"]
    assert [entry.details for entry in measured] == [{"content_sha256": release.content_digest}]
    saved = Directory(release.save(tmp_path / "out")).digests()
    assert release.content_digest == content_digest(saved)


def test_kept_results_with_another_content_are_refused(address: str) -> None:
    """A second run of the same plan, put in the place of the first one under the first one's certificate."""
    first = made(address, request_id="x", epsilon=0.4)
    other = dpsynth.synthesize(TABLE, SCHEMA, epsilon=0.4, delta=1e-6, synthesizer="independent")
    (place,) = (path for path in Path(address + ".results").iterdir() if path.is_dir())
    replace(other, certificate=first.certificate).save(place, overwrite=True)
    with pytest.raises(dpsynth.LedgerError, match="charged for"):
        made(address, request_id="x", epsilon=0.4)


def test_results_of_an_older_ledger_are_not_in_the_way(tmp_path: Path) -> None:
    for _ in range(2):
        with dpsynth.Ledger.init(tmp_path / "ledger.db", (1.0, 1e-6)) as ledger:
            made(ledger, request_id="same", epsilon=0.5)
        for file in tmp_path.glob("ledger.db*"):
            if file.is_file():
                file.unlink()


def test_a_folder_that_others_can_open_is_refused_before_anything_is_charged(address: str) -> None:
    Path(address + ".results").mkdir(mode=0o755)
    with pytest.raises(dpsynth.LedgerError, match="owner alone"):
        made(address)
    with dpsynth.open_ledger(address) as ledger:
        assert ledger.explain("population") == ()


def test_names_are_spelled_as_the_ledger_spells_them(address: str) -> None:
    release = made(address, scope="population/e\u0301", request_id="e\u0301")
    again = made(address, scope="population/\u00e9", request_id="\u00e9")
    assert release.certificate.ledger == again.certificate.ledger
