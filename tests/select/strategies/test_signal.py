import pytest

from scores_given import Given, pool
from titrant.errors import ConfigError
from titrant.select.rank import STRATEGIES, rank
from titrant.select.strategies.table import OF_SIGNALS
from titrant.signals.base import signals

NAN = float("nan")


def ranked(strategy: str, bands=(0.125, 0.875), **values: list[float]):
    n = len(next(iter(values.values())))
    scores = Given({name.replace("_", "-"): row for name, row in values.items()})
    rows = rank(pool(n), strategy=strategy, root=0, draw=0, scores=scores, bands=bands).rows
    return [(int(row.uid), row.reason) for row in rows]


def order(strategy: str, **values: list[float]) -> list[int]:
    return [at for at, _ in ranked(strategy, **values)]


def test_every_signal_of_ours_is_a_strategy():
    assert set(signals.names()) <= set(STRATEGIES)
    assert set(OF_SIGNALS) <= set(signals.names())


@pytest.mark.parametrize("name", sorted(OF_SIGNALS))
def test_a_signals_own_name_ranks_in_the_direction_that_it_prefers(name):
    prefers_high = signals.get(name).prefer == "high"
    scores = Given({name: [0.1, 3.0, 2.0]})
    rows = rank(pool(3), strategy=name, root=0, draw=0, scores=scores).rows

    assert [int(row.uid) for row in rows] == ([1, 2, 0] if prefers_high else [0, 2, 1])
    assert prefers_high or not STRATEGIES[name].about.startswith("high ")


def test_a_reason_gives_the_value_and_its_unit_once():
    assert ranked("confidence", confidence=[2.5])[0][1] == "confidence 2.5 nats"
    assert ranked("perplexity-low", perplexity=[8])[0][1] == "perplexity 8"


def test_low_confidence_is_the_other_way_round():
    values = [1.0, NAN, 3.0, 2.0]

    assert order("confidence", confidence=values) == [2, 3, 0, 1]
    assert order("confidence-low", confidence=values) == [0, 3, 2, 1]


def test_middling_perplexity_fills_the_first_half_with_the_25_to_75_percentile():
    # Percentiles of 1 … 8: 6, 19, 31, 44, 56, 69, 81, 94.
    values = [1, 2, 3, 4, 5, 6, 7, 8]

    assert sorted(order("perplexity", perplexity=values)[:4]) == [2, 3, 4, 5]
    assert ranked("perplexity", perplexity=values)[0] == (3, "perplexity 4, percentile 44")
    assert order("perplexity-mid", perplexity=values) == order("perplexity", perplexity=values)
    assert order("perplexity-low", perplexity=values) == list(range(8))
    assert order("perplexity-high", perplexity=values) == list(range(7, -1, -1))


@pytest.mark.parametrize("name", ["ifd", "ifd-loss"])
def test_ifd_over_one_goes_behind_all_that_is_not(name):
    rows = ranked(name, **{name.replace("-", "_"): [0.5, 1.2, 1.0, NAN, 1.1]})

    assert [at for at, _ in rows] == [2, 0, 1, 4, 3]
    assert rows[2][1] == f"{name} 1.2, over 1: the question makes the answer less likely"


def test_all_of_the_band_comes_before_anything_outside_it():
    rates = [0.2, 0.125, 0.5, 1.0, 0.81, NAN, 0.85]
    bands = [0, 1, 1, 2, 2, NAN, 1]
    rows = ranked("difficulty", difficulty=rates, difficulty_band=bands)

    # Distances to 0.5: 0.3, 0.375, 0, 0.5, 0.31, –, 0.35; the outer bands are 0 and 2.
    assert [at for at, _ in rows] == [2, 6, 1, 0, 4, 3, 5]
    assert rows[0][1] == "pass rate 0.5, a middle band"
    assert rows[3][1] == "pass rate 0.2, the hardest band"
    assert rows[-2][1] == "pass rate 1, the easiest band"


def test_the_band_is_that_of_the_settings():
    # Middle of 0.5 to 1: 0.75.
    found = {"difficulty": [0.5, 0.75, 0.25], "difficulty_band": [1, 1, 2]}

    assert [at for at, _ in ranked("difficulty", bands=(0.5, 0.8, 1.0), **found)] == [1, 0, 2]
    assert [at for at, _ in ranked("difficulty", bands=(0.5, 1.0), **found)] == [1, 0, 2]
    assert ranked("difficulty", bands=(0.5, 1.0), **found)[-1][1].endswith("the easiest band")


def test_easiest_and_hardest_are_the_ends():
    rates = [0.5, NAN, 1.0, 0.0]

    assert order("easiest", difficulty=rates) == [2, 0, 3, 1]
    assert order("hardest", difficulty=rates) == [3, 0, 2, 1]


@pytest.mark.parametrize("name", ["influence", "judge"])
def test_scores_made_elsewhere_are_high_first(name):
    assert order(name, **{name: [0.1, 0.3, NAN, 0.2]}) == [1, 3, 0, 2]


def test_without_scores_the_error_says_what_is_needed_and_how_it_is_made():
    message = (
        r"the strategy ifd\+coverage needs the signal ifd\n"
        r"  expected: scores of the pool's 2 traces\n  found: none\n"
        r"  do: titrant score --pool POOL --base MODEL --out DIR --strategy ifd\+coverage, then rank "
        r"with --scores DIR"
    )
    with pytest.raises(ConfigError, match=message):
        rank(pool(2), strategy="ifd+coverage", root=0, draw=0)
    with pytest.raises(ConfigError, match="the strategy center needs hidden states"):
        rank(pool(2), strategy="center", root=0, draw=0)
    with pytest.raises(
        ConfigError, match=r"the strategy limr needs a history\n.*\n.*\n.*--history"
    ):
        rank(pool(2), strategy="limr", root=0, draw=0)
