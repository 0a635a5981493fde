"""What every signal must hold to, as checks that can be run on any of them.

    from titrant.testing import check_signal
    check_signal(MY_SIGNAL)

Each check raises AssertionError with the fact that does not hold. They run on made-up scores of a few
traces whose shapes are known for trouble: no steps, a step without tokens, one token, no gold answer,
not scored at all. The distributions are real ones of a vocabulary of 24 tokens, so the numbers of a token
belong together.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple, get_args

import numpy as np

from titrant.errors import ConfigError
from titrant.seeds import derive_rng
from titrant.settings import SignalSettings
from titrant.signals.base import Needs, Signal, TokenScores, Values
from titrant.signals.compute import compute
from titrant.signals.ragged import Ragged
from titrant.signals.store import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BOUND = 1e-9
"""Largest relative difference of two values that ought to be equal."""
VOCAB, K, WIDTH = 24, 5, 3
SETTINGS = SignalSettings(top_logprobs=K, window=4, tail=6)
"""What the checks compute with."""


class MadeTrace(NamedTuple):
    """The shape of a made-up trace, in tokens."""

    before: int
    """Before the first step."""
    steps: tuple[int, ...]
    """Of each step."""
    after: int
    """After the last step."""
    answer: int = 2
    """Of the gold answer; 0: there is none."""
    is_scored: bool = True
    """False: too long for the context, say; no tokens at all."""

    @property
    def tokens(self) -> int:
        """In all."""
        return (self.before + sum(self.steps) + self.after) * self.is_scored


MADE = (
    MadeTrace(2, (5, 4, 6), 3),
    MadeTrace(0, (40,), 0, answer=1),
    MadeTrace(1, (), 7),
    MadeTrace(1, (3, 0, 2, 8), 2, answer=3),
    MadeTrace(2, (4, 4, 3), 1, answer=0),
    MadeTrace(2, (4, 4), 1, is_scored=False),
    MadeTrace(0, (1,), 0, answer=1),
    MadeTrace(3, (9, 7, 9, 2, 9, 9), 4, answer=1),
)
"""The traces of the checks."""


class SignalCheck(NamedTuple):
    """One fact that a signal must hold to."""

    name: str
    run: Callable[[Signal], None]


def check_signal(signal: Signal) -> None:
    """Run all checks.

    Raises:
        AssertionError: the signal breaks the contract; the text says where.
    """
    for check in SIGNAL_CHECKS:
        check.run(signal)


def made_scores(root: int = 0, *, traces: Sequence[MadeTrace] = MADE) -> TokenScores:
    """Scores of made-up traces that hold everything a pass can keep; the same for the same root."""
    rng = derive_rng(root, "testing", "signals")
    n = sum(trace.tokens for trace in traces)
    logprobs = _log_softmax(rng.normal(0, 3, (n, VOCAB)))
    drawn = np.array([rng.choice(VOCAB, p=np.exp(row)) for row in logprobs], dtype=np.int64)
    mean = (np.exp(logprobs) * logprobs).sum(axis=1)
    variance = (np.exp(logprobs) * logprobs**2).sum(axis=1) - mean**2
    of = _by_trace(traces, [trace.tokens for trace in traces])
    alone = of(-rng.exponential(2, n))
    alone.values[alone.place == 0] = np.nan
    question = _made_rows(rng, [4 * trace.is_scored for trace in traces])
    question.values[question.place == 0] = np.nan
    n_lead = np.array([3 if trace.answer and trace.is_scored else 0 for trace in traces])
    sizes = [
        (len(trace.steps) + 1) * (lead + trace.answer) if lead else 0
        for trace, lead in zip(traces, n_lead.tolist(), strict=True)
    ]
    hidden = rng.normal(0, 1, (len(traces), WIDTH)).astype(np.float32)
    hidden[[not trace.is_scored for trace in traces]] = np.nan
    n_steps = [len(trace.steps) for trace in traces]
    return TokenScores(
        uids=tuple(f"trace-{i}" for i in range(len(traces))),
        vocab=VOCAB,
        logprob=of(logprobs[np.arange(n), drawn]),
        entropy=of(-mean),
        variance=of(variance),
        vocab_mean=of(logprobs.mean(axis=1)),
        step=_steps(traces),
        n_steps=np.array(n_steps, dtype=np.int64),
        top=of(-np.sort(-logprobs, axis=1)[:, :K]),
        alone=alone,
        question=question,
        answers=_made_rows(rng, sizes),
        n_lead=n_lead.astype(np.int64),
        hidden=hidden,
        step_hidden=_by_trace(traces, n_steps)(rng.normal(0, 1, (sum(n_steps), WIDTH))),
    )


def _made_rows(rng: np.random.Generator, lengths: Sequence[int]) -> Ragged:
    """Made-up logprobs of rows of these lengths, float32."""
    return Ragged.of_rows([-rng.exponential(1, n).astype(np.float32) for n in lengths])


def _by_trace(
    traces: Sequence[MadeTrace], lengths: Sequence[int]
) -> Callable[[np.ndarray], Ragged]:
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    assert len(offsets) == len(traces) + 1
    return lambda values: Ragged(values.astype(np.float32), offsets)


def _steps(traces: Sequence[MadeTrace]) -> Ragged:
    rows = []
    for trace in traces:
        inside = np.repeat(np.arange(len(trace.steps)), trace.steps)
        row = np.concatenate([np.full(trace.before, -1), inside, np.full(trace.after, -1)])
        rows.append(row[: trace.tokens].astype(np.int32))
    return Ragged.of_rows(rows)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def take_traces(scores: TokenScores, rows: Sequence[int]) -> TokenScores:
    """Scores of some of the traces, in the order asked for."""
    at = np.array(rows, dtype=np.int64)

    def taken(name: str, value: object) -> object:
        if name == "uids":
            return tuple(scores.uids[i] for i in rows)
        if isinstance(value, Ragged):
            return value.take(at)
        return value[at] if isinstance(value, np.ndarray) else value

    return _changed(scores, taken)


def keep_only(scores: TokenScores, needs: frozenset[Needs]) -> TokenScores:
    """Scores of a pass that kept this and no more."""
    gone = {name for need in set(get_args(Needs)) - needs for name in COLUMNS[need]}
    gone |= {"n_lead"} if "answers" in gone else set()
    return _changed(scores, lambda name, value: None if name in gone else value)


def without_numbers(scores: TokenScores, i: int) -> TokenScores:
    """The same with every number of trace i NaN; its tokens stay."""

    def blanked(_: str, value: object) -> object:
        if isinstance(value, Ragged) and value.values.dtype.kind == "f":
            values = value.values.copy()
            values[value.offsets[i] : value.offsets[i + 1]] = np.nan
            return value.with_values(values)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            values = value.copy()
            values[i] = np.nan
            return values
        return value

    return _changed(scores, blanked)


def _changed(scores: TokenScores, change: Callable[[str, object], object]) -> TokenScores:
    fields = [field.name for field in dataclasses.fields(TokenScores)]
    changes = {name: change(name, getattr(scores, name)) for name in fields}
    return dataclasses.replace(scores, **changes)


def check_record_is_complete(signal: Signal) -> None:
    """A name, a version, a unit, what high means, which end is preferred, known needs."""
    for field in ("name", "unit", "higher"):
        _hold(bool(getattr(signal, field).strip()), f"{field} is empty")
    _hold(signal.version >= 1, f"version {signal.version} is not 1 or more")
    _hold(signal.prefer in {"high", "low"}, f"prefer is {signal.prefer!r}")
    unknown = sorted(signal.needs - set(get_args(Needs)))
    _hold(not unknown, f"needs that no pass can meet: {unknown}")
    _hold(bool((signal.compute.__doc__ or "").strip()), "compute has no docstring")


def check_values_are_per_trace_and_step(signal: Signal) -> None:
    """float64, one value per trace and, where it speaks of steps, one per step; at least one known."""
    scores = made_scores()
    found = signal.compute(scores, SETTINGS)
    for values, n in ((found.trace, len(scores.uids)), *_step_values(found, scores)):
        _hold(values.shape == (n,), f"{values.shape} values, not ({n},)")
        _hold(values.dtype == np.float64, f"{values.dtype}, not float64")
    if found.steps is not None:
        is_aligned = np.array_equal(found.steps.lengths, scores.n_steps)
        _hold(is_aligned, "steps are not those of the traces")
    _hold(not np.isnan(found.trace).all(), "no trace has a value")


def _step_values(found: Values, scores: TokenScores) -> list[tuple[np.ndarray, int]]:
    return [] if found.steps is None else [(found.steps.values, int(scores.n_steps.sum()))]


def check_traces_are_independent(signal: Signal) -> None:
    """A trace has the same value alone as in company."""
    scores = made_scores()
    together = compute(signal, scores, SETTINGS)
    for i in range(len(scores.uids)):
        alone = compute(signal, take_traces(scores, [i]), SETTINGS)
        _same(alone, _part(together, [i]), f"trace {i} has another value alone")


def check_order_does_not_matter(signal: Signal) -> None:
    """Permuting traces permutes values."""
    scores = made_scores()
    order = derive_rng(0, "testing", "order").permutation(len(scores.uids)).tolist()
    permuted = compute(signal, take_traces(scores, order), SETTINGS)
    wanted = _part(compute(signal, scores, SETTINGS), order)
    _same(permuted, wanted, "permuting traces does not permute values")


def check_unscored_trace_has_no_value(signal: Signal) -> None:
    """A trace without tokens gives NaN and changes no other."""
    scores = made_scores()
    found = compute(signal, scores, SETTINGS)
    empty = [i for i, trace in enumerate(MADE) if not trace.is_scored]
    others = [i for i, trace in enumerate(MADE) if trace.is_scored]
    _hold(_is_unknown(_part(found, empty)), "a trace without tokens has a value")
    without = compute(signal, take_traces(scores, others), SETTINGS)
    _same(without, _part(found, others), "a trace without tokens changes another's value")


def check_missing_numbers_give_no_value(signal: Signal) -> None:
    """A trace whose numbers are NaN gives NaN and changes no other, if the signal reads numbers."""
    scores = made_scores()
    found = compute(signal, scores, SETTINGS)
    if _equal(found, compute(signal, made_scores(1), SETTINGS)):
        return  # other numbers, same values: it counts tokens or steps
    for i in range(len(scores.uids)):
        blank = compute(signal, without_numbers(scores, i), SETTINGS)
        others = [j for j in range(len(scores.uids)) if j != i]
        _hold(_is_unknown(_part(blank, [i])), f"trace {i} has a value without numbers")
        fact = f"missing numbers of trace {i} change another's value"
        _same(_part(blank, others), _part(found, others), fact)


def check_needs_are_declared(signal: Signal) -> None:
    """What is declared suffices, and each part of it is refused with a message where it is missing."""
    scores = made_scores()
    bare = compute(signal, keep_only(scores, signal.needs), SETTINGS)
    whole = compute(signal, scores, SETTINGS)
    _same(bare, whole, "the value depends on something that needs does not name")
    for need in sorted(signal.needs):
        try:
            compute(signal, keep_only(scores, signal.needs - {need}), SETTINGS)
        except ConfigError:
            continue
        _hold(False, f"{need} is missing, and nobody says so")


def check_same_in_same_out(signal: Signal) -> None:
    """Computed twice, the same; and what it is computed from stays as it was."""
    scores = made_scores()
    first = compute(signal, scores, SETTINGS)
    _same(compute(signal, scores, SETTINGS), first, "two computations differ")
    untouched = made_scores()
    for field in dataclasses.fields(TokenScores):
        before, after = getattr(untouched, field.name), getattr(scores, field.name)
        if isinstance(before, Ragged):
            before, after = before.values, after.values
        if isinstance(before, np.ndarray):
            _hold(np.array_equal(before, after, equal_nan=True), f"{field.name} was written to")


def check_no_traces_are_no_values(signal: Signal) -> None:
    """An empty pool gives no values, and no error."""
    found = compute(signal, take_traces(made_scores(), []), SETTINGS)
    _hold(found.trace.shape == (0,), f"{found.trace.shape} values of no traces")


SIGNAL_CHECKS = tuple(
    SignalCheck(run.__name__.removeprefix("check_"), run)
    for run in (
        check_record_is_complete,
        check_values_are_per_trace_and_step,
        check_traces_are_independent,
        check_order_does_not_matter,
        check_unscored_trace_has_no_value,
        check_missing_numbers_give_no_value,
        check_needs_are_declared,
        check_same_in_same_out,
        check_no_traces_are_no_values,
    )
)
"""All checks of the contract, by name."""


def _part(found: Values, rows: Sequence[int]) -> Values:
    at = np.array(rows, dtype=np.int64)
    return Values(found.trace[at], None if found.steps is None else found.steps.take(at))


def _is_unknown(found: Values) -> bool:
    steps = found.steps
    is_blank = steps is None or bool(np.isnan(steps.values).all())
    return is_blank and bool(np.isnan(found.trace).all())


def _equal(left: Values, right: Values) -> bool:
    if not np.allclose(left.trace, right.trace, rtol=BOUND, atol=0, equal_nan=True):
        return False
    if left.steps is None or right.steps is None:
        return left.steps is right.steps
    a, b = left.steps.values, right.steps.values
    return len(a) == len(b) and np.allclose(a, b, rtol=BOUND, atol=0, equal_nan=True)


def _same(left: Values, right: Values, fact: str) -> None:
    _hold(_equal(left, right), f"{fact}: {left.trace} and {right.trace}")


def _hold(holds: bool, fact: str) -> None:  # noqa: FBT001
    """An assertion that python -O keeps."""
    if not holds:
        raise AssertionError(fact)
