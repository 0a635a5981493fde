import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.errors import ConfigError, DataError
from titrant.seeds import derive_rng
from titrant.select.rank import (
    STRATEGIES,
    RankedRow,
    draw_of,
    rank,
    read_ranking,
    write_ranking,
)
from titrant.traces.record import Trace


def make_trace(uid: str, n_tokens: int | None = None, text: str = "x") -> Trace:
    return Trace(uid=uid, qid="q", question="1+1=", answer_text=text, n_tokens=n_tokens)


pools = st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=30).map(
    lambda rows: [
        make_trace(f"{i:03d}", n if counted else None, "x" * n)
        for i, (n, counted) in enumerate(rows)
    ]
)


ALONE = [name for name, strategy in STRATEGIES.items() if not strategy.needs]
"""Strategies that need nothing but the traces; for all of them see the contract."""


@given(pools, st.sampled_from(ALONE), st.integers(0, 5), st.data())
@settings(max_examples=60, deadline=None)
def test_a_ranking_is_a_permutation_and_its_subsets_are_nested(pool, strategy, draw, data):
    ranking = rank(pool, strategy=strategy, root=7, draw=draw)

    assert sorted(row.uid for row in ranking.rows) == [trace.uid for trace in pool]
    assert [row.rank for row in ranking.rows] == list(range(1, len(pool) + 1))
    large = data.draw(st.integers(0, len(pool)))
    small = data.draw(st.integers(0, large))
    assert ranking.subset(large)[:small] == ranking.subset(small)


@given(pools, st.sampled_from(ALONE), st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_pool_does_not_matter(pool, strategy, random):
    shuffled = list(pool)
    random.shuffle(shuffled)

    one, other = (rank(p, strategy=strategy, root=1, draw=0) for p in (pool, shuffled))

    assert one == other


def test_draws_and_roots_give_different_random_orders():
    pool = [make_trace(f"{i:03d}") for i in range(50)]

    orders = {
        rank(pool, strategy="random", root=root, draw=draw).subset(50)
        for root in (0, 1)
        for draw in (0, 1, 2)
    }

    assert len(orders) == 6


def test_shortest_and_longest_go_by_tokens_and_break_ties_by_uid():
    pool = [make_trace("c", 5), make_trace("a", 5), make_trace("b", 2, "long text, few tokens")]

    shortest = rank(pool, strategy="shortest", root=0, draw=0)
    longest = rank(pool, strategy="longest", root=0, draw=0)

    assert shortest.subset(3) == ("b", "a", "c")
    assert longest.subset(3) == ("a", "c", "b")
    assert shortest.rows[0] == RankedRow(1, "b", "2 tokens")


def test_one_missing_token_count_makes_all_lengths_characters():
    # By tokens b would be first; a has no count, so 3 characters stand against 5.
    pool = [make_trace("a", None, "xxx"), make_trace("b", 1, "xxxxx")]

    ranking = rank(pool, strategy="shortest", root=0, draw=0)

    assert [row.reason for row in ranking.rows] == ["3 characters", "5 characters"]


def test_an_unknown_strategy_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown strategy 'shotest'\n.*did you mean shortest"):
        rank([make_trace("a")], strategy="shotest", root=0, draw=0)


def test_a_trace_that_stands_twice_is_refused():
    with pytest.raises(DataError, match="the trace a stands twice in the pool"):
        rank([make_trace("a"), make_trace("a")], strategy="random", root=0, draw=0)


def test_a_dose_over_the_pool_is_refused():
    ranking = rank([make_trace("a")], strategy="random", root=0, draw=0)

    with pytest.raises(ConfigError, match="a dose of 2 traces asks for more than the pool has"):
        ranking.subset(2)


def test_an_arms_draw_is_its_seed_where_there_is_chance():
    names = ("random", "shortest", "random@1", "shortest~source")
    assert [draw_of(name, 3) for name in names] == [3, 0, 3, 3]


def test_the_random_order_of_a_draw_is_fixed_for_ever():
    # Rankings of finished runs are made anew from (root, strategy, draw): labels must not change.
    pool = [make_trace(f"{i:03d}") for i in range(6)]

    expected = derive_rng(7, "rank", "random", 2).permutation(6)

    uids = rank(pool, strategy="random", root=7, draw=2).subset(6)
    assert [int(uid) for uid in uids] == expected.tolist()


def test_an_empty_pool_has_an_empty_ranking():
    assert rank([], strategy="shortest@1~length", root=0, draw=0).rows == ()


def test_a_ranking_comes_back_from_its_file(tmp_path):
    pool = [make_trace(f"{i:03d}", i) for i in range(9)]
    ranking = rank(pool, strategy="random", root=0, draw=4)
    path = tmp_path / "rankings" / "random-d4.parquet"

    write_ranking(path, ranking)

    assert read_ranking(path) == ranking
    assert [p.name for p in path.parent.iterdir()] == ["random-d4.parquet"]


def test_a_cut_file_is_said_to_be_no_ranking(tmp_path):
    path = tmp_path / "random-d0.parquet"
    write_ranking(path, rank([make_trace("a")], strategy="random", root=0, draw=0))
    path.write_bytes(path.read_bytes()[:100])

    with pytest.raises(DataError, match=r"cannot be read as a ranking\n.*rank, uid, reason"):
        read_ranking(path)
