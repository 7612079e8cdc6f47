from __future__ import annotations

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.marginal import NoisyMarginal
from dpsynth.models import fit_bayes_net as module
from dpsynth.models.fit_bayes_net import fit_bayes_net

DOMAIN = Domain.of({"a": 3, "b": 4, "c": 2, "one": 1, "d": 5})
NETWORK = (("b", ()), ("a", ("b",)), ("one", ("a",)), ("d", ("a", "b")), ("c", ("b", "d")))
TABLES = [("a", "b"), ("a", "one"), ("a", "b", "d"), ("b", "c", "d")]
ONE_WAYS = [(column,) for column in DOMAIN]
ROWS = 20_000


def truth(seed: int = 0) -> np.ndarray:
    """Expected counts of a distribution that has exactly the network's structure; axes in table order."""
    rng = np.random.default_rng(seed)
    b, a = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(3), 4)
    d, c = rng.dirichlet(np.full(5, 0.7), (3, 4)), rng.dirichlet(np.ones(2), (4, 5))
    return ROWS * np.einsum("b,ba,abd,bdc->abcd", b, a, d, c)[:, :, :, None, :]


def marginal(joint: np.ndarray, clique: tuple[str, ...]) -> np.ndarray:
    return joint.sum(axis=tuple(i for i, column in enumerate(DOMAIN) if column not in clique))


def measure(
    joint: np.ndarray, stddev: float, seed: int = 1, one_way_stddev: float | None = None
) -> list[NoisyMarginal]:
    rng = np.random.default_rng(seed)
    out = []
    for clique in ONE_WAYS + TABLES:
        s = one_way_stddev if one_way_stddev is not None and len(clique) == 1 else stddev
        exact = marginal(joint, clique)
        out.append(NoisyMarginal(clique, exact + s * rng.normal(size=exact.shape), s))
    return out


def test_without_noise_the_distribution_is_recovered_whole() -> None:
    joint = truth()
    net = fit_bayes_net(DOMAIN, NETWORK, measure(joint, 1e-6), ROWS)
    assert (net.order, net.parents) == (tuple(c for c, _ in NETWORK), tuple(above for _, above in NETWORK))
    np.testing.assert_allclose(net.project(DOMAIN.columns), joint, atol=1e-3)
    # Power: without its second parent the column d is not.
    bare = fit_bayes_net(DOMAIN, (*NETWORK[:3], ("d", ("a",)), NETWORK[4]), measure(joint, 1e-6), ROWS)
    assert np.abs(bare.project(("b", "d")) - joint.sum(axis=(0, 2, 3))).max() > 10


@pytest.mark.parametrize("stddev", [30.0, 300.0])
def test_one_ways_are_kept_however_noisy_the_tables_are(stddev: float) -> None:
    joint = truth(2)
    net = fit_bayes_net(DOMAIN, NETWORK, measure(joint, stddev, one_way_stddev=1.0), ROWS)
    for clique in ONE_WAYS:
        np.testing.assert_allclose(net.project(clique), marginal(joint, clique), atol=25)
    # Power: the noisy tables by themselves are far off.
    assert stddev * np.sqrt(DOMAIN.cells(("a", "b"))) > 100


def test_shared_columns_of_several_tables_are_estimated_better_than_by_one() -> None:
    joint, errors, alone = truth(3), [], []
    for seed in range(40):
        measured = measure(joint, 100.0, seed)
        net = fit_bayes_net(DOMAIN, NETWORK, measured, ROWS)
        exact = marginal(joint, ("a", "b"))
        errors.append(np.abs(net.project(("a", "b")) - exact).sum())
        noisy = next(one.values for one in measured if one.clique == ("a", "b"))
        alone.append(np.abs(noisy - exact).sum())
    assert np.mean(errors) < 0.9 * np.mean(alone)


def test_noise_alone_gives_a_network_all_the_same() -> None:
    joint = np.zeros(DOMAIN.sizes)
    net = fit_bayes_net(DOMAIN, NETWORK, measure(joint, 50.0), 1.0)
    assert net.project(("a", "c")).sum() == pytest.approx(1.0)


def test_parents_too_large_to_multiply_fall_back_on_the_table_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    joint = truth(4)
    monkeypatch.setattr(module, "_PROJECT_CELLS", 1)
    net = fit_bayes_net(DOMAIN, NETWORK, measure(joint, 1e-6), ROWS)
    np.testing.assert_allclose(net.project(DOMAIN.columns), joint, atol=1e-3)
