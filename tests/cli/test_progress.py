"""Progress goes to stderr, only when somebody looks, and shows fractions only."""

from __future__ import annotations

import pytest

from dpsynth.cli.progress import progress_bar


def test_nobody_looks_and_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(wanted=False) as show:
        assert show is None
    assert capsys.readouterr() == ("", "")


def test_progress_is_shown_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(wanted=True) as show:
        assert show is not None
        show("reading the table", 0.0)
        show("model", 0.5)
        show("model", 2.0)
    out, err = capsys.readouterr()
    assert out == ""
    assert "model" in err
    assert "100%" in err
