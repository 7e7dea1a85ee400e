"""METEOR of captions, by its authors' program: only where there is Java, and their jar.

Nothing is downloaded. `METEOR_JAR` names the jar: METEOR 1.5's own, with the folder data/ of
paraphrases beside it (Denkowski and Lavie 2014; it also lies in pycocoevalcap).
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from attention_jax.errors import UserError

VARIABLE = "METEOR_JAR"
_OPTIONS = ("-l", "en", "-norm")  # As COCO's evaluation code calls it.
_SCORE = re.compile(r"^Final score:\s*([\d.eE+-]+)\s*$", re.MULTILINE)


class Meteor(NamedTuple):
    """The program."""

    java: Path
    jar: Path

    def name(self) -> str:
        """Which METEOR it is exactly, to be printed with its scores."""
        digest = hashlib.sha256(self.jar.read_bytes()).hexdigest()[:16]
        return f"{self.jar.name} (sha256 {digest}), {' '.join(_OPTIONS)}"

    def score(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> float:
        """METEOR of a corpus, in 0..100.

        Args:
          hypotheses: a caption an image.
          references: one or more of each image.

        Raises:
          UserError: where the program fails.
        """
        most = max(map(len, references))
        # As many of each image as it wants: to repeat one changes no maximum over them.
        lines = [text for of_image in references for text in _repeated(of_image, most)]
        with tempfile.TemporaryDirectory() as folder:
            said, right = Path(folder) / "hypotheses", Path(folder) / "references"
            said.write_text("".join(f"{text}\n" for text in hypotheses), encoding="utf-8")
            right.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")
            files = (str(said), str(right))
            program = (str(self.java), "-Xmx2G", "-jar", str(self.jar))
            command = [*program, *files, *_OPTIONS, "-r", str(most)]
            done = subprocess.run(command, capture_output=True, text=True)
        found = _SCORE.search(done.stdout)
        if done.returncode or found is None:
            reason = " ".join((done.stderr or done.stdout).split())[-200:]
            raise UserError(f"{self.jar} gave no METEOR ({reason}): mend or unset {VARIABLE}")
        return 100 * float(found[1])


def find() -> Meteor | None:
    """The program, where `METEOR_JAR` names it and Java is there; else METEOR is not to be had.

    Raises:
      UserError: `METEOR_JAR` names no file.
    """
    java, jar = shutil.which("java"), os.environ.get(VARIABLE)
    if not jar or java is None:
        return None
    path = Path(jar).expanduser()
    if not path.is_file():
        raise UserError(f"{VARIABLE} names {jar}, which is no file: give the path of the jar")
    return Meteor(Path(java), path)


def _repeated(texts: Sequence[str], count: int) -> list[str]:
    return [*texts, *[texts[-1]] * (count - len(texts))]
