"""Release directories: whole or not at all, and never read when anything differs from the manifest."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dpsynth.errors import ReleaseError
from dpsynth.release import bundle
from dpsynth.release.bundle import EVIDENCE, FILES, MANIFEST, require_free, write_directory
from dpsynth.release.directory import Directory


def _writers(text: str = "content", size: int = 1) -> dict[str, bundle.Writer]:
    return {name: lambda path, name=name: path.write_bytes(f"{name} {text}".encode() * size) for name in FILES}


def _snapshot(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_written_directory_reads_back(tmp_path: Path) -> None:
    write_directory(tmp_path / "release", _writers())
    directory = Directory(tmp_path / "release")
    directory.check_all()
    assert directory.read("model.npz", 100) == b"model.npz content"
    assert _names(tmp_path / "release") == sorted([*FILES, MANIFEST])
    assert _names(tmp_path) == ["release"]


def test_missing_parents_and_an_empty_target_are_filled(tmp_path: Path) -> None:
    (tmp_path / "a" / "empty").mkdir(parents=True)
    write_directory(tmp_path / "a" / "empty", _writers())
    write_directory(tmp_path / "b" / "c" / "new", _writers())
    Directory(tmp_path / "a" / "empty").check_all()
    Directory(tmp_path / "b" / "c" / "new").check_all()


def test_the_set_of_files_is_fixed(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="must have the files"):
        write_directory(tmp_path / "release", {**_writers(), "../other": _writers()["model.npz"]})
    assert _names(tmp_path) == []


class _Fault:
    """Raises at the given call, in any of the functions it stands in for."""

    def __init__(self, at: int, error: BaseException) -> None:
        self.calls, self.at, self.error = 0, at, error

    def before(self, function):  # type: ignore[no-untyped-def]
        def stand_in(*arguments, **settings):  # type: ignore[no-untyped-def]
            self.calls += 1
            if self.calls == self.at:
                raise self.error
            return function(*arguments, **settings)

        return stand_in


def _run_with_fault(monkeypatch: pytest.MonkeyPatch, target: Path, fault: _Fault, overwrite: bool) -> None:
    """Write with a fault at one of: every write, fsync, mkdir, open and rename of the run."""
    with monkeypatch.context() as patch:
        for name in ("fsync", "rename", "open"):
            patch.setattr(bundle.os, name, fault.before(getattr(os, name)))
        patch.setattr(Path, "mkdir", fault.before(Path.mkdir))
        writers = {name: fault.before(write) for name, write in _writers("new").items()}
        write_directory(target, writers, overwrite=overwrite)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=["disk-full", "interrupt"]
)
def test_a_fault_at_any_step_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, overwrite: bool
) -> None:
    steps = _Fault(-1, error)
    _run_with_fault(monkeypatch, tmp_path / "count" / "release", steps, overwrite=False)
    assert steps.calls > 2 * len(FILES)
    refused = 0
    for at in range(1, steps.calls + 2):
        home = tmp_path / f"at-{at}"
        target = home / "release"
        if overwrite:
            write_directory(target, _writers("old"))
        before = _snapshot(home) if home.exists() else {}
        try:
            _run_with_fault(monkeypatch, target, _Fault(at, error), overwrite)
        except (ReleaseError, KeyboardInterrupt):
            refused += 1
        after = _snapshot(home) if home.exists() else {}
        if after == before:
            continue
        Directory(target).check_all()  # the new release, whole
        assert set(after) == {f"release/{name}" for name in (*FILES, MANIFEST)}
        assert after["release/model.npz"] == b"model.npz new"
    assert refused >= steps.calls - 2, "nearly every fault must have been felt"


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """The kernel refuses to write past `size` bytes of any file, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_the_system_refuses_leaves_nothing(tmp_path: Path) -> None:
    with _largest_file(50_000), pytest.raises(ReleaseError, match="must be writable"):
        write_directory(tmp_path / "release", _writers(size=10_000))
    assert _names(tmp_path) == []
    write_directory(tmp_path / "release", _writers(size=10_000))


def test_a_taken_target_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.doc").write_text("x")
    write_directory(tmp_path / "release", _writers("old"))
    (tmp_path / "link").symlink_to(tmp_path / "release")
    before = _snapshot(tmp_path)
    for name in ("file", "other", "release", "link"):
        with pytest.raises(ReleaseError, match=r"out .* must"):
            write_directory(tmp_path / name, _writers("new"))
    for name in ("file", "other", "link"):
        with pytest.raises(ReleaseError, match=r"out .* must"):
            write_directory(tmp_path / name, _writers("new"), overwrite=True)
    assert _snapshot(tmp_path) == before


def test_overwriting_replaces_only_a_release(tmp_path: Path) -> None:
    target = tmp_path / "release"
    write_directory(target, _writers("old"))
    write_directory(target, _writers("new"), overwrite=True)
    assert Directory(target).read("model.npz", 100) == b"model.npz new"
    (target / "notes.txt").write_text("mine")
    with pytest.raises(ReleaseError, match=r"got 'notes\.txt', which"):
        require_free(target, overwrite=True)
    assert (target / "notes.txt").exists()
    for number in range(7):
        (target / f"{number}.log").write_text("mine")
    with pytest.raises(ReleaseError, match=r"'0\.log', .* '4\.log' and 3 more"):
        require_free(target, overwrite=True)


def test_evidence_goes_with_the_release_that_it_is_about(tmp_path: Path) -> None:
    target = tmp_path / "release"
    write_directory(target, _writers("old"))
    for name in EVIDENCE:
        (target / name).write_text("of the old one")
    with pytest.raises(ReleaseError, match="overwrite"):
        write_directory(target, _writers("new"))
    require_free(target, overwrite=True)
    write_directory(target, _writers("new"), overwrite=True)
    assert _names(target) == sorted([*FILES, MANIFEST])
    assert set(EVIDENCE).isdisjoint(FILES)


def test_evidence_alone_is_no_release(tmp_path: Path) -> None:
    target = tmp_path / "release"
    target.mkdir()
    (target / "audit.json").write_text("{}")
    with pytest.raises(ReleaseError, match=r"got no MANIFEST\.json"):
        require_free(target, overwrite=True)


def test_a_file_among_the_parents_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name in ("file/x", "file/x/y"):
        with pytest.raises(ReleaseError, match=r"file, which is a file"):
            require_free(tmp_path / name)
    assert _names(tmp_path) == ["file"]


def test_a_check_leaves_nothing_behind(tmp_path: Path) -> None:
    require_free(tmp_path / "not" / "yet" / "there")
    assert list(tmp_path.iterdir()) == []
