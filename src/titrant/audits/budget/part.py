r"""The part `base_draws`: what the base answers when it may spend as many tokens as a tuned arm.

For each problem B is the most tokens that a tuned arm's own trace has (the part `own`). Two variants of the
base, each drawn until its tokens reach what is wanted, `MOST_DRAWS` at most:

- *plain*: more draws of the usual prompt, behind those of the part `draws`; up to 2 B, for the curve.
- *thinking*: draws after a prompt that has opened the thinking (`prompt.think_open`); up to B. The first
  is greedy. What a base does when it is merely made to think is no gain of training. Left out where the
  prompt opens the thinking anyway.

Seeds are hashes of variant, problem and number. Tokens are those generated; the opening is given and free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from titrant.audits.base import Part
from titrant.audits.faithfulness.parts.asked import Wish, ask_all, chosen_problems
from titrant.audits.faithfulness.parts.own import TRACE
from titrant.audits.faithfulness.parts.written import opening_left
from titrant.seeds import derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.audits.base import Material, Subject
    from titrant.audits.faithfulness.parts.asked import Reply
    from titrant.settings import AuditSettings
    from titrant.traces.record import Problem

PLAIN, THINKING = "plain", "thinking"
MOST_DRAWS = 64
"""Of one problem and variant, those of the part `draws` not counted."""
PER_ROUND = 8
"""Draws of one problem that are asked for at a time, at most."""
CURVE = 2
"""The plain variant is drawn up to so many times B."""
SCHEMA = {
    "qid": pl.String,
    "variant": pl.String,
    "sample": pl.Int64,
    "text": pl.String,
    "answer": pl.String,
    "correct": pl.Boolean,
    "verdict": pl.String,
    "n_tokens": pl.Int64,
}
"""`sample`: its place among the draws of its variant; the plain ones count on from those of `draws`. A draw
of a request that failed has null from `text` on."""


class Need(NamedTuple):
    """What is wanted of one problem."""

    problem: Problem
    tokens: int
    """B."""
    n_drawn: int
    """Plain draws that the part `draws` has made."""
    drawn_tokens: int
    """Their tokens."""


@dataclass(slots=True)
class _Account:
    """One variant of one problem while it is drawn."""

    need: Need
    wanted: int
    tokens: int
    n: int
    """Draws with these tokens."""
    first: int
    """Number of the first draw that is made here."""
    replies: list[Reply] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Draws to ask for now."""
        left = MOST_DRAWS - len(self.replies)
        if self.tokens >= self.wanted or left <= 0:
            return 0
        each = self.tokens / self.n if self.n and self.tokens else self.wanted
        return max(1, min(math.ceil((self.wanted - self.tokens) / each), PER_ROUND, left))

    def add(self, reply: Reply) -> None:
        self.replies.append(reply)
        self.tokens += reply.n_tokens or 0
        self.n += 1


def needs_of(material: Material, settings: AuditSettings) -> list[Need]:
    """What is wanted of each problem that tuned arms have a trace of; none without such traces."""
    own, draws = material.evidence.get("own"), material.evidence.get("draws")
    if own is None:
        return []
    traces = own.filter((pl.col("kind") == TRACE) & (pl.col("role") == "tuned"))
    most = dict(traces.group_by("qid").agg(pl.col("n_tokens").max()).iter_rows())
    drawn: dict[str, tuple[int, int]] = {}
    if draws is not None:
        made = draws.filter((pl.col("role") == "base") & pl.col("n_tokens").is_not_null())
        sums = made.group_by("qid").agg(pl.len(), pl.col("n_tokens").sum())
        drawn = {qid: (n, tokens) for qid, n, tokens in sums.iter_rows()}
    return [
        Need(problem, int(most[problem.qid]), *drawn.get(problem.qid, (0, 0)))
        for problem in chosen_problems(material, settings)
        if most.get(problem.qid)
    ]


def ask_base_draws(
    subject: Subject, chunk: Sequence[Need], material: Material, settings: AuditSettings
) -> pl.DataFrame:
    """Both variants of some problems."""
    plain = [
        _Account(need, CURVE * need.tokens, need.drawn_tokens, need.n_drawn, settings.samples)
        for need in chunk
    ]
    _draw(subject, plain, material, settings, variant=PLAIN)
    rows = _rows(plain, PLAIN)
    if opening_left(subject.prompts, material.config.prompt) and not subject.prompts.opens_thinking:
        thinking = [_Account(need, need.tokens, 0, 0, 0) for need in chunk]
        _draw(subject, thinking, material, settings, variant=THINKING)
        rows += _rows(thinking, THINKING)
    return pl.DataFrame(rows, schema=SCHEMA)


def _draw(
    subject: Subject,
    accounts: Sequence[_Account],
    material: Material,
    settings: AuditSettings,
    *,
    variant: str,
) -> None:
    """Draw in rounds until every account has its tokens."""
    while wanted := [(account, n) for account in accounts if (n := account.missing)]:
        asked = [
            (account, _wish(subject, account, i, material, settings, variant=variant))
            for account, n in wanted
            for i in range(n)
        ]
        replies = ask_all(subject, [wish for _, wish in asked], material)
        for (account, _), reply in zip(asked, replies, strict=True):
            account.add(reply)


def _wish(
    subject: Subject,
    account: _Account,
    i: int,
    material: Material,
    settings: AuditSettings,
    *,
    variant: str,
) -> Wish:
    problem, config = account.need.problem, material.config
    sample = account.first + len(account.replies) + i
    opening = config.prompt.think_open if variant == THINKING else ""
    is_greedy = variant == THINKING and sample == 0
    return Wish(
        problem,
        subject.prompts.prompt(problem.question) + opening,
        head=opening or subject.prompts.opens_thinking,
        temperature=0.0 if is_greedy else settings.temperature,
        seed=derive(config.seed, "audit base draw", variant, problem.qid, sample),
    )


def _rows(accounts: Sequence[_Account], variant: str) -> list[dict[str, Any]]:
    return [
        {
            "qid": account.need.problem.qid,
            "variant": variant,
            "sample": account.first + i,
            **reply._asdict(),
        }
        for account in accounts
        for i, reply in enumerate(account.replies)
    ]


BASE_DRAWS = Part(
    name="base_draws",
    roles=("base",),
    items=needs_of,
    ask=ask_base_draws,
    chunk=16,
    needs=("draws", "own"),
)
"""More draws of the base, plain and made to think."""
