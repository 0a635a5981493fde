"""Drawing answers, in a worker: the engine is loaded once, and draws are kept as they end, some at a time.

Under a rule with a bar the window of group confidence is settled by the warm-ups: `signals.window: auto` is
a share of their mean length, over all questions, and stands in `meta.json` from then on. Until then nothing
needs it, and no other rule does.

Killed at any moment, the same job goes on: draws that are there are told to the rule again, in order, and
only what is missing is drawn. What a kill or Ctrl-C can cost is the draws of the last `FLUSH_S` seconds.

A draw that failed counts as one without an answer, and is made again the next time that the draws are read:
by the next start, and of warm-ups once they are over. Where nothing but
failures came, that is an error, once everything was tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.dose.work.layout import usable_cores
from titrant.engines.open import open_engine
from titrant.errors import ConfigError, EngineError
from titrant.run.sample.asked import SampleJob, known_meta, made_with
from titrant.run.sample.folder import SampleMeta, write_answers, write_meta
from titrant.run.sample.outbox import Outbox
from titrant.signals.confidence import floor_of, resolve, window_of
from titrant.traces.record import content_hash
from titrant.traces.table import load_problems
from titrant.traces.verify.verdict import Verifier
from titrant.vote.logs.draws import DrawsInfo, draw_parts, read_draws, rows_of, write_draws
from titrant.vote.logs.load import MIN_TOP, UNKNOWN_VOCAB
from titrant.vote.online import Drawer, Online
from titrant.vote.rules import Fixed, rule_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from titrant.engines.open import Opened
    from titrant.traces.record import Problem
    from titrant.vote.logs.draws import Draw
    from titrant.vote.question import Counted
    from titrant.vote.rules import Rule

MOST_WORKERS = 8
CHUNK = 256
"""Draws that are written together at most."""
FLUSH_S = 30.0
"""Seconds after which draws that have ended are written, however few."""


def sample(job: SampleJob, progress: Callable[[str, int, int], None] | None = None) -> SampleMeta:
    """Draw until every question is settled; what the folder then says of itself.

    Raises:
        DataError: the folder holds draws that were made otherwise, or a part is damaged.
        EngineError: all draws failed.
        TitrantError: the engine cannot be opened.
    """
    problems = load_problems(job.folder / "problems.parquet")
    opened = open_engine(job.base, job.prompt, job.decode, job.server, shots=job.shots)
    with Verifier(workers=min(usable_cores(), MOST_WORKERS)) as verifier:
        work = _Work(job, problems, opened, verifier)
        work.run(progress or _silent)
    return work.meta


class _Work:
    """A job under way."""

    def __init__(
        self, job: SampleJob, problems: list[Problem], opened: Opened, verifier: Verifier
    ) -> None:
        self.job, self.problems, self.opened, self.verifier = job, problems, opened, verifier
        self.rule = rule_of(job.sample)
        self.top = min(job.signals.top_logprobs, opened.most_top)
        _check_bar(self.rule, opened)
        parts = made_with(job, opened, self.top)
        self.meta = known_meta(
            job.folder,
            SampleMeta(
                base=opened.name,
                engine=opened.engine.info.engine,
                device=opened.engine.info.device,
                honours_seed=opened.engine.info.honours_seed,
                fingerprint=content_hash(*parts.values()),
                made_with=parts,
                rule=self.rule.text,
                budget=self.rule.budget,
                temperature=job.sample.temperature,
                top=self.top,
                vocab=opened.vocab,
                questions=len(problems),
                notes=opened.notes,
            ),
        )

    def run(self, tell: Callable[[str, int, int], None]) -> None:
        """Draw the warm-ups, settle the window by them, draw the rest."""
        if self.rule.has_bar and self.meta.window is None:
            self._keep(window=self._window(self._draw(Fixed(self.rule.warmup), tell)))
        online = self._draw(self.rule, tell)
        write_answers(self.job.folder / "answers.parquet", self.problems, online.outcomes())
        _check_failures(_all_of(online))
        self._keep(is_done=True, **_counts(self.problems, online))

    def _draw(self, rule: Rule, tell: Callable[[str, int, int], None]) -> Online:
        """Draw what is missing under a rule.

        What is there is read again, part by part: the numbers of all tokens of all draws would fill the
        memory.
        """
        online = Online(self.problems, self._drawer(rule), known=self._known_draws())
        total = len(self.problems)
        with Outbox(self._store, at_most=CHUNK, every_s=FLUSH_S) as outbox:
            for step in online.run():
                outbox.put(step.draw)
                tell("drawing", total - step.n_open, total)
        return online

    def _store(self, draws: Sequence[Draw], seconds: float) -> None:
        info = DrawsInfo(
            fingerprint=self.meta.fingerprint,
            top=self.top,
            vocab=self.opened.vocab,
            seconds=seconds,
        )
        write_draws(self.job.folder, draws, info)
        self._keep(seconds=self.meta.seconds + seconds)

    def _keep(self, **update: object) -> None:
        self.meta = self.meta.model_copy(update=update)
        write_meta(self.job.folder, self.meta)

    def _known_draws(self) -> Iterator[Draw]:
        """Draws of earlier starts, one after the other."""
        for path in draw_parts(self.job.folder):
            info, table = read_draws(path)
            if info.fingerprint == self.meta.fingerprint:
                yield from rows_of(table)

    def _window(self, warmups: Online) -> int:
        draws = _all_of(warmups)
        _check_failures(draws)
        lengths = [draw.n_tokens for draw in draws if draw.error is None]
        mean = sum(lengths) / len(lengths)
        return window_of(resolve(self.job.signals, mean)).group

    def _drawer(self, rule: Rule) -> Drawer:
        job = self.job
        decode = job.decode.model_copy(update={"temperature": job.sample.temperature})
        return Drawer(
            engine=self.opened.engine,
            prompts=self.opened.prompts,
            verifier=self.verifier,
            decode=decode,
            rule=rule,
            root=job.seed,
            top_logprobs=self.top,
            window=self.meta.window or 1,
            floor=floor_of(self.opened.vocab or UNKNOWN_VOCAB),
            width=job.sample.width,
            answer_pattern=job.answer_pattern,
            with_distribution=job.sample.distribution,
        )


def _check_bar(rule: Rule, opened: Opened) -> None:
    if rule.has_bar and opened.most_top < MIN_TOP:
        raise ConfigError(
            f"the rule {rule.text} needs logprobs",
            expected=f"an engine that gives at least {MIN_TOP} likeliest tokens of each position",
            came=f"{opened.name}, which gives {opened.most_top or 'none'}",
            do="choose --rule adaptive or esc, which count answers only, or another server",
        )


def _counts(problems: Sequence[Problem], online: Online) -> dict[str, object]:
    """What came out, in numbers of questions, draws and tokens."""
    outcomes = online.outcomes()
    draws = _all_of(online)
    errors = [draw.error for draw in draws if draw.error is not None]
    with_gold = sum(problem.gold is not None for problem in problems)
    return {
        "draws": len(draws),
        "tokens": sum(one.tokens for one in outcomes),
        "with_gold": with_gold,
        "correct": sum(one.verdict == "correct" for one in outcomes) if with_gold else None,
        "failed": len(errors),
        "failure": errors[-1] if errors else "",
        "truncated": sum(draw.stop_reason == "length" for draw in draws),
        "stopped": sum(draw.stop_reason in {"weak", "cancelled"} for draw in draws),
        "unreadable": sum(
            draw.stop_reason == "stop" and draw.final_answer is None for draw in draws
        ),
    }


def _all_of(online: Online) -> list[Counted]:
    return [draw for some in online.draws() for draw in some]


def _check_failures(draws: Sequence[Counted]) -> None:
    """Refuse to go on, or to be done, with nothing but failures."""
    errors = [draw.error for draw in draws if draw.error is not None]
    if errors and len(errors) == len(draws):
        raise EngineError(
            f"all {len(draws):,} draws failed",
            came=errors[-1],
            do="correct the cause and run the same command again",
        )


def _silent(_: str, __: int, ___: int) -> None:
    return
