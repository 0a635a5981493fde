"""What a run tells whoever watches it: the terminal, a log, or nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.arms import ArmSpec

ArmState = Literal["waiting", "running", "done", "failed", "reused"]


class EndPoint(NamedTuple):
    """What is known after a round."""

    strategy: str
    verdict: str
    ed: float | None
    """The end point in traces; `None` while there is none."""
    low: float | None
    high: float | None
    gain: float
    gain_low: float
    gain_high: float
    arms: int
    """Trained arms behind it."""


class Watcher(Protocol):
    """Is told what happens; must not change it."""

    def stage(self, name: str) -> None:
        """A stage begins."""
        ...

    def note(self, text: str) -> None:
        """Something worth saying aloud."""
        ...

    def warn(self, text: str) -> None:
        """Something the user should act on."""
        ...

    def arms(self, title: str, specs: Sequence[ArmSpec]) -> None:
        """These arms are to be run, side by side."""
        ...

    def arm(self, arm_id: str, state: ArmState, accuracy: float | None = None) -> None:
        """An arm changes its state."""
        ...

    def progress(self, name: str, phase: str, done: int, total: int) -> None:
        """How far a running arm, or the stage of that name, is; total 0 where it is unknown."""
        ...

    def end_points(self, found: Sequence[EndPoint]) -> None:
        """The current estimates, one per strategy, after a round."""
        ...


class Silent:
    """Nobody watches."""

    def stage(self, name: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Nothing."""

    def arms(self, title: str, specs: Sequence[ArmSpec]) -> None:
        """Nothing."""

    def arm(self, arm_id: str, state: ArmState, accuracy: float | None = None) -> None:
        """Nothing."""

    def progress(self, name: str, phase: str, done: int, total: int) -> None:
        """Nothing."""

    def end_points(self, found: Sequence[EndPoint]) -> None:
        """Nothing."""
