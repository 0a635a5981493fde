"""What every engine that scores must hold to: each number that a `Score` has, against another way to it.

Numbers that an engine cannot say are `None` and not checked; those that it gives must be right.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from titrant.engines.base import Branch, ScoreRequest
from titrant.errors import ConfigError
from titrant.testing.facts import BOUND, PROMPTS, UNICODE, hold, near, scored, top_of

if TYPE_CHECKING:
    from titrant.engines.base import Engine, Score

LARGEST_VOCAB = 4096
"""Vocabularies up to which a whole distribution is asked for."""
PREFIX = "12+30="
TEXT = "42, so it is\nso"
PLACES = (0, 1, 5, 6, len(TEXT))
"""Where branches leave the text."""
BRANCHES = tuple(Branch(at, f" = {at}2") for at in PLACES)


def check_unicode_is_scored(engine: Engine) -> None:
    """Any valid text has a score, one number per token; one that is not valid fails alone."""
    scores = scored(engine, [ScoreRequest("a", text) for text in (*UNICODE, "\udfff")])
    for text, score in zip(UNICODE, scores, strict=False):
        hold(score.error is None, f"{text!r}: {score.error}")
        hold(bool(np.isfinite(score.logprobs).all()), f"{text!r} has a token without logprob")
    hold(scores[-1].error is not None, "text that is not valid Unicode was scored")


def check_text_over_the_context_has_no_score(engine: Engine) -> None:
    """Text that does not fit has an error instead of numbers; the others have theirs."""
    if engine.context_tokens is None:
        return
    too_long = ScoreRequest("a", "1+" * engine.context_tokens)
    branch = Branch(1, "1+" * engine.context_tokens)
    over = ScoreRequest("a", "bc", branches=(branch,))
    bad, worse, good = scored(engine, [too_long, over, ScoreRequest("a", "bc")])
    hold(bool(bad.error), "text over the context was scored")
    hold(bool(worse.error), "a branch over the context was scored")
    hold(good.error is None and len(good.logprobs) > 0, "its neighbour was not scored")


def check_scores_are_complete(engine: Engine) -> None:
    """One logprob and one entropy per token, top k exact; nothing to score gives no number."""
    texts = ["", "x", "12+30=42\n", "and so on and on and on"]
    scores = scored(engine, [ScoreRequest("a b", text, top_logprobs=5) for text in texts])
    hold(len(scores[0].token_ids) == 0 and scores[0].error is None, "empty text is an error")
    for score in scores[1:]:
        n = len(score.token_ids)
        hold(n > 0 and score.logprobs.shape == (n,), "not one logprob per token")
        hold(bool((score.logprobs <= 0).all()), "a logprob is positive or missing")
        if score.entropy is not None:
            hold(bool((score.entropy >= 0).all()), "an entropy is negative or missing")
        ids, logprobs = top_of(score, 5)
        hold(ids.shape == logprobs.shape == (n, 5), "not exactly k tokens per position")
        hold(
            bool((logprobs[:, 0] >= score.logprobs - BOUND).all()), "the head is not the likeliest"
        )


def check_first_token_without_prefix(engine: Engine) -> None:
    """With an empty prefix the first token has a number only if the model gives one; the rest do."""
    score = scored(engine, [ScoreRequest("", "12+30=42", top_logprobs=2)])[0]
    hold(score.error is None, f"an empty prefix is an error: {score.error}")
    hold(bool(np.isfinite(score.logprobs[1:]).all()), "a later token has no logprob")
    if score.entropy is not None:
        hold(
            bool(np.isnan(score.logprobs[0]) == np.isnan(score.entropy[0])),
            "logprob and entropy do not agree on whether the first token has a number",
        )


def check_scores_do_not_depend_on_the_batch(engine: Engine) -> None:
    """A text alone has the score that it has in company, in float32."""
    if engine.info.dtype != "float32":
        return
    requests = [ScoreRequest(p, "12+3" * (1 + i)) for i, p in enumerate(("", *PROMPTS))]
    for request, score in zip(requests, scored(engine, requests), strict=True):
        alone = scored(engine, [request])[0]
        near(alone.logprobs, score.logprobs, "a score depends on its batch")
        near(alone.entropy, score.entropy, "an entropy depends on its batch")


def check_token_ends_lead_to_the_end(engine: Engine) -> None:
    """Ends never fall, lie inside the text, and the last is its end; so for branches."""
    texts = [*UNICODE, TEXT, "a", " ", "\n\n", "x  y\t"]
    scores = scored(engine, [ScoreRequest("a", t, branches=(Branch(0, t),)) for t in texts])
    for text, score in zip(texts, scores, strict=True):
        for ends in (score.token_ends, *(branch.token_ends for branch in score.branches)):
            if ends is None:
                continue
            hold(len(ends) == len(score.token_ids), f"{text!r}: not one end per token")
            hold(bool((np.diff(ends) >= 0).all()), f"{text!r}: ends fall: {ends}")
            hold(int(ends[0]) > 0, f"{text!r}: the first token ends before it begins")
            hold(int(ends[-1]) == len(text), f"{text!r}: the last token ends at {ends[-1]}")


def check_moments_are_those_of_the_distribution(engine: Engine) -> None:
    """Entropy, variance and vocabulary mean are those of all logprobs, where they can be had."""
    vocab = _vocab(engine)
    if vocab is None:
        return
    (score,) = scored(engine, [ScoreRequest(PREFIX, TEXT, top_logprobs=vocab)])
    logprobs = top_of(score, vocab)[1].astype(np.float64)
    p = np.exp(logprobs)
    hold(bool(np.allclose(p.sum(axis=1), 1, rtol=0, atol=1e-3)), "not 1 over the vocabulary")
    mean = (p * np.maximum(logprobs, -1e9)).sum(axis=1)
    if score.entropy is not None:
        near(score.entropy, -mean, "the entropy is another")
    if score.variance is not None:
        spread = np.maximum(logprobs, -1e9) - mean[:, None]
        near(score.variance, (p * spread**2).sum(axis=1), "the variance is another")
    if score.vocab_mean is not None:
        near(score.vocab_mean, logprobs.mean(axis=1), "the vocabulary mean is another")


def check_only_what_is_asked_for_comes(engine: Engine) -> None:
    """Without its distribution a text has the other numbers that it has with it, and none for those."""
    plain = ScoreRequest(PREFIX, TEXT, branches=BRANCHES, with_distribution=False)
    requests = [
        request
        for k in (0, 2)
        for request in (replace(plain, top_logprobs=k), ScoreRequest(PREFIX, TEXT, k))
    ]
    few, all_, few_and_top, all_and_top = scored(engine, requests)
    for score in (few, few_and_top):
        for name in ("entropy", "variance", "vocab_mean"):
            hold(getattr(score, name) is None, f"{name} comes unasked for")
    if engine.info.dtype == "float32":
        near(few.logprobs, all_.logprobs, "other logprobs without the distribution")
        near(few_and_top.top_logprobs, all_and_top.top_logprobs, "others are likeliest without it")
        near(
            few.branches[0].logprobs,
            few_and_top.branches[0].logprobs,
            "a branch depends on the likeliest of its text",
        )


def check_branches_are_scores_of_their_own(engine: Engine) -> None:
    """A branch has the logprobs that its text has after prefix and part, however it is computed.

    Compared where the part has the same tokens both times, which the prefix's logprobs tell.
    """
    if engine.info.dtype != "float32":
        return
    main = ScoreRequest(PREFIX, TEXT, branches=BRANCHES, with_prefix=True)
    (whole,) = scored(engine, [main])
    parts = [TEXT[: branch.at] for branch in BRANCHES]
    alone = scored(
        engine,
        [
            ScoreRequest(PREFIX + part, branch.text, with_prefix=True)
            for part, branch in zip(parts, BRANCHES, strict=True)
        ],
    )
    hold(len(whole.branches) == len(BRANCHES), "not one score per branch")
    n_compared = 0
    for branch, score, own in zip(BRANCHES, whole.branches, alone, strict=True):
        if _has_same_tokens(whole, own, branch.at):
            n_compared += 1
            near(
                score.logprobs, own.logprobs, f"the branch at {branch.at} is not a score of its own"
            )
    hold(n_compared > 0, "no branch has the tokens that it has alone, so nothing was compared")


def check_branches_change_nothing_else(engine: Engine) -> None:
    """The numbers of a text are the same with branches and without, whoever stands beside it."""
    if engine.info.dtype != "float32":
        return
    plain = ScoreRequest(PREFIX, TEXT)
    beside = ScoreRequest("a", "and so on", branches=(Branch(3, "x"), Branch(0, "")))
    bare, busy, other = scored(
        engine, [plain, ScoreRequest(PREFIX, TEXT, branches=BRANCHES), beside]
    )
    near(bare.logprobs, busy.logprobs, "branches change logprobs")
    near(bare.entropy, busy.entropy, "branches change entropies")
    hold(len(other.branches) == len(beside.branches), "not one score per branch")
    hold(len(other.branches[1].logprobs) == 0, "a branch without text has tokens")
    (alone,) = scored(engine, [beside])
    near(other.branches[0].logprobs, alone.branches[0].logprobs, "a branch depends on its batch")


def check_shared_prefixes_change_nothing(engine: Engine) -> None:
    """Requests with one prefix have the numbers that they have alone, in float32."""
    if engine.info.dtype != "float32":
        return
    long, other = "1+1=2, 2+3=5, 4+4=8, 12+30=", "7*6=42 and 6*7="
    texts = ("42", "42, so", "x", "4", "", "so it")
    requests = [
        ScoreRequest(prefix, text, 3, with_prefix=True, with_hidden=True)
        for text in texts
        for prefix in (long, other, long)
    ]
    for request, score in zip(requests, scored(engine, requests), strict=True):
        (alone,) = scored(engine, [request])
        for name in (
            "logprobs",
            "entropy",
            "variance",
            "top_logprobs",
            "prefix_logprobs",
            "hidden",
        ):
            near(getattr(score, name), getattr(alone, name), f"{name} depend on a shared prefix")


def check_prefix_logprobs_are_those_of_a_text(engine: Engine) -> None:
    """A prefix has the logprobs that it has as a continuation of nothing; its first token has none."""
    requests = [ScoreRequest(prefix, "x", with_prefix=True) for prefix in PROMPTS]
    texts = scored(engine, [ScoreRequest("", prefix) for prefix in PROMPTS])
    for score, text in zip(scored(engine, requests), texts, strict=True):
        found = score.prefix_logprobs
        if found is None:
            continue
        hold(bool(np.isnan(found[0])), "the first token of a prefix has a logprob")
        # As a text it has no special tokens in front; where there are none, both begin with NaN.
        tail = found[len(found) - len(text.logprobs) :]
        near(tail, text.logprobs, "a prefix and the same text have other logprobs")
    (bare,) = scored(engine, [ScoreRequest(PREFIX, TEXT)])
    hold(bare.prefix_logprobs is None, "logprobs of the prefix came unasked")


def check_hidden_states_are_means(engine: Engine) -> None:
    """The mean of the pieces, weighted by their tokens, is the mean of the whole; no token, no mean."""
    spans = ((0, 4), (4, 5), (5, len(TEXT)), (3, 3), (0, len(TEXT)))
    request = ScoreRequest(PREFIX, TEXT, spans=spans, with_hidden=True)
    score, bare = scored(engine, [request, ScoreRequest(PREFIX, TEXT)])
    hold(bare.hidden is None, "hidden states came unasked")
    if score.hidden is None or score.token_ends is None:
        return
    hold(score.hidden.shape[0] == 1 + len(spans), "not one mean for the text and one per span")
    hold(bool(np.isnan(score.hidden[4]).all()), "a span without a token has a mean")
    near(score.hidden[0], score.hidden[5], "the whole text as a span has another mean")
    counts = np.array(
        [((score.token_ends > a) & (score.token_ends <= b)).sum() for a, b in spans[:3]]
    )
    hold(int(counts.sum()) == len(score.token_ids), "tokens are lost between spans")
    parts = (counts[:, None] * np.nan_to_num(score.hidden[1:4])).sum(axis=0) / counts.sum()
    scale = float(np.abs(score.hidden[0]).max()) or 1.0
    near(score.hidden[0] / scale, parts / scale, "the means of the pieces do not add up")


def check_hidden_states_depend_on_what_is_before(engine: Engine) -> None:
    """The state of a token is the one after it was read: it knows the text before it and itself."""
    requests = [
        ScoreRequest(prefix, text, with_hidden=True)
        for prefix, text in ((PREFIX, "4"), (PREFIX, "5"), ("9+9=", "4"), (PREFIX, "4"))
    ]
    states = [score.hidden for score in scored(engine, requests)]
    if states[0] is None:
        return
    near(states[0], states[3], "the same text has another state")
    for other in states[1:3]:
        is_same = other is not None and bool(np.allclose(states[0], other, rtol=0, atol=BOUND))
        hold(not is_same, "a state does not depend on the token or on what is before it")


def check_impossible_scores_are_refused(engine: Engine) -> None:
    """Branches and spans outside the text are a ConfigError before any score comes."""
    for bad in (
        ScoreRequest("a", "bc", top_logprobs=-1),
        ScoreRequest("a", "bc", branches=(Branch(3, "x"),)),
        ScoreRequest("a", "bc", branches=(Branch(-1, "x"),)),
        ScoreRequest("a", "bc", spans=((0, 3),), with_hidden=True),
        ScoreRequest("a", "bc", spans=((2, 1),), with_hidden=True),
    ):
        try:
            next(iter(engine.score([ScoreRequest("a", "b"), bad])))
        except ConfigError:
            continue
        hold(False, f"{bad} was not refused before work began")


def check_text_that_fails_fails_alone(engine: Engine) -> None:
    """Invalid Unicode anywhere in a request is that request's error, and no other's."""
    bad = "\ud800"
    requests = [
        ScoreRequest(bad, "x"),
        ScoreRequest("a", bad),
        ScoreRequest("a", "x", branches=(Branch(0, bad),)),
        ScoreRequest("a", "x"),
    ]
    *failed, fine = scored(engine, requests)
    hold(all(score.error for score in failed), "text that is not valid Unicode was scored")
    hold(all(len(score.token_ids) == 0 for score in failed), "a failed request has tokens")
    hold(fine.error is None, f"a failed request spoils its neighbour: {fine.error}")


def _has_same_tokens(whole: Score, own: Score, at: int) -> bool:
    """Whether prefix and part have, as the prefix of a request, the tokens that they have apart."""
    ends, before, together = whole.token_ends, whole.prefix_logprobs, own.prefix_logprobs
    if ends is None or before is None or together is None:
        return at == 0
    n = int(np.searchsorted(ends, at, side="right"))
    if at and (n == 0 or ends[n - 1] != at):
        return False
    apart = np.concatenate([before, whole.logprobs[:n]])
    if apart.shape != together.shape:
        return False
    return bool(np.allclose(apart, together, rtol=0, atol=BOUND, equal_nan=True))


def _vocab(engine: Engine) -> int | None:
    """Tokens that an engine knows: the largest k that it takes; `None` if over `LARGEST_VOCAB`."""

    def takes(k: int) -> bool:
        try:
            scored(engine, [ScoreRequest("a", "b", top_logprobs=k)])
        except ConfigError:
            return False
        return True

    low, high = 1, LARGEST_VOCAB + 1
    if takes(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if takes(middle) else (low, middle)
    return low


SCORE_CHECKS = (
    check_only_what_is_asked_for_comes,
    check_unicode_is_scored,
    check_text_that_fails_fails_alone,
    check_text_over_the_context_has_no_score,
    check_impossible_scores_are_refused,
    check_scores_are_complete,
    check_first_token_without_prefix,
    check_scores_do_not_depend_on_the_batch,
    check_token_ends_lead_to_the_end,
    check_moments_are_those_of_the_distribution,
    check_branches_are_scores_of_their_own,
    check_branches_change_nothing_else,
    check_shared_prefixes_change_nothing,
    check_prefix_logprobs_are_those_of_a_text,
    check_hidden_states_are_means,
    check_hidden_states_depend_on_what_is_before,
)
"""All of them, in order."""
