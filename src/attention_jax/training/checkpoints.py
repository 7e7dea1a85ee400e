"""Checkpoints of everything: the state, and what the loop must remember beside it.

The one module that knows Orbax. A checkpoint holds `state` (the pytree) and `progress` (plain JSON:
the seed, the number of batches consumed, the best value so far). The newest ones are kept, and the
one with the best value.
"""

import dataclasses
import errno
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import (
    PolicyCheckpointInfo,
    PreservationContext,
    PreservationPolicy,
)

from attention_jax.errors import UserError
from attention_jax.typing import PyTree

_log = logging.getLogger(__name__)


@dataclasses.dataclass
class _NewestAndBest(PreservationPolicy):
    """Keeps the newest checkpoints, and the best one however old it is.

    Orbax's own best-of-n reads a file of metrics a checkpoint, and one that is damaged keeps it
    from opening the others.
    """

    newest: int
    best: int | None = None

    def should_preserve(
        self, checkpoints: Sequence[PolicyCheckpointInfo], *, context: PreservationContext
    ) -> Sequence[bool]:
        first = len(checkpoints) - self.newest
        return [n >= first or info.step == self.best for n, info in enumerate(checkpoints)]


class Checkpoints:
    """The checkpoints of one workdir.

    Args:
      folder: where they lie; made on the first save.
      keep: how many of the newest to keep, beside the best.
      read_only: for commands that only look.
    """

    def __init__(self, folder: Path, keep: int = 2, read_only: bool = False):
        self.folder = folder.absolute()
        self._kept = _NewestAndBest(keep)
        self._manager = ocp.CheckpointManager(
            self.folder,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=self._kept,
                cleanup_tmp_directories=not read_only,
                create=not read_only,
            ),
        )

    @property
    def steps(self) -> list[int]:
        """Steps that have a checkpoint, oldest first."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: PyTree, progress: dict[str, Any]) -> None:
        """Starts writing a checkpoint; the state may be donated as soon as this returns.

        Args:
          step: updates done; one that is there already is not written again.
          state: one copy of it.
          progress: JSON-able; `best_step` says which checkpoint to keep beside the newest.

        Raises:
          UserError: when this or the one before could not be written, a full disk for instance.
        """
        self._kept.best = progress.get("best_step")
        if step in self.steps:
            return
        self._need_room_for(state)
        try:
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state), progress=ocp.args.JsonSave(progress)
                ),
            )
        except Exception as error:
            raise self._unwritten(error) from error

    def _need_room_for(self, state: PyTree) -> None:
        # Asked first, because tensorstore's threads fill the terminal when a write fails half way.
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
        place = self.folder if self.folder.exists() else self.folder.parent
        free = shutil.disk_usage(place).free
        if free < needed:
            raise self._unwritten(
                OSError(f"it needs {needed / 1e6:.1f} MB and the disk has {free / 1e6:.1f} MB left")
            )

    def wait(self) -> None:
        """Returns when all checkpoints are on disk.

        Raises:
          UserError: when one could not be written.
        """
        try:
            self._manager.wait_until_finished()
            self._manager.check_for_errors()
        except Exception as error:
            raise self._unwritten(error) from error

    def restore(self, like: PyTree, step: int | None = None) -> tuple[PyTree, dict[str, Any]]:
        """(state, progress) of a step, or of the newest readable checkpoint.

        Args:
          like: shapes, types and placement (`Devices.like`).
          step: that one and no other; None falls back, with a warning, to older ones.

        Raises:
          UserError: when there is none, or none that can be read.
        """
        steps = self.steps if step is None else [step]
        if not steps or (step is not None and step not in self.steps):
            have = ", ".join(map(str, self.steps)) or "none"
            wanted = "a checkpoint" if step is None else f"a checkpoint of step {step}"
            raise UserError(f"{self.folder} lacks {wanted} (it has: {have}): train first")
        for candidate in reversed(steps):
            try:
                return self._read(candidate, like)
            except Exception as error:
                reason = _reason(error)
                if _differs_in_shape(error):
                    raise UserError(
                        f"checkpoint {candidate} in {self.folder} is of another model: {reason}"
                    ) from error
                _log.warning(
                    "checkpoint %d in %s cannot be read (%s)", candidate, self.folder, reason
                )
        raise UserError(
            f"no checkpoint in {self.folder} can be read ({', '.join(map(str, steps))} tried): "
            "delete the folder to start again"
        )

    def _read(self, step: int, like: PyTree) -> tuple[PyTree, dict[str, Any]]:
        found = self._manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(like), progress=ocp.args.JsonRestore()
            ),
        )
        return found["state"], found["progress"]

    def progress(self, step: int) -> dict[str, Any]:
        """What a checkpoint remembers beside its state."""
        args = ocp.args.Composite(progress=ocp.args.JsonRestore())
        return self._manager.restore(step, args=args)["progress"]

    def drop_after(self, step: int) -> None:
        """Deletes checkpoints newer than `step`: unreadable ones that a restore passed over."""
        for newer in [s for s in self.steps if s > step]:
            self._manager.delete(newer)

    def close(self) -> None:
        """Ends the threads. Raises UserError when a checkpoint on its way could not be written."""
        try:
            self._manager.close()
        except Exception as error:
            raise self._unwritten(error) from error

    def _unwritten(self, error: Exception) -> UserError:
        kept = f"step {self.steps[-1]} is intact" if self.steps else "none was kept"
        return UserError(
            f"a checkpoint could not be written to {self.folder} ({_reason(error)}): make room and "
            f"run the same command again; {kept}"
        )


def _reason(error: Exception) -> str:
    """What the system said, which tensorstore buries in a paragraph; else how that begins."""
    text = " ".join(str(error).split())
    codes = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)
    said = [os.strerror(code) for code in codes if os.strerror(code) in text]
    return said[0] if said else text[:160]


def _differs_in_shape(error: Exception) -> bool:
    text = str(error)
    return "shape" in text and ("incompatible" in text or "not match" in text)
