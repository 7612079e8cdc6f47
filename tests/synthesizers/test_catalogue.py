"""The catalogue: names, one-line summaries, settings by name and text."""

from __future__ import annotations

import pytest

import dpsynth
from dpsynth.errors import SettingError
from dpsynth.synthesizers.catalogue import CATALOGUE, make_synthesizer
from dpsynth.synthesizers.mst import MST


def test_every_synthesizer_has_a_summary():
    assert set(dpsynth.synthesizers()) == set(CATALOGUE)
    for name, summary in dpsynth.synthesizers().items():
        assert 20 < len(summary) < 120, name


def test_settings_come_as_numbers_or_text():
    assert make_synthesizer("mst", {"one_way_share": "0.2", "merge_below": 4}) == MST(
        one_way_share=0.2, merge_below=4.0
    )


@pytest.mark.parametrize("settings", [{"one_way_share": "a lot"}, {"one_way_share": None}, {"unknown": 1}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(SettingError):
        make_synthesizer("mst", settings)
