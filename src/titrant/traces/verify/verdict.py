"""Verdicts: is the final answer right, wrong, unreadable, or was the attempt cut off?

Exact comparison decides first (`exact`); what it cannot decide goes to math-verify, as (gold,
answer) in this order, in processes that can be killed (`pool`). There is no tolerance.

| case | verdict |
|---|---|
| no gold answer | `None`: never verified |
| the attempt was cut off | truncated, whatever it says |
| no answer, or one longer than `MAX_CHARS` | unreadable |
| an answer that costs the time limit, the memory limit, or the process | unreadable |
| gold is mathematics, and the answer cannot be parsed | unreadable |
| otherwise | correct or wrong |

How gold is compared (`gold_kind`):

- `exact`: equal text after normalising, upper and lower case told apart.
- `integer`: the answer is one number, without unit, currency or percent sign, and equal; `18.0` is
  18, and what is no such number is unreadable. Nothing is asked of math-verify.
- `math`, `auto`: exact comparison, then math-verify.

What math-verify adds and we leave as it is: it drops units and bases (52 is accepted for 52 in base
8), takes `x = 5` for 5 and the reverse, takes the right side of an equation where gold is none, and
compares comma lists without order and tuples with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from titrant.errors import ConfigError
from titrant.traces.record import Verdict
from titrant.traces.verify.exact import (
    is_phrase,
    normalise_answer,
    numbers_agree,
    read_based,
    read_number,
    strip_delimiters,
    tight,
)
from titrant.traces.verify.pool import Pair, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

MAX_CHARS = 10_000
"""An answer longer than this is unreadable without being looked at."""
GOLD_KINDS = ("auto", "integer", "math", "exact")


class Claim(NamedTuple):
    """One answer and what it should be."""

    answer: str | None
    """The final answer as found; `None` where none could be read."""
    gold: str | None
    gold_kind: str = "auto"
    """How gold is compared: one of `GOLD_KINDS`."""
    truncated: bool = False
    """The attempt was cut by a limit before it ended."""


def verify_one_exact(claim: Claim) -> Verdict | None:
    """The verdict where no algebra is needed; `None` where only math-verify can tell.

    A claim without gold is `None` too, and math-verify cannot tell either.

    Raises:
        ConfigError: the kind of gold is unknown.

    Example:
        >>> verify_one_exact(Claim(answer="$1,000", gold="1000"))
        <Verdict.CORRECT: 'correct'>
    """
    if claim.gold is None:
        return None
    _check_kind(claim.gold_kind)
    if claim.truncated:
        return Verdict.TRUNCATED
    answer = ""
    if claim.answer is not None and len(claim.answer) <= MAX_CHARS:
        answer = normalise_answer(claim.answer)
    if not answer:
        return Verdict.UNREADABLE
    return _compare(claim.gold_kind, normalise_answer(claim.gold[: MAX_CHARS + 1]), answer)


def _compare(kind: str, gold: str, answer: str) -> Verdict | None:
    is_same = tight(answer) == tight(gold)
    if kind == "integer":
        return _compare_integer(gold, answer)
    if kind == "exact":
        return _verdict(is_same)
    return Verdict.CORRECT if is_same else _compare_values(gold, answer)


def _compare_integer(gold: str, answer: str) -> Verdict:
    wanted, number = read_number(gold), read_number(answer)
    if number is None or number.unit or number.is_percent or not answer.lstrip("+- ")[:1].isdigit():
        return Verdict.UNREADABLE
    return _verdict(wanted is not None and number.value == wanted.value)


def _compare_values(gold: str, answer: str) -> Verdict | None:
    """Two normalised answers that are not the same text."""
    if is_phrase(gold):
        return _verdict(gold.casefold() == answer.casefold())
    based, answer_based = read_based(gold), read_based(answer)
    if based and answer_based:
        return _verdict(based == answer_based)
    wanted, number = read_number(gold), read_number(answer)
    if wanted is None:
        return None
    if number is None:
        return Verdict.WRONG if is_phrase(answer) else None
    agree = numbers_agree(wanted, number)
    return None if agree is None else _verdict(agree)


def _verdict(is_right: bool) -> Verdict:  # noqa: FBT001 - a conversion
    return Verdict.CORRECT if is_right else Verdict.WRONG


def _check_kind(kind: str) -> None:
    if kind not in GOLD_KINDS:
        raise ConfigError(
            f"unknown kind of gold answer '{kind}'",
            expected=f"one of {', '.join(GOLD_KINDS)}",
            came=kind,
            do="correct gold_kind (the answers of a world are verified by the world itself)",
        )


class Verifier:
    r"""Verifies batches; a context manager, since it may hold processes.

    Args:
        workers: most processes at a time. None is started before math-verify is needed.
        limit_s: seconds of processor time that math-verify may take for one item.

    Example:
        >>> with Verifier() as verifier:
        ...     verifier.verify([Claim("0.5", r"\frac{1}{2}"), Claim(None, "3"), Claim("3", None)])
        [<Verdict.CORRECT: 'correct'>, <Verdict.UNREADABLE: 'unreadable'>, None]
    """

    def __init__(self, workers: int = 1, limit_s: float = 5.0) -> None:
        if workers < 1 or not limit_s > 0:
            raise ConfigError(
                "the verifier cannot work with these limits",
                expected="at least 1 worker and a limit above 0 seconds",
                came=f"workers={workers}, limit_s={limit_s}",
                do="correct them",
            )
        self._pool = WorkerPool(size=workers, limit_s=limit_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; the verifier can be used again, and starts new ones."""
        self._pool.close()

    def verify(
        self, claims: Sequence[Claim], *, progress: Callable[[int, int], None] | None = None
    ) -> list[Verdict | None]:
        """The verdict of each claim, in order; `None` only where gold is.

        Args:
            claims: any number; equal ones are decided once.
            progress: called with (claims decided, all claims), first after exact comparison.

        Raises:
            ConfigError: a claim's kind of gold is unknown.
            ResourceError: a process could not be started.
        """
        known = {claim: verify_one_exact(claim) for claim in dict.fromkeys(claims)}
        verdicts: list[Verdict | None] = [known[claim] for claim in claims]
        open_places: dict[Pair, list[int]] = {}
        for i, (claim, verdict) in enumerate(zip(claims, verdicts, strict=True)):
            if verdict is None and claim.gold is not None and claim.answer is not None:
                pair = Pair(strip_delimiters(claim.gold.strip()), strip_delimiters(claim.answer))
                open_places.setdefault(pair, []).append(i)
        n_done = len(claims) - sum(map(len, open_places.values()))
        if progress:
            progress(n_done, len(claims))
        for pair, verdict in self._pool.judge(open_places):
            for i in open_places[pair]:
                verdicts[i] = verdict
            n_done += len(open_places[pair])
            if progress:
                progress(n_done, len(claims))
        return verdicts
