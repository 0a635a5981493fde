"""Near copies among 10,000 questions: MinHash and comparing, beside RapidFuzz on all pairs.

    python benchmarks/near_duplicates.py [--n 10000] [--share 0.1] [--seed 0] [--scale 100000]

A tenth of the questions are near copies of others: a word exchanged, a typo, punctuation, case, clauses in
another order; numbers are kept. The baseline is OpenThoughts' rule, every pair whose ratio is 95 and more
(`process.cdist(..., score_cutoff=95)`), with one worker and with two. Recall is over planted pairs whose ratio
is 95 and more (as written, before any folding), and over all planted pairs. Precision is over found pairs:
planted, or with that ratio and equal figures.

Questions are those of GSM8K and MATH-500 in ../shared/data where they are there, else made ones. `--scale`
adds a run on so many whole traces (question and solution, one in ten a near copy), without the baseline.
Times of one core are processor seconds, that of two workers is wall time.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse  # noqa: E402
import json  # noqa: E402
import re  # noqa: E402
import resource  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING  # noqa: E402

import numpy as np  # noqa: E402
from rapidfuzz import fuzz, process  # noqa: E402

from titrant.seeds import derive_rng  # noqa: E402
from titrant.select.clean.copies.duplicates import near_copies, near_pairs  # noqa: E402
from titrant.select.clean.words import figures  # noqa: E402
from titrant.traces.bulk import identify, make_trace  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from titrant.traces.record import Trace

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
CUTOFF = 95


def main() -> None:
    options = _options()
    texts, planted = plant(originals(options.n), options.n, share=options.share, seed=options.seed)
    print(f"{len(texts):,} questions, {len(planted):,} of them planted near copies, "
          f"{np.mean([len(t) for t in texts]):.0f} characters on average; one core each")  # fmt: skip
    traces = [as_trace(text, "4") for text in texts]
    ours_s, pairs = timed(lambda: near_pairs(traces, unit="question"))
    grouping_s, groups = timed(lambda: near_copies(pairs))
    ours_s += grouping_s
    base_s, scores = timed(lambda: all_pairs(texts, workers=1))
    began = time.perf_counter()
    all_pairs(texts, workers=2)
    two_s = time.perf_counter() - began
    print(f"titrant              {ours_s:8.2f} s  {pairs.n_compared:,} candidates compared, "
          f"{pairs.n_left_out:,} left out, {len(groups):,} groups")  # fmt: skip
    print(f"cdist, 1 worker      {base_s:8.2f} s  {base_s / ours_s:.0f} times as long")
    print(f"cdist, 2 workers     {two_s:8.2f} s  {two_s / ours_s:.0f} times as long (wall time)")
    judge(texts, planted, pairs.units.rows, pairs.alike, scores)
    if options.scale:
        at_scale(options.scale, options.seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=10_000, help="questions in all")
    parser.add_argument("--share", type=float, default=0.1, help="of them planted near copies")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=int, default=0, help="also run on so many whole traces")
    return parser.parse_args()


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Processor seconds and the result."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def all_pairs(texts: list[str], *, workers: int) -> np.ndarray:
    """OpenThoughts' way: the ratio of every pair, 0 where under the cutoff; uint8 [n, n]."""
    return process.cdist(
        texts, texts, scorer=fuzz.ratio, score_cutoff=CUTOFF, workers=workers, dtype=np.uint8
    )


def judge(
    texts: list[str],
    planted: dict[int, tuple[int, str]],
    rows: tuple[tuple[int, ...], ...],
    alike: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Print recall by kind of change, precision, and what else has the ratio."""
    found = {(rows[i][0], rows[j][0]) for i, j in alike.tolist()}
    is_high = {
        copy: fuzz.ratio(texts[copy], texts[source]) >= CUTOFF
        for copy, (source, _) in planted.items()
    }
    hit = {
        copy: (min(copy, source), max(copy, source)) in found
        for copy, (source, _) in planted.items()
    }
    high = [copy for copy in planted if is_high[copy]]
    print(f"recall on planted pairs with ratio >= {CUTOFF}: {sum(hit[c] for c in high)} of {len(high)}"
          f" = {sum(hit[c] for c in high) / len(high):.4f};"
          f" on all planted: {sum(hit.values())} of {len(hit)}")  # fmt: skip
    for kind in dict.fromkeys(kind for _, kind in planted.values()):
        of = [copy for copy in planted if planted[copy][1] == kind]
        print(f"    {kind:12} {sum(hit[c] for c in of):4} of {len(of):4} found, "
              f"{sum(is_high[c] for c in of):4} with that ratio")  # fmt: skip
    theirs = {(i, j) for i, j in np.argwhere(np.triu(scores, 1) > 0).tolist()}
    made = {tuple(sorted((copy, source))) for copy, (source, _) in planted.items()}
    same = {pair for pair in theirs if figures(texts[pair[0]]) == figures(texts[pair[1]])}
    true = found & (made | same)
    print(
        f"precision: {len(true)} of {len(found)} pairs found = {len(true) / max(len(found), 1):.4f}"
    )
    print(f"of {len(theirs)} pairs that cdist gives {len(theirs & found)} are found; "
          f"{len(theirs - same)} differ in their figures, {len(same - found)} are missed")  # fmt: skip


def at_scale(n: int, seed: int) -> None:
    """Whole traces, without a baseline."""
    traces = [as_trace(*parts) for parts in solved(n, seed)]
    spent, pairs = timed(lambda: near_pairs(traces, unit="trace"))
    grouping_s, groups = timed(lambda: near_copies(pairs))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{n:,} whole traces ({len(pairs.units):,} different): {spent + grouping_s:.1f} s, "
          f"{pairs.n_compared:,} pairs compared, {pairs.n_left_out:,} left out, "
          f"{sum(len(g.copies) for g in groups):,} copies; peak of the process {peak:.1f} GiB")  # fmt: skip


def as_trace(question: str, answer: str) -> Trace:
    identity = identify(question, None, answer)
    return make_trace(
        {"uid": identity.uid, "qid": identity.qid, "question": question, "answer_text": answer}
    )


# The questions


def originals(n: int) -> list[str]:
    """Questions of real data sets where they are there, filled up with made ones."""
    found = [row[key] for path, key in _FILES for row in rows_of(path)]
    found = list(dict.fromkeys(found))[:n]
    return found + [made_question(i) for i in range(n - len(found))]


_FILES = (
    ("gsm8k/train.jsonl", "question"),
    ("gsm8k/test.jsonl", "question"),
    ("math500/test.jsonl", "problem"),
)


def rows_of(path: str) -> list[dict[str, str]]:
    place = SHARED / path
    if not place.is_file():
        return []
    return [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()]


def solved(n: int, seed: int) -> list[tuple[str, str]]:
    """Questions with solutions; past the real ones, solutions are put together from several."""
    rows = rows_of("gsm8k/train.jsonl") or [
        {"question": made_question(i), "answer": made_question(i + 7)} for i in range(7000)
    ]
    rng = derive_rng(seed, "benchmark", "near", "scale")
    found: list[tuple[str, str]] = []
    while len(found) < n:
        row = rows[int(rng.integers(len(rows)))]
        if found and rng.random() < 0.1:
            question, answer = found[int(rng.integers(len(found)))]
            found.append((question, change(answer, rng)[0]))
        else:
            lines = row["answer"].split("\n")
            other = rows[int(rng.integers(len(rows)))]["answer"].split("\n")
            found.append((row["question"], "\n".join([*lines[:-1], other[0], lines[-1]])))
    return found


_WORD_LISTS = """
Ada Ben Cleo Dan Eve Finn Gina Hugo Iris Jon Kate Liam Mona Nick Olga Paul
apples books candles drums eggs flags grapes hats jars kites lamps mugs nuts pens
market shop fair school garden harbour library bakery museum station
"""
_NAMES, _THINGS, _PLACES = (line.split() for line in _WORD_LISTS.strip().split("\n"))
_ACTS = (
    "{a} buys {n} {x} at the {p} on Monday and {m} more on Friday.",
    "At the {p}, {a} counts {n} boxes with {m} {x} in each of them.",
    "{a} and {b} share {n} {x} that they were given at the {p} {m} days ago.",
    "Each week {a} brings {n} {x} to the {p}, of which {b} takes {m}.",
    "The {p} sells {n} {x} a day, but {a} sells only {m} of them.",
    "{b} promises {a} {n} {x} for every {m} hours of work at the {p}.",
)
_ENDS = (
    "How many {x} does {a} have in the end?",
    "How many {x} are left at the {p}?",
    "What is the number of {x} that {b} gets?",
)


def made_question(i: int) -> str:
    """A word problem of four sentences; a function of its number."""
    rng = derive_rng(0, "benchmark", "word problem", i)

    def word(words: list[str]) -> str:
        return words[int(rng.integers(len(words)))]

    acts = [_ACTS[int(at)] for at in rng.permutation(len(_ACTS))[:3]]
    sentences = [*acts, _ENDS[int(rng.integers(len(_ENDS)))]]
    names = {"a": word(_NAMES), "b": word(_NAMES)}
    return " ".join(
        s.format(
            x=word(_THINGS), p=word(_PLACES), n=rng.integers(2, 90), m=rng.integers(2, 90), **names
        )
        for s in sentences
    )


# The changes


def plant(
    texts: list[str], n: int, *, share: float, seed: int
) -> tuple[list[str], dict[int, tuple[int, str]]]:
    """`n` questions of which a share are changed copies; copy → (its source, what was changed)."""
    rng = derive_rng(seed, "benchmark", "near", n)
    n_planted = round(n * share)
    kept = texts[: n - n_planted]
    sources = rng.choice(len(kept), size=n_planted, replace=False)
    changed = [change(kept[source], rng) for source in sources.tolist()]
    planted = {
        copy: (source, kind)
        for copy, source, (_, kind) in zip(
            range(len(kept), n), sources.tolist(), changed, strict=True
        )
    }
    return kept + [text for text, _ in changed], planted


def change(text: str, rng: np.random.Generator) -> tuple[str, str]:
    """A text changed in one of five ways, and the name of the way; numbers stay."""
    ways = {"word": _word, "typo": _typo, "punctuation": _stop, "case": _case, "clauses": _clauses}
    kind = list(ways)[int(rng.integers(len(ways)))]
    changed = ways[kind](text, rng)
    return (changed, kind) if changed != text else (f"{text} Think.", "word")


def _word(text: str, rng: np.random.Generator) -> str:
    words = text.split(" ")
    at = [
        i for i, word in enumerate(words) if word.isalpha() and len(word) > 3 and not figures(word)
    ]
    if at:
        words[at[int(rng.integers(len(at)))]] = _PLACES[int(rng.integers(len(_PLACES)))]
    return " ".join(words)


def _typo(text: str, rng: np.random.Generator) -> str:
    at = [m.start() for m in re.finditer(r"[a-z]{5,}", text) if not figures(m[0])]
    if not at:
        return text
    i = at[int(rng.integers(len(at)))] + int(rng.integers(1, 3))
    return text[:i] + text[i + 1] + text[i] + text[i + 2 :]


def _stop(text: str, rng: np.random.Generator) -> str:
    at = [m.start() for m in re.finditer(r"(?<=[a-z])[.,?](?=\s|$)", text)]
    if not at:
        return f"{text} ..."
    i = at[int(rng.integers(len(at)))]
    return text[:i] + ";"[: int(rng.integers(2))] + text[i + 1 :]


def _case(text: str, rng: np.random.Generator) -> str:
    words = text.split(" ")
    for i in rng.choice(len(words), size=min(2, len(words)), replace=False).tolist():
        words[i] = words[i].upper()
    return " ".join(words)


def _clauses(text: str, rng: np.random.Generator) -> str:
    sentences = re.split(r"(?<=[.?!])\s+", text)
    i = int(rng.integers(max(len(sentences) - 1, 1)))
    return " ".join(sentences[:i] + sentences[i : i + 2][::-1] + sentences[i + 2 :])


if __name__ == "__main__":
    main()
