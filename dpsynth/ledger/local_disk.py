"""Whether a path lies on a disk of this machine, where locks can be trusted."""

from __future__ import annotations

from pathlib import Path

from dpsynth.errors import LedgerError

# Write-ahead logging needs memory that all processes share, which a network does not give.
NETWORK_FILE_SYSTEMS = {
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone",
    "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "pvfs2",
    "smb2", "smb3", "smbfs",
}  # fmt: skip


def require_local(path: Path, mounts: str | None = None) -> None:
    """Raise LedgerError when `path` lies on a network file system, as far as the system tells.

    mounts: the text of /proc/mounts; by default this machine's. Where there is none, nothing is refused.
    """
    if mounts is None:
        table = Path("/proc/mounts")
        mounts = table.read_text(encoding="utf-8", errors="replace") if table.is_file() else ""
    place = path.absolute().parent.resolve()
    nearest, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = Path(fields[1].replace("\\040", " "))
        if place.is_relative_to(mount) and len(mount.parts) >= nearest:
            nearest, kind = len(mount.parts), fields[2]
    if kind in NETWORK_FILE_SYSTEMS:
        raise LedgerError(
            f"ledger ({path}) must lie on a local disk; got a network file system ({kind}), on which locks and "
            "the write-ahead log cannot be trusted; try a local path, or a postgresql:// address for a team"
        )
