"""Settings that every synthesizer shares: read from text, and set apart from its own."""

from __future__ import annotations

import pytest

from dpsynth.errors import SettingError
from dpsynth.shared_settings import ENGINE_SETTINGS, RUN_SETTINGS, parted


def test_text_becomes_numbers_and_the_rest_is_left():
    given = {"encoding_share": "0.3", "memory_limit_bytes": "1e9", "binning": "quantiles", "gap": "0.1"}
    own, rest = parted(given)
    assert own == {"encoding_share": 0.3, "memory_limit_bytes": 10**9, "binning": "quantiles"}
    assert rest == {"gap": "0.1"}
    assert set(RUN_SETTINGS) < set(ENGINE_SETTINGS)


@pytest.mark.parametrize("value", ["much", None, "inf"])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(SettingError, match="memory_limit_bytes"):
        parted({"memory_limit_bytes": value})
