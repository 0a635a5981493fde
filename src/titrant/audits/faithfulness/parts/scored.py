"""The part `gain`: information gain of the own traces of base and tuned models, scored by the base.

The scorer is the untrained base for all of them, so no model judges itself. The pass and the formulas are
those of the signals (`signals.onepass`, `signals.gain`), into a folder that is thrown away: what is kept is
one row per trace, with every form and the perplexities of the gold answer before and after all steps.

The gold answer is led in as `signals.answer` says where that is set, else as tuned arms lead in theirs
(`lead_in`): behind a lead-in that no model has seen, gains say little.

A trace without thinking has no steps, and every form of it is missing; the base's are made to think
(`own`).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from titrant.audits.base import Part
from titrant.audits.faithfulness.parts.own import TRACE, traces_with_steps
from titrant.audits.faithfulness.parts.written import Completing, as_trace, part_text
from titrant.signals.asking import GOLD, Asking
from titrant.signals.base import signals
from titrant.signals.compute import compute
from titrant.signals.gain import answers_of
from titrant.signals.onepass import Scorer, score_pool
from titrant.signals.store import part_paths, read_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.audits.base import Material, Subject
    from titrant.audits.faithfulness.parts.written import Parted
    from titrant.settings import AuditSettings, SignalSettings
    from titrant.signals.base import TokenScores
    from titrant.traces.record import Trace

TOTAL, PAPER = "gain", "gain-paper"
FORMS = (TOTAL, "gain-per-step", "gain-per-token", "gain-share", PAPER, "gain-code")
"""Signals of the registry, the length-free one first."""
SCHEMA = {
    "of_role": pl.String,
    "of_seed": pl.Int64,
    "qid": pl.String,
    "n_steps": pl.Int64,
    "n_tokens": pl.Int64,
    "lead_in": pl.String,
    "perplexity_before": pl.Float64,
    "perplexity_after": pl.Float64,
    **dict.fromkeys(FORMS, pl.Float64),
}
"""`n_tokens`: of the steps, under the scorer's tokenizer. `lead_in`: with `{gold}`, what was forced. Perplexity of the gold answer, after no step and
after all. Numbers are null where they cannot be had."""


def traces_to_score(material: Material, settings: AuditSettings) -> list[dict[str, Any]]:
    """Whose trace, of which problem, and its text: of all models, in one order."""
    del settings  # how many is the part `own`'s affair
    own = material.evidence.get("own")
    if own is None:
        return []
    rows = traces_with_steps(own).select("role", "seed", "qid", "text")
    return rows.sort("qid", "role", "seed").to_dicts()


def lead_in(own: pl.DataFrame | None, settings: SignalSettings) -> str:
    """What leads in the gold answer: `signals.answer` where it is set, else as arms lead in their own.

    An arm's trace tells where its text behind the thinking ends with its answer: "#### 48". The default
    stays where fewer than half of the right ones have one lead-in in common.
    """
    template = settings.answer
    if own is None or template != type(settings).model_fields["answer"].default:
        return template
    right = own.filter((pl.col("kind") == TRACE) & (pl.col("role") == "tuned") & pl.col("correct"))
    rows = right.select("text", "answer").iter_rows()
    leads = [_lead(part_text(text), answer) for text, answer in rows]
    common, n = Counter(leads).most_common(1)[0] if leads else (None, 0)
    return template if common is None or 2 * n <= len(leads) else common + GOLD


def _lead(parted: Parted, answer: str) -> str | None:
    """What stands between the thinking and an answer that ends the text."""
    text = parted.answer_text
    return text.removesuffix(answer) if parted.is_tagged and text.endswith(answer) else None


def ask_gain(
    subject: Subject,
    chunk: Sequence[dict[str, Any]],
    material: Material,
    settings: AuditSettings,
) -> pl.DataFrame:
    """Every form of information gain of some traces."""
    del settings
    problems = {problem.qid: problem for problem in material.benchmark}
    traces = [as_trace(problems[item["qid"]], item["text"]) for item in chunk]
    config = material.config
    lead = lead_in(material.evidence.get("own"), config.signals)
    asking = Asking(
        prompts=Completing(subject.prompts, config.prompt),
        prompt=config.prompt,
        signals=config.signals.model_copy(update={"answer": lead}),
        needs=frozenset({"answers", "question"}),
        top_logprobs=0,
    )
    distinct = list({trace.uid: trace for trace in traces if trace.steps}.values())
    found = gains_of(distinct, Scorer(subject.engine, asking, vocab=0, model="audit"))
    rows = [
        {
            **dict.fromkeys(SCHEMA),
            "of_role": item["role"],
            "of_seed": item["seed"],
            "qid": item["qid"],
            "n_steps": len(trace.steps),
            "lead_in": lead,
            **found.get(trace.uid, {}),
        }
        for item, trace in zip(chunk, traces, strict=True)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def gains_of(traces: Sequence[Trace], scorer: Scorer) -> dict[str, dict[str, float | int | None]]:
    """Uid → the columns of `SCHEMA` that are numbers."""
    if not traces:
        return {}
    found: dict[str, dict[str, float | int | None]] = {}
    with TemporaryDirectory(prefix="titrant-gain-") as name:
        folder = Path(name)
        score_pool(traces, scorer, folder)
        for path in part_paths(folder):
            scores = read_part(path)
            columns = _columns(scores, scorer.asking.signals)
            for i, uid in enumerate(scores.uids):
                found[uid] = {key: _known(values[i], key) for key, values in columns.items()}
    return found


def _columns(scores: TokenScores, settings: SignalSettings) -> dict[str, Any]:
    """Values of some traces by column; [traces] each."""
    forms = {name: compute(signals.get(name), scores, settings).trace for name in FORMS}
    assert scores.answers is not None  # they were asked for
    assert scores.n_lead is not None
    perplexity = answers_of(scores.answers, scores.n_lead, scores.n_steps).perplexity
    tokens = scores.step.with_values(scores.step.values >= 0).sum()
    first, last = perplexity.offsets[:-1], perplexity.offsets[1:] - 1
    return {
        "n_tokens": np.where(scores.logprob.lengths > 0, tokens, np.nan),
        "perplexity_before": perplexity.values[first],
        "perplexity_after": perplexity.values[last],
        **forms,
    }


def _known(value: float, key: str) -> float | int | None:
    """`None` for NaN and for what is infinite."""
    if not abs(value) < float("inf"):
        return None
    return int(value) if key == "n_tokens" else float(value)


GAIN = Part(
    name="gain", roles=("base",), items=traces_to_score, ask=ask_gain, chunk=256, needs=("own",)
)
"""Information gain of own traces, by the base."""
