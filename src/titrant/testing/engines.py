"""What every engine must hold to, as checks that can be run on any of them.

    from titrant.testing import check_engine
    check_engine(MyEngine(...))

Each check raises AssertionError with the fact that does not hold. A check that needs a capability
which the engine does not declare is left out. Bounds: logprobs agree to 1e-4 nats, which float32
keeps; where the engine runs in half precision, checks of independence from the batch are left out,
because rounding there depends on the batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from titrant.engines.base import Engine, Request, Result, Score, ScoreRequest, require
from titrant.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BOUND = 1e-4
"""Largest difference of two logprobs that ought to be equal, in nats."""

PROMPTS = (
    "12+30=",
    "a",
    "Is it so?\n",
    "one two three four five six seven eight nine ten",
    "(x",
    "#!",
)
UNICODE = (
    "naïve café",
    "漢字かな交じり文",
    "🙂🙃👩‍👩‍👧",
    "e\u0301 \u202eright to left",
    "\x00\x07 control",
    "ﬁ ﬂ ß",
)


class EngineCheck(NamedTuple):
    """One fact that an engine must hold to."""

    name: str
    needs: frozenset[str]
    """Capabilities without which there is nothing to check."""
    run: Callable[[Engine], None]


def check_engine(engine: Engine) -> None:
    """Run all checks.

    Raises:
        AssertionError: the engine breaks the contract; the text says where.
    """
    for check in ENGINE_CHECKS:
        if check.needs <= engine.capabilities:
            check.run(engine)


def check_info_is_complete(engine: Engine) -> None:
    """The manifest gets a name, a device, a dtype, and versions in order."""
    info = engine.info
    _hold(bool(info.engine and info.device and info.dtype), f"a field of info is empty: {info}")
    _hold(list(info.versions) == sorted(info.versions), "versions are not sorted by name")


def check_capabilities_are_enforced(engine: Engine) -> None:
    """`require` lets through what is declared and refuses the rest."""
    capabilities: tuple[Literal["generate", "score"], ...] = ("generate", "score")
    for capability in capabilities:
        if capability in engine.capabilities:
            require(engine, capability)
            continue
        try:
            require(engine, capability)
        except ConfigError:
            continue
        _hold(False, f"require lets through {capability}, which is not declared")


def check_each_index_comes_once(engine: Engine) -> None:
    """Two hundred requests at once give two hundred results; none give none."""
    requests = [Request(f"{i}+{i * 7}=", max_new_tokens=1 + i % 5) for i in range(200)]
    indices = [index for index, _ in engine.generate(requests)]
    _hold(sorted(indices) == list(range(200)), "not every index came exactly once")
    _hold(not list(engine.generate([])), "no request gave a result")


def check_results_belong_to_their_requests(engine: Engine) -> None:
    """The result of an index is the one that its request gets alone, in float32."""
    if engine.info.dtype != "float32":
        return
    crowd = [Request(prompt, max_new_tokens=4 + 3 * i) for i, prompt in enumerate(PROMPTS)]
    for request, result in zip(crowd, _drawn(engine, crowd), strict=True):
        alone = _drawn(engine, [request])[0]
        _hold(alone.text == result.text, f"{request.prompt!r} gets another greedy text in company")
        _near(alone.logprobs, result.logprobs, "logprobs depend on the batch")


def check_greedy_is_deterministic(engine: Engine) -> None:
    """Greedy text is the same every time and under every seed."""
    first, again = (_drawn(engine, _greedy()) for _ in range(2))
    other = _drawn(engine, [Request(p, max_new_tokens=12, seed=9) for p in PROMPTS])
    for a, b, c in zip(first, again, other, strict=True):
        _hold(a.text == b.text, "greedy text differs from one call to the next")
        _hold(a.text == c.text, "greedy text depends on the seed")


def check_generated_logprobs_are_logprobs(engine: Engine) -> None:
    """One logprob per token, finite and not positive; the text is cut at the limit."""
    sampled = [Request(p, max_new_tokens=12, temperature=1.0, seed=1) for p in PROMPTS]
    for result in _drawn(engine, [*_greedy(), *sampled]):
        _hold(result.error is None, f"a plain prompt failed: {result.error}")
        _hold(result.n_tokens <= 12, "more tokens than max_new_tokens")
        if result.logprobs is not None:
            _hold(len(result.logprobs) == result.n_tokens, "not one logprob per token")
            _hold(bool(np.isfinite(result.logprobs).all()), "a logprob is not finite")
            _hold(bool((result.logprobs <= 0).all()), "a logprob is positive")


def check_generated_logprobs_equal_scored_ones(engine: Engine) -> None:
    """Scoring prompt + text gives the logprobs of the draw, wherever the tokens are the same.

    Holds for sampled draws too: logprobs are those of the model, not of the sampler.
    """
    requests = [*_greedy(), *(Request(p, 12, temperature=0.7, top_p=0.9, seed=3) for p in PROMPTS)]
    results = _drawn(engine, requests)
    scores = _scored(
        engine,
        [ScoreRequest(q.prompt, r.text) for q, r in zip(requests, results, strict=True)],
    )
    n_compared = 0
    for result, score in zip(results, scores, strict=True):
        n = len(score.token_ids)
        if result.logprobs is not None and n and score.token_ids == result.token_ids[:n]:
            n_compared += n
            _near(result.logprobs[:n], score.logprobs, "score and generate disagree")
    _hold(n_compared > 0, "no text was tokenised as it was drawn, so nothing was compared")


def check_top_logprobs_are_exact(engine: Engine) -> None:
    """Exactly k entries, best first, the greedy token at the head, and no more than 1 in sum."""
    for k in (1, 3, 7):
        requests = [Request(p, max_new_tokens=6, top_logprobs=k) for p in PROMPTS]
        for result in _drawn(engine, requests):
            ids, logprobs = _top_of(result, k)
            _hold(ids.shape == (result.n_tokens, k), f"{ids.shape} is not [tokens, {k}]")
            _hold(list(ids[:, 0]) == list(result.token_ids), "the greedy token is not at the head")
            _hold(bool((np.diff(logprobs, axis=1) <= 0).all()), "top logprobs are not sorted")
            _hold(bool((np.exp(logprobs).sum(axis=1) <= 1 + BOUND).all()), "more than 1 in sum")
            _hold(all(len(set(row)) == k for row in ids.tolist()), "a token stands there twice")
            if result.logprobs is not None:
                _near(logprobs[:, 0], result.logprobs, "the head is not the greedy logprob")


def check_truncation_is_reported(engine: Engine) -> None:
    """A draw that the limit cuts says `length`, and one that ends itself says `stop`."""
    long, short = (_drawn(engine, [Request(p, n) for p in PROMPTS]) for n in (12, 1))
    for cut, whole in zip(short, long, strict=True):
        if whole.n_tokens > 1:
            _hold(cut.stop_reason == "length", f"a cut draw says {cut.stop_reason}")
            _hold(cut.n_tokens == 1, "a draw of one token has not one token")
        if whole.stop_reason == "length":
            _hold(whole.n_tokens == 12, "a draw says length before the limit")


def check_stop_strings_end_the_draw(engine: Engine) -> None:
    """A stop string ends the text before it, and the reason is `stop`."""
    whole = _drawn(engine, _greedy(24))
    marks = [result.text[len(result.text) // 2 :][:2] for result in whole]
    stopped = _drawn(
        engine,
        [Request(p, 24, stop=(m,) if m else ()) for p, m in zip(PROMPTS, marks, strict=True)],
    )
    for before, mark, after in zip(whole, marks, stopped, strict=True):
        if mark:
            _hold(after.text == before.text[: before.text.find(mark)], f"not cut before {mark!r}")
            _hold(after.stop_reason == "stop", f"a stop string gives {after.stop_reason}")
            _hold(after.n_tokens <= before.n_tokens, "the draw went on after its stop string")


def check_unicode_passes(engine: Engine) -> None:
    """Any valid text is a prompt; one that is not valid fails alone."""
    results = _drawn(engine, [Request(p, max_new_tokens=4) for p in (*UNICODE, "\ud800", "ok")])
    for prompt, result in zip((*UNICODE, "\ud800", "ok"), results, strict=True):
        is_valid = prompt != "\ud800"
        _hold((result.error is None) == is_valid, f"{prompt!r}: error is {result.error}")
        _hold(is_valid or result.stop_reason == "error", "a failed request does not say error")


def check_unicode_is_scored(engine: Engine) -> None:
    """Any valid text has a score, one number per token; one that is not valid fails alone."""
    scores = _scored(engine, [ScoreRequest("a", text) for text in (*UNICODE, "\udfff")])
    for text, score in zip(UNICODE, scores, strict=False):
        _hold(score.error is None, f"{text!r}: {score.error}")
        _hold(bool(np.isfinite(score.logprobs).all()), f"{text!r} has a token without logprob")
    _hold(scores[-1].error is not None, "text that is not valid Unicode was scored")


def check_empty_prompt_is_no_accident(engine: Engine) -> None:
    """An empty prompt is continued or refused with a reason; the others go on."""
    empty, other = _drawn(engine, [Request("", max_new_tokens=4), Request("a", max_new_tokens=4)])
    _hold((empty.error is None) == (empty.n_tokens > 0), "an empty prompt is neither one nor other")
    _hold(other.error is None, "an empty prompt spoils its neighbour")


def check_prompt_over_the_context_is_an_error_result(engine: Engine) -> None:
    """A prompt that does not fit is refused alone, and one that nearly fits is cut at the context."""
    if engine.context_tokens is None:
        return
    too_long = "1+" * engine.context_tokens
    results = _drawn(engine, [Request(too_long, 4), Request("a", engine.context_tokens + 5)])
    _hold(bool(results[0].error), "a prompt over the context was not refused")
    _hold(results[0].stop_reason == "error", "a refused prompt does not say error")
    used = results[1].n_prompt_tokens + results[1].n_tokens
    _hold(results[1].error is None, "a short prompt with a high limit was refused")
    _hold(used <= engine.context_tokens, "a draw went over the context")


def check_text_over_the_context_has_no_score(engine: Engine) -> None:
    """Text that does not fit has an error instead of numbers; the others have theirs."""
    if engine.context_tokens is None:
        return
    too_long = ScoreRequest("a", "1+" * engine.context_tokens)
    bad, good = _scored(engine, [too_long, ScoreRequest("a", "bc")])
    _hold(bool(bad.error), "text over the context was scored")
    _hold(good.error is None and len(good.logprobs) > 0, "its neighbour was not scored")


def check_seeds_are_honoured(engine: Engine) -> None:
    """Same seed same text; among eight seeds there are several texts; a lone draw where promised."""
    if engine.info.honours_seed == "no":
        return
    requests = [Request("ab", 16, temperature=1.0, seed=seed) for seed in range(8)]
    first, again = ([result.text for result in _drawn(engine, requests)] for _ in range(2))
    _hold(first == again, "the same seeds gave other texts")
    _hold(len(set(first)) >= 4, "eight seeds gave fewer than four texts at temperature 1")
    if engine.info.honours_seed == "request":
        alone = [_drawn(engine, [request])[0].text for request in requests]
        _hold(alone == first, "a draw depends on its batch, though the seed is said to fix it")


def check_impossible_settings_are_refused(engine: Engine) -> None:
    """Settings that no draw can have are a ConfigError before any result comes."""
    for bad in (
        Request("a", max_new_tokens=0),
        Request("a", 4, temperature=-1.0),
        Request("a", 4, top_p=0.0),
        Request("a", 4, stop=("",)),
        Request("a", 4, top_logprobs=-1),
    ):
        try:
            next(engine.generate([Request("a", 4), bad]))
        except ConfigError:
            continue
        _hold(False, f"{bad} was not refused before work began")


def check_scores_are_complete(engine: Engine) -> None:
    """One logprob and one entropy per token, top k exact; nothing to score gives no number."""
    texts = ["", "x", "12+30=42\n", "and so on and on and on"]
    scores = _scored(engine, [ScoreRequest("a b", text, top_logprobs=5) for text in texts])
    _hold(len(scores[0].token_ids) == 0 and scores[0].error is None, "empty text is an error")
    for score in scores[1:]:
        n = len(score.token_ids)
        _hold(n > 0 and score.logprobs.shape == (n,), "not one logprob per token")
        _hold(bool((score.logprobs <= 0).all()), "a logprob is positive or missing")
        _hold(bool((score.entropy >= 0).all()), "an entropy is negative or missing")
        ids, logprobs = _top_of(score, 5)
        _hold(ids.shape == logprobs.shape == (n, 5), "not exactly k tokens per position")
        _hold(
            bool((logprobs[:, 0] >= score.logprobs - BOUND).all()), "the head is not the likeliest"
        )


def check_first_token_without_prefix(engine: Engine) -> None:
    """With an empty prefix the first token has a number only if the model gives one; the rest do."""
    score = _scored(engine, [ScoreRequest("", "12+30=42", top_logprobs=2)])[0]
    _hold(score.error is None, f"an empty prefix is an error: {score.error}")
    _hold(bool(np.isfinite(score.logprobs[1:]).all()), "a later token has no logprob")
    _hold(
        bool(np.isnan(score.logprobs[0]) == np.isnan(score.entropy[0])),
        "logprob and entropy do not agree on whether the first token has a number",
    )


def check_scores_do_not_depend_on_the_batch(engine: Engine) -> None:
    """A text alone has the score that it has in company, in float32."""
    if engine.info.dtype != "float32":
        return
    requests = [ScoreRequest(p, "12+3" * (1 + i)) for i, p in enumerate(("", *PROMPTS))]
    for request, score in zip(requests, _scored(engine, requests), strict=True):
        alone = _scored(engine, [request])[0]
        _near(alone.logprobs, score.logprobs, "a score depends on its batch")
        _near(alone.entropy, score.entropy, "an entropy depends on its batch")


_GENERATE, _SCORE = frozenset({"generate"}), frozenset({"score"})

ENGINE_CHECKS = tuple(
    EngineCheck(run.__name__.removeprefix("check_"), needs, run)
    for needs, runs in (
        (frozenset[str](), (check_info_is_complete, check_capabilities_are_enforced)),
        (
            _GENERATE,
            (
                check_each_index_comes_once,
                check_results_belong_to_their_requests,
                check_greedy_is_deterministic,
                check_generated_logprobs_are_logprobs,
                check_top_logprobs_are_exact,
                check_truncation_is_reported,
                check_stop_strings_end_the_draw,
                check_unicode_passes,
                check_empty_prompt_is_no_accident,
                check_prompt_over_the_context_is_an_error_result,
                check_seeds_are_honoured,
                check_impossible_settings_are_refused,
            ),
        ),
        (
            _SCORE,
            (
                check_unicode_is_scored,
                check_text_over_the_context_has_no_score,
                check_scores_are_complete,
                check_first_token_without_prefix,
                check_scores_do_not_depend_on_the_batch,
            ),
        ),
        (_GENERATE | _SCORE, (check_generated_logprobs_equal_scored_ones,)),
    )
    for run in runs
)
"""All checks of the contract, by name."""


def _greedy(max_new_tokens: int = 12) -> list[Request]:
    return [Request(prompt, max_new_tokens) for prompt in PROMPTS]


def _drawn(engine: Engine, requests: Sequence[Request]) -> list[Result]:
    results = dict(engine.generate(requests))
    return [results[i] for i in range(len(requests))]


def _scored(engine: Engine, requests: Sequence[ScoreRequest]) -> list[Score]:
    scores = dict(engine.score(requests))
    return [scores[i] for i in range(len(requests))]


def _top_of(result: Result | Score, k: int) -> tuple[np.ndarray, np.ndarray]:
    ids, logprobs = result.top_ids, result.top_logprobs
    if ids is None or logprobs is None:
        msg = f"{k} top logprobs were asked for, and none came"
        raise AssertionError(msg)
    return ids, logprobs


def _near(left: np.ndarray | None, right: np.ndarray | None, fact: str) -> None:
    if left is None or right is None:
        _hold(left is right, f"{fact}: one has numbers and the other none")
        return
    _hold(left.shape == right.shape, f"{fact}: {left.shape} and {right.shape} numbers")
    same = np.isclose(left, right, rtol=0, atol=BOUND, equal_nan=True)
    _hold(bool(same.all()), f"{fact}: {left[~same][:3]} and {right[~same][:3]}")


def _hold(holds: bool, fact: str) -> None:  # noqa: FBT001
    """An assertion that python -O keeps."""
    if not holds:
        raise AssertionError(fact)
