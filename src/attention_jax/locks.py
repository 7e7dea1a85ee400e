"""Files that one process at a time holds: a killed process lets go of them, as no note would."""

import fcntl
from pathlib import Path
from typing import IO


def hold(path: Path) -> IO[str] | None:
    """The open file, held by this process alone until it is closed; None if another holds it.

    Raises:
      OSError: the file system has no locks, or the file cannot be written.
    """
    try:
        return _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None


def wait_for(path: Path) -> IO[str]:
    """As `hold`, once no other process holds it."""
    return _locked(path, fcntl.LOCK_EX)


def _locked(path: Path, how: int) -> IO[str]:
    path.parent.mkdir(exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, how)
    except OSError:
        file.close()
        raise
    return file
