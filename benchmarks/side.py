"""What both sides are asked for in their processes; it knows neither JAX nor PyTorch."""

import abc

from benchmarks import machine


class Side(abc.ABC):
    """One of the two programs: a step is what `_timed` does."""

    def run(self, steps: int) -> list[float]:
        """Seconds of each of so many steps."""
        return [self._timed() for _ in range(steps)]

    def peak(self, steps: int) -> float:
        """Bytes held at most meanwhile."""
        machine.forget_peak()
        self.run(steps)
        return machine.peak_memory()

    @abc.abstractmethod
    def _timed(self) -> float:
        """Seconds of one step."""
