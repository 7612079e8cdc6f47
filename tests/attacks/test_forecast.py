from __future__ import annotations

from attacks.catalogue import CATALOGUE, RELEASE
from attacks.forecast import SECONDS, forecast


def test_every_attack_has_a_price() -> None:
    assert set(SECONDS) == set(CATALOGUE)


def test_more_of_anything_takes_longer() -> None:
    one = forecast(RELEASE, 100_000, 20, 5_000)
    assert 20 < one < 120
    assert forecast(CATALOGUE, 100_000, 20, 5_000) > 3 * one
    assert forecast(RELEASE, 1_000_000, 20, 5_000) > 5 * one
    assert forecast(RELEASE, 100_000, 40, 5_000) > 1.5 * one
    assert forecast(RELEASE, 100_000, 20, 50_000) > 2 * one
    assert 0 < forecast(RELEASE, 10, 1, 10) < one
    assert forecast(["one of my own"], 1000, 5, 100) > 0
