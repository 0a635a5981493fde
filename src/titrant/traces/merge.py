"""Problems by question: repeats are merged, and other gold answers to the same question told."""

from __future__ import annotations

from dataclasses import dataclass, field

from titrant.traces.record import Problem, normalise


@dataclass(slots=True)
class Merged:
    """Problems by question."""

    problems: dict[str, Problem] = field(default_factory=dict)
    n_repeated: int = 0
    conflicts: list[tuple[Problem, str]] = field(default_factory=list)
    """The problem that stays and another gold answer to the same question."""

    def add(self, problem: Problem) -> None:
        """Take a problem in; the first of a question stays, of those with a gold answer if any has one."""
        first = self.problems.setdefault(problem.qid, problem)
        if first is problem:
            return
        self.n_repeated += 1
        if first.gold is None and problem.gold is not None:
            self.problems[problem.qid] = problem
        elif problem.gold is not None and normalise(first.gold or "") != normalise(problem.gold):
            self.conflicts.append((first, problem.gold))

    def notes(self) -> list[str]:
        """What the report should say of it."""
        notes = []
        if self.n_repeated:
            notes.append(f"{self.n_repeated} questions repeat an earlier one and were merged")
        if self.conflicts:
            first, other = self.conflicts[0]
            notes.append(
                f"{len(self.conflicts)} of them have another gold answer, and the first one stays: "
                f"row {first.meta['row']} says {first.gold!r}, a later one {other!r}"
            )
        return notes
