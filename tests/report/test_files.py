"""Where reports may be written, what they can be read by, and how they are printed."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from dpsynth.errors import ReleaseError
from dpsynth.report import pdf
from dpsynth.report.files import require_free, write


def test_only_a_public_page_may_lie_in_the_release(place: Any, tmp_path: Path) -> None:
    free: dict[str, Any] = {"edition": "public", "overwrite": False}
    require_free(place.release / "report.html", place.release, **free)
    require_free(tmp_path / "any.html", place.release, edition="steward", overwrite=False)
    for name, edition in (("report.html", "steward"), ("report.pdf", "public"), ("synthetic.csv", "public")):
        with pytest.raises(ReleaseError, match="must not lie in the release"):
            require_free(place.release / name, place.release, edition=edition, overwrite=True)  # type: ignore[arg-type]
    (tmp_path / "link").symlink_to(place.release)
    with pytest.raises(ReleaseError, match="must not lie in the release"):
        require_free(tmp_path / "link" / "x.html", place.release, **free)


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    path = write(b"<p>", tmp_path / "page.html", edition="public")
    with pytest.raises(ReleaseError, match="--overwrite"):
        require_free(path, tmp_path / "release", edition="public", overwrite=False)
    require_free(path, tmp_path / "release", edition="public", overwrite=True)
    with pytest.raises(ReleaseError, match="in a folder"):
        require_free(tmp_path / "no" / "x.html", tmp_path / "release", edition="public", overwrite=True)


@pytest.mark.parametrize(("edition", "rights"), [("steward", 0o600), ("public", 0o644)])
def test_a_stewards_report_is_for_its_owner(tmp_path: Path, edition: Any, rights: int) -> None:
    path = write(b"x", tmp_path / "page.html", edition=edition)
    assert stat.S_IMODE(path.stat().st_mode) == rights
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(ReleaseError, match="No space left"):
        write(b"x", tmp_path / "page.html", edition="public")
    assert not list(tmp_path.iterdir())


def test_without_a_browser_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ReleaseError, match="printing it to a file"):
        pdf.printed("<p>")


def test_a_browser_that_prints_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "browser", lambda: "true")
    with pytest.raises(ReleaseError, match="got no file"):
        pdf.printed("<p>")


@pytest.mark.skipif(pdf.browser() is None, reason="no browser is installed")
def test_the_page_is_printed(pages: dict[str, str]) -> None:
    content = pdf.printed(pages["public"])
    assert content.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in content
    assert b"/Outlines" in content
