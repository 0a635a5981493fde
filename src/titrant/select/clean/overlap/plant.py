"""Planted leaks: does the detector find what is known to be there?

Problems of the benchmark are copied into traces in five ways, the detector that searched the pool searches
those too, and the share it flags is its recall, with a Wilson interval. Only the planted traces are
searched, so this is cheap enough for every report. Decoys are clean questions of the pool put through the same
changes: what is flagged there is a false alarm of the changes, not of the pool.

| leak | how |
|---|---|
| exact | the question as it is |
| quoted in a trace | the question in the middle of a trace that answers another one |
| reworded | other words and names, sentences in another order (`reword.rephrase`) |
| numbers changed | `reword.renumber` |
| names and numbers changed | `reword.rename` and `reword.renumber` |

A question that a way leaves as it was is not planted that way; an expression has neither words nor names, and
with other numbers it is another problem, so it is planted as an exact copy only.

Source: the demand for detectors that measure themselves on seeded leaks (marin #6852, PromptCoT #8). Left out:
leaks that a language model disguises, which are harder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy.stats import binomtest

from titrant.records import Record
from titrant.seeds import derive_rng
from titrant.select.clean.overlap.canonical import canonical
from titrant.select.clean.overlap.find import find_overlap
from titrant.select.clean.overlap.reword import rename, renumber, rephrase
from titrant.traces.bulk import identify, make_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from titrant.select.clean.overlap.find import Found
    from titrant.traces.record import Trace

MOST_PLANTED = 100
"""Leaks of one kind."""
LEVEL = 0.95
QUOTED = "quoted in a trace"


def _as_it_is(question: str, _: np.random.Generator) -> str:
    return question


def _as_another(question: str, rng: np.random.Generator) -> str:
    return renumber(rename(question, rng), rng)


CHANGES: dict[str, Callable[[str, np.random.Generator], str]] = {
    "exact": _as_it_is,
    QUOTED: _as_it_is,
    "reworded": rephrase,
    "numbers changed": renumber,
    "names and numbers changed": _as_another,
}


class Recall(Record):
    """How many of the planted leaks of one kind, or of the decoys, were flagged."""

    kind: str
    n: int
    """Planted; 0 where no problem can be changed in this way."""
    found: int
    share: float | None
    """found / n; `None` where nothing was planted."""
    low: float | None
    """Wilson interval at 95 %."""
    high: float | None


class LeakTest(Record):
    """Recall on planted leaks, and false alarms."""

    seed: int
    recall: tuple[Recall, ...]
    """By kind of leak."""
    decoys: Recall
    """Clean questions of the pool put through the same changes: each that is flagged is a false alarm."""


def measure_leaks(found: Found, *, root: int, most: int = MOST_PLANTED) -> LeakTest:
    """Plant leaks and count what is flagged; the pool itself stays as it is.

    Args:
        found: what was found in the pool, whose index and judgement of n-grams are used.
        root: the root seed.
        most: leaks of one kind at most.
    """
    recall = tuple(_plant_all(found, kind, root, most) for kind in CHANGES)
    return LeakTest(seed=root, recall=recall, decoys=_try_decoys(found, root, most))


def _plant_all(found: Found, kind: str, root: int, most: int) -> Recall:
    """Plant problems in one way, in an order by chance, until there are enough."""
    rng = derive_rng(root, "leaks", kind)
    hosts = _clean_traces(found, rng, most)
    planted: list[Trace] = []
    problems: list[int] = []
    for problem in rng.permutation(len(found.index.questions)).tolist():
        if len(planted) == most:
            break
        question = found.index.questions[problem].asked
        host = hosts[len(planted) % len(hosts)] if hosts else None
        if question.forms.is_expression and kind != "exact":
            continue
        trace = _leak(question.text, kind, host, rng)
        if trace is not None:
            planted.append(trace)
            problems.append(problem)
    flagged = _flagged(found, planted)
    same = [found.index.questions[problem].qid for problem in problems]
    return recall_of(
        kind, len(planted), sum(q in qids for q, qids in zip(same, flagged, strict=True))
    )


def _leak(question: str, kind: str, host: Trace | None, rng: np.random.Generator) -> Trace | None:
    """A trace that leaks a question; `None` where it cannot be leaked in this way."""
    if kind == QUOTED:
        if host is None:
            return None
        body = host.thinking or host.answer_text
        at = body.find("\n", len(body) // 2) % (len(body) + 1)
        body = f"{body[:at]}\nThis is like a problem I know: {question}\n{body[at:]}"
        return _made(host.question, body)
    changed = CHANGES[kind](question, rng)
    is_changed = canonical(changed).key != canonical(question).key
    return (
        _made(changed, "It is worked out step by step.") if is_changed or kind == "exact" else None
    )


def _made(question: str, answer: str) -> Trace:
    identity = identify(question, None, answer)
    return make_trace(
        {"uid": identity.uid, "qid": identity.qid, "question": question, "answer_text": answer}
    )


def _flagged(found: Found, traces: Sequence[Trace]) -> list[set[str]]:
    """The qids of the problems that each trace is flagged for."""
    again = find_overlap(found.index, traces)
    again.is_diagnostic = found.is_diagnostic
    qids: list[set[str]] = [set() for _ in traces]
    for hit in again.flagged:
        for row in hit.rows:
            qids[row].add(found.index.questions[hit.problem].qid)
    return qids


def _clean_traces(found: Found, rng: np.random.Generator, most: int) -> list[Trace]:
    """Traces of the pool with no hit and a body, drawn by chance; each question once."""
    dirty = {row for hit in found.hits for row in hit.rows}
    drawn: dict[str, Trace] = {}
    for row in rng.permutation(len(found.traces)).tolist():
        if len(drawn) == most:
            break
        if row not in dirty:
            drawn.setdefault(found.traces[row].qid, found.traces[row])
    return list(drawn.values())


def _try_decoys(found: Found, root: int, most: int) -> Recall:
    rng = derive_rng(root, "leaks", "decoys")
    changes = [kind for kind in CHANGES if CHANGES[kind] is not _as_it_is]
    decoys: list[Trace] = []
    for i, trace in enumerate(_clean_traces(found, rng, most)):
        if not canonical(trace.question, source=trace.source).is_expression:
            decoys.append(
                _made(CHANGES[changes[i % len(changes)]](trace.question, rng), "It is so.")
            )
    return recall_of("decoys", len(decoys), sum(map(bool, _flagged(found, decoys))))


def recall_of(kind: str, n: int, hits: int) -> Recall:
    """A share with its interval."""
    if not n:
        return Recall(kind=kind, n=0, found=0, share=None, low=None, high=None)
    interval = binomtest(hits, n).proportion_ci(LEVEL, method="wilson")
    return Recall(
        kind=kind,
        n=n,
        found=hits,
        share=hits / n,
        low=float(interval.low),
        high=float(interval.high),
    )
