"""The catalogue: names, one-line summaries, settings by name and text."""

from __future__ import annotations

import pytest

import dpsynth
from dpsynth.errors import SettingError
from dpsynth.synthesizers.catalogue import CATALOGUE, make_synthesizer
from dpsynth.synthesizers.mst import MST


def test_every_synthesizer_has_a_summary():
    assert set(dpsynth.synthesizers()) == {"auto", *CATALOGUE}
    for name, summary in dpsynth.synthesizers().items():
        assert 20 < len(summary) < 120, name


def test_settings_come_as_numbers_or_text():
    assert make_synthesizer("mst", {"one_way_share": "0.2", "merge_below": 4}) == MST(
        one_way_share=0.2, merge_below=4.0
    )


def test_a_setting_of_another_synthesizer_says_whose_it_is():
    with pytest.raises(SettingError, match=r"it is a setting of \['direct'\]"):
        make_synthesizer("independent", {"marginals": "a,b"})


def test_auto_is_a_name_for_the_engine_alone():
    with pytest.raises(SettingError, match="synthesizer"):
        make_synthesizer("auto", {})
    with pytest.raises(SettingError, match="did you mean 'auto'"):
        make_synthesizer("atuo", {})


@pytest.mark.parametrize("settings", [{"one_way_share": "a lot"}, {"one_way_share": None}, {"unknown": 1}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(SettingError):
        make_synthesizer("mst", settings)
