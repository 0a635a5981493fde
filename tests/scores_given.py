"""Pools whose uids count up, and scores that a test writes down."""

from dataclasses import dataclass, field

import numpy as np

from titrant.select.candidates import Candidates
from titrant.traces.record import Trace


@dataclass
class Given:
    """Scores by name, in the order of the pool's uids."""

    signals: dict[str, list[float]] = field(default_factory=dict)
    states: list[list[float]] = field(default_factory=list)
    histories: dict[str, list[float]] = field(default_factory=dict)

    def signal(self, name, uids):
        return np.array([self.signals[name][int(uid)] for uid in uids], dtype=float)

    def hidden(self, uids):
        return np.array([self.states[int(uid)] for uid in uids], dtype=np.float32)

    def history(self, qids):
        return [np.array(self.histories.get(qid, []), dtype=float) for qid in qids]


def pool(n: int, **columns) -> list[Trace]:
    """n traces with uids 000 …, each of its own question unless `qid` says otherwise.

    A column is a list with one value per trace.
    """
    rows = []
    for i in range(n):
        fields = {"qid": f"q{i:03d}", "question": "1+1=", "answer_text": "2", "n_tokens": 10 + i}
        fields |= {name: values[i] for name, values in columns.items()}
        rows.append(Trace(uid=f"{i:03d}", **fields))
    return rows


def candidates(traces: list[Trace], scores: Given | None = None) -> Candidates:
    return Candidates(tuple(traces), scores or Given())
