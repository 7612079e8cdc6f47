"""Column figures by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from dpsynth.evaluation.arms import Arms
from dpsynth.evaluation.columns import (
    categories_kept,
    column_figures,
    kolmogorov,
    missing_share,
    range_covered,
    wasserstein,
)


def test_distances_of_numbers_by_hand(rng: np.random.Generator) -> None:
    one, two = np.array([0.0, 1.0, np.nan]), np.array([2.0, 3.0])
    assert wasserstein(one, two) == 2.0
    assert kolmogorov(one, two) == 1.0
    a, b = rng.normal(0, 1, 60).round(1), rng.normal(0.4, 1, 50).round(1)
    assert kolmogorov(a, b) == pytest.approx(ks_2samp(a, b).statistic)
    assert np.isnan(wasserstein(one, np.array([np.nan])))


@pytest.mark.parametrize(
    ("other", "covered"), [([0, 10], 1.0), ([-5, 20], 1.0), ([2, 7], 0.5), ([20, 30], 0.0), ([10, 10], 0.0)]
)
def test_the_range_that_is_covered(other: list[float], covered: float) -> None:
    assert range_covered(np.array([0.0, 10.0]), np.array(other, dtype=float)) == covered


def test_missing_cells_and_lost_categories_are_seen(split: Arms) -> None:
    private = split.private
    assert missing_share(private, "pay") == np.isnan(private.values["pay"]).mean()
    assert missing_share(private, "sex") == 0
    rare = private.codes["city"] == private.field("city").labels.index("Bodø")
    assert categories_kept(private, private.take(~rare), "city") == pytest.approx(2 / 3)


def test_every_column_has_its_figures(split: Arms) -> None:
    found = {each.column: each for each in column_figures(split)}
    assert list(found) == ["sex", "city", "age", "pay", "seen", "ill"]
    assert found["seen"].unit == "days"
    assert found["seen"].kind == "date"
    assert found["city"].wasserstein is None
    assert found["age"].distance.whole == pytest.approx(found["age"].distance.ceiling.value, abs=0.1)
    assert found["pay"].missing_private == pytest.approx(found["pay"].missing_synthetic, abs=0.05)
