"""Planted leaks: recall by kind, and false alarms."""

import pytest

from titrant.select.clean.overlap.find import find_overlap
from titrant.select.clean.overlap.index import build_index
from titrant.select.clean.overlap.plant import CHANGES, _flagged, measure_leaks, recall_of
from titrant.traces.record import Problem, question_id
from titrant.worlds.pools import make_pool, world_problems
from trace_made import made_trace

PEOPLE = ("Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hal", "Ivy", "Jon")
THINGS = (
    "apples",
    "lamps",
    "boats",
    "chairs",
    "kites",
    "drums",
    "plates",
    "horses",
    "coats",
    "rings",
)
DOINGS = (
    "buys",
    "sells",
    "finds",
    "paints",
    "counts",
    "mends",
    "packs",
    "carries",
    "hides",
    "loses",
)


def story(i: int, place: str) -> str:
    """Stories that have few words in common, so that they are no template."""
    who, what, does = (
        row[(i * k + i // 10) % 10] for row, k in ((PEOPLE, 1), (THINGS, 3), (DOINGS, 7))
    )
    return (
        f"On {place} street {who} {does} {10 + i} {what} with the help of {7 + 3 * i} neighbours. "
        f"Then {who} {DOINGS[(i + 4) % 10]} {5 + i} of the old {THINGS[(i + 5) % 10]}. "
        f"How many {what} does {who} have?"
    )


@pytest.fixture(scope="module")
def searched():
    problems = [
        Problem(qid=question_id(q), question=q, gold="1")
        for q in (story(i, "Elm") for i in range(10))
    ]
    pool = [
        made_trace(
            f"Why does a {thing} by the {place} rust in {n} years?", None, "It is wet.\n#### 1"
        )
        for n, (thing, place) in enumerate(
            ((t, p) for t in ("bolt", "gate", "nail") for p in ("sea", "lake", "moor")), start=2
        )
    ]
    return find_overlap(build_index({"b": problems}), pool)


def test_every_kind_of_leak_is_planted_and_measured(searched):
    test = measure_leaks(searched, root=0, most=10)
    assert [item.kind for item in test.recall] == list(CHANGES)
    assert all(item.n == 10 for item in test.recall)
    shares = {item.kind: item.share for item in test.recall}
    assert shares["exact"] == shares["quoted in a trace"] == 1.0


def test_the_same_seed_plants_the_same_leaks(searched):
    assert measure_leaks(searched, root=3, most=5) == measure_leaks(searched, root=3, most=5)


def test_the_pool_and_what_was_found_in_it_stay_as_they_were(searched):
    before = (list(searched.traces), list(searched.hits), dict(searched.is_diagnostic))
    measure_leaks(searched, root=0, most=5)
    assert (searched.traces, searched.hits, searched.is_diagnostic) == before


def test_decoys_are_clean_questions_changed_alike(searched):
    decoys = measure_leaks(searched, root=0, most=6).decoys
    assert (decoys.n, decoys.found) == (6, 0)


def test_leaks_in_the_pool_are_no_decoys(searched):
    leaked = [*searched.traces, made_trace(story(3, "Elm"), None, "1")]
    again = find_overlap(searched.index, leaked)
    assert len(again.hits) == 1
    assert measure_leaks(again, root=0, most=50).decoys.n == len(searched.traces)


def test_planted_leaks_are_judged_as_the_pool_was(searched):
    # Quotes of half of every problem: by themselves they would make n-grams a diagnostic.
    halves = [q.asked.text.split(" ") for q in searched.index.questions]
    quotes = [" ".join(words[: 2 * len(words) // 3]) for words in halves]
    traces = [
        made_trace(f"Is it so, {i}?", None, f"well {quote}") for i, quote in enumerate(quotes)
    ]
    assert find_overlap(searched.index, traces).is_diagnostic == {"b": True}
    assert all(_flagged(searched, traces))


def test_a_blind_detector_has_no_recall(searched, monkeypatch):
    monkeypatch.setattr("titrant.select.clean.overlap.index.judge_questions", lambda *_: None)
    shares = {item.kind: item.found for item in measure_leaks(searched, root=0, most=10).recall}
    assert shares["numbers changed"] < 10


def test_an_expression_is_leaked_as_it_is_only():
    index = build_index({"w": world_problems("world:arithmetic", 30)})
    test = measure_leaks(find_overlap(index, make_pool("arithmetic", 50)), root=0, most=10)
    assert {item.kind: item.n for item in test.recall} == {
        kind: 10 * (kind == "exact") for kind in CHANGES
    }
    assert test.recall[0].share == 1.0
    assert test.decoys.n == 0
    assert test.decoys.share is None


def test_a_share_has_a_wilson_interval():
    # n = 10, k = 8, z = 1.96: centre (0.8 + 1.9207/10) / (1 + 3.8415/10) = 0.99207 / 1.38415 = 0.7167,
    # half width 1.96/1.38415 · √(0.8·0.2/10 + 3.8415/400) = 1.41602 · √0.0256 = 0.2266.
    found = recall_of("k", 10, 8)
    assert (found.low, found.high) == (
        pytest.approx(0.4902, abs=1e-3),
        pytest.approx(0.9433, abs=1e-3),
    )
    assert recall_of("k", 0, 0).low is None
