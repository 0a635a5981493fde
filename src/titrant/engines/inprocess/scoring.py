"""Logprobs of given texts, as vLLM gives those of prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from titrant.engines.scoring.ranked import ForcedText, score_of
from titrant.lazy import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from titrant.engines.base import Score
    from titrant.engines.scoring.encode import EncodedScore


def score_prompts(
    llm: Any,  # noqa: ANN401 - of an optional package
    some: Sequence[tuple[int, EncodedScore]],
) -> Iterator[tuple[int, Score]]:
    """Scores of some texts and their branches, each a prompt of vLLM's, of which it says nothing but logprobs."""
    prompts: list[list[int]] = []
    for _, encoded in some:
        row = encoded.row
        before = list(row.prefix_ids)
        prompts.append([*before, *row.ids])
        prompts += [[*before, *row.ids[: twig.at], *twig.ids] for twig in row.twigs]
    most = max((encoded.row.top_logprobs for _, encoded in some), default=0)
    found = iter(_forced(llm, prompts, most))
    for i, encoded in some:
        main = next(found)
        twigs = [next(found) for _ in encoded.row.twigs]
        row, start = encoded.row, len(encoded.row.prefix_ids)
        yield (
            i,
            score_of(
                ForcedText(row.prefix_ids, row.ids, encoded.ends, main),
                [
                    ForcedText((), twig.ids, ends, entries[start + twig.at :])
                    for twig, ends, entries in zip(row.twigs, encoded.twig_ends, twigs, strict=True)
                ],
                k=row.top_logprobs,
                with_prefix=row.with_prefix,
            ),
        )


def _forced(llm: Any, prompts: list[list[int]], k: int) -> list[list[dict[int, Any] | None]]:  # noqa: ANN401
    """Entries of each position of each prompt; `None` for the first, which nothing decides."""
    params = load("vllm:SamplingParams")(
        max_tokens=1, temperature=0.0, prompt_logprobs=k, detokenize=False
    )
    asked = [{"prompt_token_ids": ids} for ids in prompts if ids]
    outputs = iter(llm.generate(asked, params, use_tqdm=False) if asked else ())
    return [list(next(outputs).prompt_logprobs) if ids else [] for ids in prompts]
