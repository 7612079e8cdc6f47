"""The same formulas in riskcal 1.5.1 (https://pypi.org/project/riskcal): to 1e-6, live and as frozen figures."""

from __future__ import annotations

import pytest

from attacks.statistics.trade_off import Approximate, Gaussian

# Computed by riskcal 1.5.1: get_advantage_from_gdp(mu), get_advantage_from_adp(epsilon, delta),
# get_beta_from_gdp(mu, alpha), get_beta_from_adp(epsilon, delta, alpha),
# get_epsilon_from_err_rates(delta, alpha, beta).
GDP_ADVANTAGES = {
    0.05: 0.01994503639,
    0.268051: 0.106617589737,
    1.0: 0.382924922548,
    2.5: 0.788700452666,
}
ADP_ADVANTAGES = {
    (0.1, 0.0): 0.049958374958,
    (1.0, 1e-05): 0.462122536088,
    (2.0, 0.01): 0.763978214396,
    (4.0, 0.001): 0.964063552496,
}
GDP_BETAS = {
    (0.268051, 0.01): 0.980219177957,
    (0.268051, 0.5): 0.394330031148,
    (1.0, 0.001): 0.981701531594,
    (1.0, 0.1): 0.610856308355,
    (2.5, 0.01): 0.431069431858,
    (2.5, 0.3): 0.024100078383,
}
ADP_BETAS = {
    (1.0, 1e-05, 0.01): 0.972807181715,
    (1.0, 1e-05, 0.5): 0.183936041791,
    (2.0, 0.01, 0.1): 0.251094390107,
    (4.0, 0.001, 0.001): 0.944401849967,
    (0.1, 0.0, 0.9): 0.090483741804,
}
EPSILONS = {
    (1e-05, 0.01, 0.5): 3.912003005228,
    (0.0, 0.1, 0.1): 2.197224577336,
    (0.01, 0.2, 0.3): 1.238374231043,
}


def test_frozen_figures():
    for mu, advantage in GDP_ADVANTAGES.items():
        assert Gaussian(mu).advantage == pytest.approx(advantage, abs=1e-6)
    for pair, advantage in ADP_ADVANTAGES.items():
        assert Approximate(*pair).advantage == pytest.approx(advantage, abs=1e-6)
    for (mu, alpha), beta in GDP_BETAS.items():
        assert Gaussian(mu).f(alpha) == pytest.approx(beta, abs=1e-6)
        assert Gaussian(mu).ceiling(alpha) == pytest.approx(1 - beta, abs=1e-6)
    for (epsilon, delta, alpha), beta in ADP_BETAS.items():
        assert Approximate(epsilon, delta).f(alpha) == pytest.approx(beta, abs=1e-6)
    for (delta, alpha, beta), epsilon in EPSILONS.items():
        assert Approximate(epsilon, delta).f(alpha) == pytest.approx(beta, abs=1e-6)


def test_riskcal_itself_where_it_is_installed():
    analysis = pytest.importorskip("riskcal.analysis")
    for mu in (0.01, 0.2, 1.0, 2.5, 6.0):
        assert Gaussian(mu).advantage == pytest.approx(float(analysis.get_advantage_from_gdp(mu)), abs=1e-6)
        for alpha in (1e-4, 0.01, 0.1, 0.5, 0.9):
            assert Gaussian(mu).f(alpha) == pytest.approx(float(analysis.get_beta_from_gdp(mu, alpha)), abs=1e-6)
    for epsilon in (0.0, 0.3, 1.0, 4.0):
        for delta in (0.0, 1e-5, 0.05):
            curve = Approximate(epsilon, delta)
            assert curve.advantage == pytest.approx(float(analysis.get_advantage_from_adp(epsilon, delta)), abs=1e-6)
            for alpha in (1e-4, 0.01, 0.1, 0.5, 0.9):
                beta = float(analysis.get_beta_from_adp(epsilon, delta, alpha))
                assert curve.f(alpha) == pytest.approx(beta, abs=1e-6)
