from __future__ import annotations

import numpy as np
import pytest

from dpsynth.errors import SettingError
from dpsynth.synthesizers.kmeans_mixture import SCALE, KMeansMixture, code_points
from tests.synthesizers.test_kde import fit, hidden_codes, pair_errors


def test_relations_of_codes_without_order_are_found() -> None:
    table = hidden_codes(20_000, 5)
    error, independent = pair_errors(table, fit("kmeans_mixture", table, 4, components=8))
    assert error < 0.25 * independent


def test_more_clusters_than_rows_are_shrunk_to_the_one_ways() -> None:
    """With little but noise in each cluster the model is not worse than independent columns by more than a little."""
    rng = np.random.default_rng(0)
    table = {name: rng.integers(0, 4, 300) for name in "abc"}
    error, independent = pair_errors(table, fit("kmeans_mixture", table, 4, components=200))
    assert error < independent + 0.1


def test_points_stay_in_the_unit_sphere_and_follow_the_order() -> None:
    shares = (np.full(6, 1 / 6), np.full(9, 1 / 9), np.array([0.5, 0.5]), np.ones(1))
    ranked, sphere, two, one = code_points(shares, (5, 0, 0, 0), np.random.default_rng(0))
    assert (np.diff(ranked[:5, 0]) > 0).all()
    assert ranked[5, 0] == 0  # the code outside the order
    for own in (ranked, sphere, two, one):
        assert (own**2).sum(axis=1).max() <= SCALE**2
    assert sphere.shape == (9, 4)
    assert len(np.unique(sphere, axis=0)) == 9
    assert two[0, 0] < two[1, 0]


def test_one_column_gets_its_one_ways() -> None:
    fitted = fit("kmeans_mixture", {"a": np.arange(300) % 3}, 3)
    assert [one.clique for one in fitted.measurements] == [("a",)]


@pytest.mark.parametrize(
    "settings", [{"one_way_share": 0.6, "centre_share": 0.4}, {"components": 0}, {"rounds": 0}, {"centre_share": 0.0}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match="must be"):
        KMeansMixture(**settings)
