"""Draw logs made by hand, and random ones for properties."""

from __future__ import annotations

import numpy as np

from titrant.signals.ragged import Ragged, offsets_of
from titrant.vote.logs.log import DrawLog, record_lows


def make_log(
    groups, right=(0,), *, confidence=None, tokens=None, window=4, signals=None
) -> DrawLog:
    """A log from groups per question; group numbers in `right` are right answers.

    Args:
        groups: of each question's draws.
        right: groups that are right, in every question.
        confidence: token confidences of each draw, all questions one after the other; default: none.
        tokens: generated tokens of each draw; default: those of its confidences, or 10.
        window: of group confidence.
        signals: more of them; `lowest` is there where confidences are.
    """
    group = np.array([g for row in groups for g in row], dtype=np.int32)
    rows = [np.asarray(row, dtype=float) for row in confidence or [[] for _ in group]]
    ragged = Ragged.of_rows(rows)
    found = dict(signals or {})
    if confidence is not None:
        found.setdefault("lowest", ragged.sliding_mean(window).min())
    is_right = np.isin(group, right)
    lengths = ragged.lengths if confidence is not None else np.full(len(group), 10)
    return DrawLog(
        qids=tuple(f"q{i}" for i in range(len(groups))),
        offsets=offsets_of(np.array([len(row) for row in groups])),
        group=group,
        is_right=is_right,
        verdict=np.where(group < 0, "unreadable", np.where(is_right, "correct", "wrong")),
        n_tokens=np.asarray(lengths if tokens is None else tokens, dtype=np.int64),
        lows={"lowest": record_lows(ragged, window)},
        window=window,
        signals={name: np.asarray(values, dtype=float) for name, values in found.items()},
    )


def random_log(seed: int, *, questions=5, draws=24, n_groups=3, window=4) -> DrawLog:
    """Draws of random lengths, answers and confidences; some without an answer."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(-1, n_groups, (questions, draws))
    confidence = [rng.gamma(4.0, 1.0, rng.integers(1, 30)) for _ in range(questions * draws)]
    return make_log(groups.tolist(), confidence=confidence, window=window)
