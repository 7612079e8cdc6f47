"""Network file systems are told from local disks by the table of mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpsynth.errors import LedgerError
from dpsynth.ledger.local_disk import NETWORK_FILE_SYSTEMS, require_local


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_network_file_systems_are_refused(kind: str, tmp_path: Path) -> None:
    assert kind in NETWORK_FILE_SYSTEMS
    place = tmp_path.resolve()
    mounts = f"/dev/sda / ext4 rw 0 0\nserver:/x {place} {kind} rw 0 0\n"
    with pytest.raises(LedgerError, match="local disk"):
        require_local(place / "ledger.db", mounts)
    require_local(place.parent / "ledger.db", mounts)
    require_local(place / "ledger.db", f"{mounts}/dev/sdb {place} ext4 rw 0 0\nbroken line\n")
