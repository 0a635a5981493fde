"""An engine that answers sums by a script, and a job of drawing from it."""

from titrant.engines.base import Result
from titrant.engines.fake import FakeEngine
from titrant.engines.open import Opened
from titrant.engines.plain import PlainPrompts
from titrant.engines.scoring.hashed import VOCAB
from titrant.run.sample.alone import sample_job
from titrant.seeds import derive
from titrant.settings import Config
from titrant.traces.record import Problem, question_id
from titrant.traces.table import write_problems
from titrant.vote.online import LABEL

QUESTIONS = [f"What is {i} + {i}?" for i in range(6)]


def say(request):
    """Right two times of three, in words of different lengths."""
    n = int(request.prompt.split()[2])
    pick = derive(request.seed, "say", request.prompt)
    answer = 2 * n + (1 if pick % 3 == 0 else 0)
    steps = "".join(f"step {i}\n" for i in range(1 + pick % 4))
    return f"<think>{steps}</think>The answer is {answer}"


class Scripted(FakeEngine):
    """The fake engine with that script."""

    limit = None
    """Draws after which it is interrupted."""
    fails = frozenset()
    """(question, sample) of draws that fail, first of all."""

    @classmethod
    def open(cls, opening):
        return Opened(cls(say), PlainPrompts(opening.prompt), "scripted", "f", VOCAB, VOCAB)

    def generate(self, requests, **more):
        seeds = {derive(0, LABEL, question_id(q), k) for q, k in Scripted.fails}
        bad = [i for i, request in enumerate(requests) if request.seed in seeds]
        for i in bad:
            yield i, Result("", (), "error", 0, error="no luck")
        for given, (i, result) in enumerate(super().generate(requests, **more)):
            if Scripted.limit is not None and given >= Scripted.limit:
                raise KeyboardInterrupt
            if i not in bad:
                yield i, result


def make_job(folder, *, gold=True, **changes):
    """Draws for `QUESTIONS`, eight of each unless `changes` say otherwise."""
    problems = [
        Problem(qid=question_id(q), question=q, gold=str(2 * i) if gold else None)
        for i, q in enumerate(QUESTIONS)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_problems(folder / "problems.parquet", problems)
    tree = {
        "base": "scripted",
        "pool": "world:arithmetic",
        "benchmark": "world:arithmetic",
        "decode": {"engine": "fake", "max_new_tokens": 100},
        "sample": {"budget": 8, "temperature": 1.0},
    }
    return sample_job(Config.model_validate(tree | changes), folder)
