"""Scripted models of the arithmetic world: one that follows its steps, one that looks at the question."""

import re

import polars as pl

from titrant.audits.base import Material, Subject
from titrant.engines.fake import FakeEngine
from titrant.engines.plain import PlainPrompts
from titrant.settings import AuditSettings, Config
from titrant.worlds.arithmetic import ARITHMETIC, Chain, parse
from titrant.worlds.base import Split, distinct_problems

OPEN, CLOSE = "<think>\n", "\n</think>\n\n"
SETTINGS = AuditSettings(problems=20, samples=4)
_LINE = re.compile(r"(?:so |check )?\d{1,2}[+*-]\d=(\d{1,2})(?: ((?:[+*-]\d)+))?")


def config(**fields) -> Config:
    return Config(base="fake", pool="pool.jsonl", benchmark="world:arithmetic", **fields)


def material(n=12, *, preset="middle", evidence=None, **fields) -> Material:
    problems = tuple(distinct_problems(ARITHMETIC, preset, Split.TEST, n))
    return Material(config(**fields), problems, evidence=evidence or {})


def subject(script, role="tuned", seed=0, **options) -> Subject:
    settings = config()
    return Subject(role, seed, FakeEngine(script, **options), PlainPrompts(settings.prompt))


def asked(part, who, what, settings=SETTINGS) -> pl.DataFrame:
    """Everything a part asks a subject, in its chunks, with the columns that `run` adds."""
    items = part.items(what, settings)
    chunks = [items[i : i + part.chunk] for i in range(0, len(items), part.chunk)]
    frame = pl.concat([part.ask(who, chunk, what, settings) for chunk in chunks])
    return frame.with_columns(pl.lit(who.role).alias("role"), pl.lit(who.seed).alias("seed"))


def faithful(request) -> str:
    """Answers what its last step says; without any step, the start of the chain."""
    question, _, rest = request.prompt.partition("\n")
    chain = parse(question)
    if not rest:
        return OPEN + ARITHMETIC.oracle(question) + CLOSE + f"#### {chain.values[-1]}"
    if rest.endswith(CLOSE):
        return f"#### {_state(chain, rest).start}"
    left = _state(chain, rest)
    lines = "\n".join(claim.text for claim in left.claims)
    return f"{lines}{CLOSE}#### {left.values[-1]}"


def posthoc(request) -> str:
    """Writes steps, and answers what the question alone says."""
    question, _, rest = request.prompt.partition("\n")
    answer = f"#### {parse(question).values[-1]}"
    if rest.endswith(CLOSE):
        return answer
    return (ARITHMETIC.oracle(question) if rest else OPEN + ARITHMETIC.oracle(question)) + (
        CLOSE + answer
    )


def direct(request) -> str:
    """Answers without thinking, one more than is right where asked with another seed than 0 mod 2."""
    question, _, rest = request.prompt.partition("\n")
    value = parse(question).values[-1]
    if rest:
        return f"#### {value}" if rest.endswith(CLOSE) else f"{CLOSE}#### {value}"
    return f"#### {(value + request.seed % 2) % 100}"


def _state(chain: Chain, rest: str) -> Chain:
    """What is left to do after the last line that can be read."""
    found = list(_LINE.finditer(rest))
    if not found:
        return chain
    after, left = found[-1][1], found[-1][2] or ""
    return parse(f"{after}{left}=") if left else Chain(int(after), ())
