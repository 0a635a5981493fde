"""Which rows make a batch, and when a prefix is passed once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.engines.scoring.plan import Prices, Shape, plan, shape_of, sharing_pays
from titrant.engines.scoring.rows import Forcible, Twig

SMALL = Prices(weights=10_000, attended=64)


def row(n_prefix, n, *, prefix=0, k=0, twigs=()):
    return Forcible([prefix] * n_prefix, [1] * n, k, twigs)


def test_the_price_of_a_pass_by_hand():
    # 2 × 10,000 weights + 1.5 × 2 × 100 keys × 64 causal, 1.5 × 4 × 100 × 64 under a mask
    assert SMALL.causal(100) == 20_000 + 19_200
    assert SMALL.masked(100) == 20_000 + 38_400


def test_sharing_pays_where_the_prefix_is_long():
    # apart 4 × 110 × (20,000 + 21,120) = 18.1 M; shared 100 × 39,200 + 4 × 10 × 62,240 = 6.4 M
    assert sharing_pays(Shape(rows=4, prefixes=1, prefix_tokens=100, tokens=10, width=110), SMALL)
    # apart 4 × 110 × 41,120 = 18.1 M; shared 10 × 21,920 + 4 × 100 × 62,240 = 25.1 M
    assert not sharing_pays(Shape(4, 1, prefix_tokens=10, tokens=100, width=110), SMALL)


def test_sharing_never_pays_where_all_prefixes_differ():
    assert not sharing_pays(Shape(4, 4, prefix_tokens=100, tokens=1, width=101), SMALL)


def test_the_shape_of_a_batch():
    batch = [row(3, 5), row(3, 2), row(7, 1, prefix=9)]
    assert shape_of(batch) == Shape(rows=3, prefixes=2, prefix_tokens=7, tokens=5, width=8)


def test_rows_of_one_prefix_are_brought_together_where_that_is_cheaper():
    rows = [row(100, 10 + i % 2, prefix=i % 3) for i in range(9)]
    batches = plan(rows, budget=220, memory=10_000, prices=SMALL)
    assert [{rows[i].prefix_ids[0] for i in batch} for batch in batches] == [{0}, {1}, {2}]


def test_short_prefixes_leave_rows_by_length():
    rows = [row(2, 100 + i % 2, prefix=i % 3) for i in range(9)]
    batches = plan(rows, budget=220, memory=10_000, prices=SMALL)
    assert batches == plan(rows, budget=220, memory=10_000, prices=None)


def test_memory_bounds_a_batch_of_one_prefix():
    rows = [row(100, 10) for _ in range(9)]
    assert [len(b) for b in plan(rows, budget=220, memory=440, prices=SMALL)] == [4, 4, 1]


def test_rows_with_likeliest_tokens_or_branches_stay_apart():
    rows = [row(1, 5), row(1, 5, k=3), row(1, 5, twigs=(Twig(0, [1, 2]),)), row(1, 5)]
    assert sorted(plan(rows, budget=1000, memory=1000, prices=None)) == [[0, 3], [1], [2]]


def test_branches_count_as_tokens():
    # 1 + 5 + 3 tokens fed of a branch of 4
    rows = [row(1, 5, twigs=(Twig(0, [1] * 4),)) for _ in range(4)]
    assert [len(b) for b in plan(rows, budget=18, memory=18, prices=None)] == [2, 2]


@settings(max_examples=100, deadline=None)
@given(
    shapes=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 40)), max_size=30
    ),
    budget=st.integers(1, 200),
)
def test_every_row_is_in_one_batch_and_memory_holds(shapes, budget):
    rows = [row(n_prefix, n, prefix=prefix) for prefix, n_prefix, n in shapes]
    batches = plan(rows, budget=budget, memory=2 * budget, prices=SMALL)
    assert sorted(i for batch in batches for i in batch) == list(range(len(rows)))
    for batch in batches:
        longest = max(rows[i].n_tokens for i in batch)
        assert len(batch) == 1 or len(batch) * longest <= 2 * budget


def test_the_same_rows_are_planned_the_same_way():
    rows = [row(50, i % 7, prefix=i % 4) for i in range(40)]
    assert plan(rows, budget=300, memory=900, prices=SMALL) == plan(
        rows, budget=300, memory=900, prices=SMALL
    )
