from __future__ import annotations

import numpy as np
import pytest

from benchmarks import audit_controls as controls
from benchmarks.audit_controls import Case, Tally


def in_common(one: dict, other: dict) -> int:
    """Rows of one table that are rows of the other."""
    rows = [{*zip(*(each[name].tolist() for name in one), strict=True)} for each in (one, other)]
    return len(rows[0] & rows[1])


def test_copies_are_rows_of_the_private_table_and_the_others_are_not() -> None:
    rng = np.random.default_rng(0)
    train, fresh = controls.population(400, rng), controls.population(400, rng)
    members = np.arange(100)
    made = controls.with_copies(fresh, train, members, 40, rng)
    assert len(made["age"]) == 400
    by_chance = in_common(fresh, train)
    assert 40 <= in_common(made, {name: each[members] for name, each in train.items()}) <= 40 + by_chance


def test_an_interval_covers_its_rate_and_knows_the_ends() -> None:
    low, high = controls.interval(10, 200)
    assert 0.02 < low < 0.05 < high < 0.1
    assert controls.interval(0, 200)[0] == 0
    assert controls.interval(200, 200)[1] == 1


@pytest.mark.parametrize(
    ("make", "alarms"), [(controls.independent(300, 300), 0), (controls.copying(300, 1.0), 1)], ids=["fresh", "copied"]
)
def test_a_draw_is_audited_under_every_claim(make, alarms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("tiny", bool(alarms), make)
    chosen = controls.AUDIT.chosen
    monkeypatch.setattr(controls.AUDIT, "chosen", lambda asked: chosen(["copies"]))
    tallies: dict[tuple[str, str], Tally] = {}
    controls.run(case, 0, tallies)
    assert [claim for _, claim in tallies] == [*controls.CLAIMS]
    assert tallies["tiny", "none"].alarms == alarms
    assert f"{alarms} of   1" in controls.table([case], tallies)


def test_a_pool_is_drawn_and_the_release_holds_copies_of_those_who_took_part() -> None:
    draw = controls.pool_copying(500, 100, 0.5)(0)
    coins = draw.options["pool"]
    assert draw.synthetic.certificate.audit_pool.commitment == coins.commitment
    left_out = draw.train.iloc[coins.rows[~coins.coins]]
    columns = list(draw.train.columns)
    copied = draw.synthetic.table[columns].merge(draw.train, on=columns)
    assert len(copied) >= 200
    assert len(draw.synthetic.table[columns].merge(left_out, on=columns)) < 10
