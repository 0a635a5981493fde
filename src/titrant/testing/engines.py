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

from titrant.engines.base import Engine, Guard, Request, ScoreRequest, require
from titrant.errors import ConfigError
from titrant.testing.facts import BOUND, PROMPTS, UNICODE, drawn, hold, near, scored, top_of
from titrant.testing.scores import SCORE_CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable


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
    hold(bool(info.engine and info.device and info.dtype), f"a field of info is empty: {info}")
    hold(list(info.versions) == sorted(info.versions), "versions are not sorted by name")


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
        hold(False, f"require lets through {capability}, which is not declared")


def check_each_index_comes_once(engine: Engine) -> None:
    """Two hundred requests at once give two hundred results; none give none."""
    requests = [Request(f"{i}+{i * 7}=", max_new_tokens=1 + i % 5) for i in range(200)]
    indices = [index for index, _ in engine.generate(requests)]
    hold(sorted(indices) == list(range(200)), "not every index came exactly once")
    hold(not list(engine.generate([])), "no request gave a result")


def check_results_belong_to_their_requests(engine: Engine) -> None:
    """The result of an index is the one that its request gets alone, in float32."""
    if engine.info.dtype != "float32":
        return
    crowd = [Request(prompt, max_new_tokens=4 + 3 * i) for i, prompt in enumerate(PROMPTS)]
    for request, result in zip(crowd, drawn(engine, crowd), strict=True):
        alone = drawn(engine, [request])[0]
        hold(alone.text == result.text, f"{request.prompt!r} gets another greedy text in company")
        near(alone.logprobs, result.logprobs, "logprobs depend on the batch")


def check_greedy_is_deterministic(engine: Engine) -> None:
    """Greedy text is the same every time and under every seed."""
    first, again = (drawn(engine, _greedy()) for _ in range(2))
    other = drawn(engine, [Request(p, max_new_tokens=12, seed=9) for p in PROMPTS])
    for a, b, c in zip(first, again, other, strict=True):
        hold(a.text == b.text, "greedy text differs from one call to the next")
        hold(a.text == c.text, "greedy text depends on the seed")


def check_generated_logprobs_are_logprobs(engine: Engine) -> None:
    """One logprob per token, finite and not positive; the text is cut at the limit."""
    sampled = [Request(p, max_new_tokens=12, temperature=1.0, seed=1) for p in PROMPTS]
    for result in drawn(engine, [*_greedy(), *sampled]):
        hold(result.error is None, f"a plain prompt failed: {result.error}")
        hold(result.n_tokens <= 12, "more tokens than max_new_tokens")
        if result.logprobs is not None:
            hold(len(result.logprobs) == result.n_tokens, "not one logprob per token")
            hold(bool(np.isfinite(result.logprobs).all()), "a logprob is not finite")
            hold(bool((result.logprobs <= 0).all()), "a logprob is positive")


def check_generated_logprobs_equal_scored_ones(engine: Engine) -> None:
    """Scoring prompt + text gives the logprobs of the draw, wherever the tokens are the same.

    Holds for sampled draws too: logprobs are those of the model, not of the sampler.
    """
    requests = [*_greedy(), *(Request(p, 12, temperature=0.7, top_p=0.9, seed=3) for p in PROMPTS)]
    results = drawn(engine, requests)
    scores = scored(
        engine,
        [ScoreRequest(q.prompt, r.text) for q, r in zip(requests, results, strict=True)],
    )
    n_compared = 0
    for result, score in zip(results, scores, strict=True):
        n = len(score.token_ids)
        if result.logprobs is not None and n and score.token_ids == result.token_ids[:n]:
            n_compared += n
            near(result.logprobs[:n], score.logprobs, "score and generate disagree")
    hold(n_compared > 0, "no text was tokenised as it was drawn, so nothing was compared")


def check_top_logprobs_are_exact(engine: Engine) -> None:
    """Exactly k entries, best first, the greedy token at the head, and no more than 1 in sum."""
    for k in (1, 3, 7):
        requests = [Request(p, max_new_tokens=6, top_logprobs=k) for p in PROMPTS]
        for result in drawn(engine, requests):
            ids, logprobs = top_of(result, k)
            hold(ids.shape == (result.n_tokens, k), f"{ids.shape} is not [tokens, {k}]")
            is_named = bool((ids >= 0).all())  # a server may not name its tokens
            is_headed = list(ids[:, 0]) == list(result.token_ids)
            hold(is_headed or not is_named, "the greedy token is not at the head")
            hold(bool((np.diff(logprobs, axis=1) <= 0).all()), "top logprobs are not sorted")
            hold(bool((np.exp(logprobs).sum(axis=1) <= 1 + BOUND).all()), "more than 1 in sum")
            are_apart = all(len(set(row)) == k for row in ids.tolist())
            hold(are_apart or not is_named, "a token stands there twice")
            if result.logprobs is not None:
                near(logprobs[:, 0], result.logprobs, "the head is not the greedy logprob")


def check_truncation_is_reported(engine: Engine) -> None:
    """A draw that the limit cuts says `length`, and one that ends itself says `stop`."""
    long, short = (drawn(engine, [Request(p, n) for p in PROMPTS]) for n in (12, 1))
    for cut, whole in zip(short, long, strict=True):
        if whole.n_tokens > 1:
            hold(cut.stop_reason == "length", f"a cut draw says {cut.stop_reason}")
            hold(cut.n_tokens == 1, "a draw of one token has not one token")
        if whole.stop_reason == "length":
            hold(whole.n_tokens == 12, "a draw says length before the limit")


def check_stop_strings_end_the_draw(engine: Engine) -> None:
    """A stop string ends the text before it, and the reason is `stop`."""
    whole = drawn(engine, _greedy(24))
    marks = [result.text[len(result.text) // 2 :][:2] for result in whole]
    stopped = drawn(
        engine,
        [Request(p, 24, stop=(m,) if m else ()) for p, m in zip(PROMPTS, marks, strict=True)],
    )
    for before, mark, after in zip(whole, marks, stopped, strict=True):
        if mark:
            hold(after.text == before.text[: before.text.find(mark)], f"not cut before {mark!r}")
            hold(after.stop_reason == "stop", f"a stop string gives {after.stop_reason}")
            hold(after.n_tokens <= before.n_tokens, "the draw went on after its stop string")


def check_unicode_passes(engine: Engine) -> None:
    """Any valid text is a prompt; one that is not valid fails alone."""
    results = drawn(engine, [Request(p, max_new_tokens=4) for p in (*UNICODE, "\ud800", "ok")])
    for prompt, result in zip((*UNICODE, "\ud800", "ok"), results, strict=True):
        is_valid = prompt != "\ud800"
        hold((result.error is None) == is_valid, f"{prompt!r}: error is {result.error}")
        hold(is_valid or result.stop_reason == "error", "a failed request does not say error")


def check_empty_prompt_is_no_accident(engine: Engine) -> None:
    """An empty prompt is continued or refused with a reason; the others go on."""
    empty, other = drawn(engine, [Request("", max_new_tokens=4), Request("a", max_new_tokens=4)])
    hold((empty.error is None) == (empty.n_tokens > 0), "an empty prompt is neither one nor other")
    hold(other.error is None, "an empty prompt spoils its neighbour")


def check_prompt_over_the_context_is_an_error_result(engine: Engine) -> None:
    """A prompt that does not fit is refused alone, and one that nearly fits is cut at the context."""
    if engine.context_tokens is None:
        return
    too_long = "1+" * engine.context_tokens
    results = drawn(engine, [Request(too_long, 4), Request("a", engine.context_tokens + 5)])
    hold(bool(results[0].error), "a prompt over the context was not refused")
    hold(results[0].stop_reason == "error", "a refused prompt does not say error")
    used = results[1].n_prompt_tokens + results[1].n_tokens
    hold(results[1].error is None, "a short prompt with a high limit was refused")
    hold(used <= engine.context_tokens, "a draw went over the context")


def check_seeds_are_honoured(engine: Engine) -> None:
    """Same seed same text; among eight seeds there are several texts; a lone draw where promised."""
    if engine.info.honours_seed == "no":
        return
    requests = [Request("ab", 16, temperature=1.0, seed=seed) for seed in range(8)]
    first, again = ([result.text for result in drawn(engine, requests)] for _ in range(2))
    hold(first == again, "the same seeds gave other texts")
    hold(len(set(first)) >= 4, "eight seeds gave fewer than four texts at temperature 1")
    if engine.info.honours_seed == "request":
        alone = [drawn(engine, [request])[0].text for request in requests]
        hold(alone == first, "a draw depends on its batch, though the seed is said to fix it")


def check_token_ends_lie_in_the_text(engine: Engine) -> None:
    """One end per token, never falling; the last is the length of the text."""
    sampled = [Request(p, 12, temperature=1.0, seed=5) for p in (*PROMPTS, *UNICODE)]
    for result in drawn(engine, sampled):
        ends = result.token_ends
        if ends is None or result.error is not None:
            continue
        hold(len(ends) == result.n_tokens, "not one end per token")
        hold(bool((np.diff(ends) >= 0).all()), "an end lies before the one before it")
        hold(not len(ends) or ends[-1] == len(result.text), "the last token does not end the text")


def check_a_guard_ends_a_draw_at_the_first_low_window(engine: Engine) -> None:
    """The draw is cut where its own logprobs say, says `weak`, and is the same up to there."""
    k, window = 3, 2
    whole = drawn(engine, [Request(p, 12, top_logprobs=k) for p in PROMPTS])
    means = [_window_means(top_of(result, k)[1], window) for result in whole]
    if not all(len(row) for row in means):
        return
    bar = float(np.median(np.concatenate(means)))
    guarded = drawn(
        engine, [Request(p, 12, top_logprobs=k, guard=Guard(bar, window)) for p in PROMPTS]
    )
    for before, row, after in zip(whole, means, guarded, strict=True):
        low = np.nonzero(row < bar - BOUND)[0]
        if not len(low):
            hold(after.n_tokens == before.n_tokens, "a draw over its bar was cut")
            continue
        n = int(low[0]) + window
        hold(after.token_ids == before.token_ids[:n], "a weak draw is not cut at its window")
        is_whole = n == before.n_tokens and before.stop_reason == "stop"
        hold(after.stop_reason == ("stop" if is_whole else "weak"), "a weak draw does not say so")


def _window_means(top_logprobs: np.ndarray, window: int) -> np.ndarray:
    confidence = -top_logprobs.mean(axis=1, dtype=np.float64)
    if len(confidence) < window:
        return np.zeros(0)
    return np.convolve(confidence, np.full(window, 1 / window), mode="valid")


def check_what_is_cancelled_is_not_drawn(engine: Engine) -> None:
    """A draw that nobody wants says so and spoils none beside it; each index still comes once."""
    requests = [Request(p, 12) for p in PROMPTS]
    whole = drawn(engine, requests)
    results = dict(engine.generate(requests, cancelled=lambda i: i % 2 == 0))
    hold(sorted(results) == list(range(len(requests))), "not every index came exactly once")
    for i, result in results.items():
        if i % 2:
            hold(result.text == whole[i].text, "a draw beside a cancelled one is another")
        elif result.stop_reason != "stop":  # a server may have answered before it was told
            hold(result.stop_reason == "cancelled", f"it says {result.stop_reason}")
            hold(whole[i].text.startswith(result.text), "a cancelled draw is no part of the whole")


def check_impossible_settings_are_refused(engine: Engine) -> None:
    """Settings that no draw can have are a ConfigError before any result comes."""
    for bad in (
        Request("a", max_new_tokens=0),
        Request("a", 4, temperature=-1.0),
        Request("a", 4, top_p=0.0),
        Request("a", 4, stop=("",)),
        Request("a", 4, top_logprobs=-1),
        Request("a", 4, guard=Guard(1.0, 8)),
        Request("a", 4, top_logprobs=2, guard=Guard(1.0, 0)),
    ):
        try:
            next(engine.generate([Request("a", 4), bad]))
        except ConfigError:
            continue
        hold(False, f"{bad} was not refused before work began")


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
                check_token_ends_lie_in_the_text,
                check_a_guard_ends_a_draw_at_the_first_low_window,
                check_what_is_cancelled_is_not_drawn,
                check_impossible_settings_are_refused,
            ),
        ),
        (_SCORE, SCORE_CHECKS),
        (_GENERATE | _SCORE, (check_generated_logprobs_equal_scored_ones,)),
    )
    for run in runs
)
"""All checks of the contract, by name."""


def _greedy(max_new_tokens: int = 12) -> list[Request]:
    return [Request(prompt, max_new_tokens) for prompt in PROMPTS]
