"""Published promises are compared by a bound that is reached, and each names its source."""

from __future__ import annotations

import numpy as np
import pytest

from dpsynth.report.deployments import DEPLOYMENTS, finds_at_most


def test_the_bound_of_a_pair_alone_is_reached_by_randomised_response() -> None:
    # It says the truth with chance e/(1+e): whoever accuses when it says yes has these two rates.
    truth = np.e / (1 + np.e)
    assert finds_at_most(1.0, 0.0, 1 - truth) == pytest.approx(truth)
    assert finds_at_most(1.0, 0.1, 0.0) == pytest.approx(0.1)
    assert finds_at_most(1.0, 0.1, 1.0) == 1.0


def test_every_deployment_names_whom_it_protects_and_its_source() -> None:
    assert all(each.whom and each.every and each.source for each in DEPLOYMENTS)
    found = [finds_at_most(each.epsilon, each.delta, 0.01) for each in DEPLOYMENTS]
    assert found == sorted(found)
    assert 0.01 < found[0] < 0.03 < 0.999 < found[-1] <= 1.0
