"""The published DeepConf, re-implemented from what its code does, faults and all; nothing is copied.

Source: Fu et al. 2025 (arXiv 2508.15260) and the package `deepconf` 0.1.0. Token by token in Python, on lists
as vLLM gives them: the logprobs returned for a position, which are 21 where the sampled token is not among
the 20 likeliest.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

WINDOW = 2048


def confidences(positions):
    """Rounded mean of whatever was returned at each position."""
    return [round(-sum(returned) / len(returned), 3) for returned in positions]


def windows(confs, size):
    """Rounded window means; of a shorter trace its plain mean alone."""
    if len(confs) < size:
        return [sum(confs) / len(confs)]
    return [round(sum(confs[i : i + size]) / size, 3) for i in range(len(confs) - size + 1)]


def mean_of(confs):
    return float(np.mean(confs))


def tail_of(confs, size=WINDOW):
    return float(np.mean(confs[-size:] if len(confs) > size else confs))


def bottom_of(confs, size=WINDOW, share=0.1):
    found = sorted(windows(confs, size))
    return float(np.mean(found[: max(1, int(len(found) * share))]))


def lowest_of(confs, size=WINDOW):
    return float(min(windows(confs, size)))


def majority(answers):
    return Counter(answers).most_common(1)[0][0] if answers else None


def weighted(answers, weights):
    votes: dict[str, float] = {}
    for answer, weight in zip(answers, weights, strict=True):
        votes[answer] = votes.get(answer, 0.0) + weight
    return max(votes, key=votes.__getitem__) if votes else None


def top_tenth(answers, weights):
    bar = np.percentile(weights, 90)
    kept = [(a, w) for a, w in zip(answers, weights, strict=True) if w >= bar]
    return weighted(*zip(*kept, strict=True))


def seven(traces, *, size=WINDOW):
    """The seven answers; traces are (answer, confidences), those without an answer left out."""
    known = [(answer, confs) for answer, confs in traces if answer is not None]
    answers = [answer for answer, _ in known]
    by = {
        name: [of(confs) for _, confs in known]
        for name, of in (
            ("mean", mean_of),
            ("tail", lambda c: tail_of(c, size)),
            ("bottom", lambda c: bottom_of(c, size)),
            ("lowest", lambda c: lowest_of(c, size)),
        )
    }
    return {
        "majority": majority(answers),
        "mean": weighted(answers, by["mean"]),
        "tail": weighted(answers, by["tail"]),
        "bottom": weighted(answers, by["bottom"]),
        "lowest": weighted(answers, by["lowest"]),
        "tail@10": top_tenth(answers, by["tail"]),
        "bottom@10": top_tenth(answers, by["bottom"]),
    }


def final_answer(traces, *, multiple_voting=True, size=WINDOW):
    """What is reported: with multiple voting the unweighted majority overwrites the weighted vote."""
    found = seven(traces, size=size)
    return found["majority"] if multiple_voting else found["lowest"]
