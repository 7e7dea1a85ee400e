"""Files that one process at a time holds: a killed process lets go of them, as no note would."""

import fcntl
from pathlib import Path
from typing import IO


def hold(path: Path, wait: bool = False) -> IO[str] | None:
    """The open file, held by this process alone until it is closed; None if another holds it.

    Raises:
      OSError: the file system has no locks, or the file cannot be written.
    """
    path.parent.mkdir(exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        file.close()
        if isinstance(error, BlockingIOError):
            return None
        raise
    return file
