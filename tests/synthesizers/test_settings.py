from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from dpsynth.errors import SettingError
from dpsynth.synthesizers.settings import require_at_least_one, require_not_negative, require_shares


@pytest.mark.parametrize(
    ("require", "good", "bad"),
    [
        (require_shares, (0.01, 0.99), (0.0, 1.0, -0.5, math.nan)),
        (require_not_negative, (0.0, 1e9), (-1e-9, math.inf, math.nan)),
        (require_at_least_one, (1.0, 2**31 - 1), (0.99, 2**31, math.inf, math.nan)),
    ],
)
def test_every_field_named_is_checked_and_no_other(require, good, bad):
    for value in good:
        require(SimpleNamespace(one=value, two=value, three="no number"), "one", "two")
    for value in bad:
        with pytest.raises(SettingError, match=r"^two \("):
            require(SimpleNamespace(one=good[0], two=value), "one", "two")


def test_messages_name_the_field_and_its_value():
    settings = SimpleNamespace(share=1.5, penalty=-1.0, sweeps=0.0)
    with pytest.raises(SettingError, match=r"^share \(1\.5\) must be between 0 and 1$"):
        require_shares(settings, "share")
    with pytest.raises(SettingError, match=r"^penalty \(-1\.0\) must be a number that is not negative$"):
        require_not_negative(settings, "penalty")
    with pytest.raises(SettingError, match=r"^sweeps \(0\.0\) must be at least 1 and below 2\^31$"):
        require_at_least_one(settings, "sweeps")
