"""Traces of a pool that leak a benchmark: an index of the benchmark, beside s1's index of all traces.

    python benchmarks/contamination.py [--traces 20000] [--problems 1000] [--planted 100] [--seed 0]

s1 and open-r1 put every word 8-gram of every trace into one dictionary and look up those of the benchmark; that
is re-typed here (lowercase, white space squeezed, split at blanks). `titrant` indexes the benchmark's 8-grams and
lets the traces stream by; under s1's rule the pairs of a trace and a problem must be the same ones. The third
line is all that `titrant clean` does: canonical forms, n-grams of questions and traces, rewordings.

Leaks of five kinds are planted: problems as they are, quoted inside a trace, reworded by rule, with other
numbers, with other names and numbers. Recall is over those; a leak counts as found if the trace is flagged for
the problem it leaks. Rows flagged that were not planted are counted too: with GSM8K's training set as the pool some
of them are true, since four of its questions are problems of the test set with other numbers.

Last, where the thresholds of `evidence` come from: training questions of GSM8K that have rare words in common
with a test question, how many of those pairs have the same figures, and how many have templates alike.

Questions and solutions are GSM8K's where ../shared/data is there, else made ones, which are all of one
template: there n-grams collide, and only the same question counts. Times are processor seconds of one core.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse  # noqa: E402
import resource  # noqa: E402
from collections import defaultdict  # noqa: E402
from typing import TYPE_CHECKING, NamedTuple  # noqa: E402

import numpy as np  # noqa: E402
from near_duplicates import as_trace, made_question, rows_of, solved, timed  # noqa: E402
from rapidfuzz import fuzz  # noqa: E402

from titrant.seeds import derive_rng  # noqa: E402
from titrant.select.clean.overlap.canonical import canonical  # noqa: E402
from titrant.select.clean.overlap.evidence import TEMPLATES_ALIKE, Asked  # noqa: E402
from titrant.select.clean.overlap.find import find_overlap  # noqa: E402
from titrant.select.clean.overlap.index import build_index  # noqa: E402
from titrant.select.clean.overlap.ngrams import cover, index_grams  # noqa: E402
from titrant.select.clean.overlap.plant import CHANGES, QUOTED  # noqa: E402
from titrant.select.clean.words import split_words  # noqa: E402
from titrant.traces.record import Problem, question_id  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable

N = 8
CHUNK = 2000

Pairs = set[tuple[int, int]]
"""(trace, problem)"""


class Leak(NamedTuple):
    """A planted trace: its row, the problem it leaks, and how."""

    row: int
    problem: int
    kind: str


def main() -> None:
    options = _options()
    questions = benchmark(options.problems)
    pool = solved(options.traces, options.seed)
    leaks = plant(pool, questions, options.planted, options.seed)
    texts = [f"{question}\n{answer}" for question, answer in pool]
    words = sum(len(split_words(text, "blanks")) for text in texts)
    print(f"{len(pool):,} traces, {words:,} words, {len(leaks)} of them planted leaks; "
          f"{len(questions):,} problems; {N}-grams; one core")  # fmt: skip
    base_s, theirs = timed(lambda: all_traces_indexed(texts, questions))
    print(f"index of all traces   {base_s:7.2f} s  {len(theirs):,} pairs; peak {peak():.2f} GiB")
    ours_s, ours = timed(lambda: benchmark_indexed(texts, questions))
    print(f"index of benchmark    {ours_s:7.2f} s  {len(ours):,} pairs, "
          f"{'the same ones' if ours == theirs else 'NOT THE SAME'}; {base_s / ours_s:.1f} times as fast")  # fmt: skip
    whole_s, (flagged, whole) = timed(lambda: all_evidence(pool, questions))
    print(f"all of titrant clean  {whole_s:7.2f} s  {base_s / whole_s:.1f} times as fast")
    tell_recall(leaks, theirs, flagged)
    planted = {leak.row for leak in leaks}
    for name, found in (("s1's rule", theirs), ("titrant", flagged)):
        rows = {row for row, _ in found} - planted
        print(f"{name}: {len(rows):,} of {len(pool) - len(planted):,} other rows flagged, "
              f"{len({pool[row][0] for row in rows})} different questions")  # fmt: skip
    print(f"n-grams hit {whole:.1%} of the problems by themselves")
    tell_thresholds()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--traces", type=int, default=20_000)
    parser.add_argument("--problems", type=int, default=1000)
    parser.add_argument("--planted", type=int, default=100, help="leaks of each kind")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def peak() -> float:
    """Most memory that the process has had, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def benchmark(n: int) -> list[str]:
    """Questions of a test set, filled up with made ones that are in no pool."""
    found = [row["question"] for row in rows_of("gsm8k/test.jsonl")][:n]
    return found + [made_question(1_000_000 + i) for i in range(n - len(found))]


def plant(pool: list[tuple[str, str]], questions: list[str], n: int, seed: int) -> list[Leak]:
    """Replace rows of the pool by leaks, `n` of each kind."""
    rng = derive_rng(seed, "benchmark", "contamination")
    rows = iter(rng.choice(len(pool), size=n * len(CHANGES), replace=False).tolist())
    leaks: list[Leak] = []
    for kind, change in CHANGES.items():
        for problem in rng.choice(len(questions), size=n, replace=False).tolist():
            row = next(rows)
            question, answer = pool[row]
            changed = change(questions[problem], rng)
            lines = answer.split("\n")
            quote = "\n".join([lines[0], f"I have seen this: {changed}", *lines[1:]])
            pool[row] = (question, quote) if kind == QUOTED else (changed, answer)
            leaks.append(Leak(row, problem, kind))
    return leaks


def all_traces_indexed(texts: list[str], questions: list[str]) -> Pairs:
    """s1's way: a dictionary of all n-grams of all traces, and the benchmark looked up in it."""
    rows_by_gram: dict[str, set[int]] = defaultdict(set)
    for row, text in enumerate(texts):
        for gram in grams(text):
            rows_by_gram[gram].add(row)
    return {
        (row, problem)
        for problem, question in enumerate(questions)
        for gram in grams(question)
        if gram in rows_by_gram
        for row in rows_by_gram[gram]
    }


def grams(text: str) -> Iterable[str]:
    """Distinct n-grams of a text."""
    words = text.lower().split()
    return {" ".join(words[i : i + N]) for i in range(len(words) - N + 1)}


def benchmark_indexed(texts: list[str], questions: list[str]) -> Pairs:
    """Our way under s1's rule."""
    index = index_grams(questions, n=N, rule="blanks", whole_from=N)
    found: Pairs = set()
    for at in range(0, len(texts), CHUNK):
        covered = cover(index.match(index.encode(texts[at : at + CHUNK])))
        found |= set(zip((covered.text + at).tolist(), covered.problem.tolist(), strict=True))
    return found


def all_evidence(pool: list[tuple[str, str]], questions: list[str]) -> tuple[Pairs, float]:
    """The whole search: flagged pairs, and the share of problems that n-grams alone hit."""
    problems = [Problem(qid=question_id(q), question=q, gold=None) for q in questions]
    found = find_overlap(
        build_index({"benchmark": problems}, n=N), [as_trace(*parts) for parts in pool]
    )
    pairs = {(row, hit.problem) for hit in found.flagged for row in hit.rows}
    return pairs, found.colliding["benchmark"]


def tell_recall(leaks: list[Leak], theirs: Pairs, ours: Pairs) -> None:
    """Print recall by kind of leak, for both."""
    print(f"{'recall on planted leaks':28} {'s1 rule':>8} {'titrant':>8}")
    for kind in CHANGES:
        of = [(leak.row, leak.problem) for leak in leaks if leak.kind == kind]
        shares = [np.mean([pair in found for pair in of]) for found in (theirs, ours)]
        print(f"    {kind:24} {shares[0]:8.2f} {shares[1]:8.2f}  n = {len(of)}")


def tell_thresholds() -> None:
    """Print how pairs of a training and a test question look, none of them planted."""
    train, test = (
        [row["question"] for row in rows_of(f"gsm8k/{part}.jsonl")] for part in ("train", "test")
    )
    if not test:
        return
    problems = [Problem(qid=question_id(q), question=q, gold=None) for q in test]
    index = build_index({"test": problems}, n=N)
    near = index.retriever.find(index.words.encode(train))
    pairs = [
        (Asked(train[i], canonical(train[i])), index.questions[problem].asked)
        for i, problem in zip(near.text.tolist(), near.problem.tolist(), strict=True)
    ]
    same = sum(sorted(one.figures) == sorted(other.figures) for one, other in pairs)
    alike = sum(
        fuzz.ratio(one.forms.template or "", other.forms.template or "-") >= TEMPLATES_ALIKE
        for one, other in pairs
    )
    print(
        f"{len(train):,} training and {len(test):,} test questions: {len(pairs):,} pairs with rare words "
        f"in common, {same} with the same figures, {alike} with templates alike"
    )


if __name__ == "__main__":
    main()
