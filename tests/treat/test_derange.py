"""Nothing gets back what it had, wherever that can be."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from titrant.treat.derange import derange


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(0, 2**32))
def test_as_few_places_as_possible_keep_their_key(keys, seed):
    taken = derange(keys, np.random.default_rng(seed))
    assert sorted(taken) == list(range(len(keys)))
    most = max(Counter(keys).values(), default=0)
    # The m places of the commonest key can take from the n − m others at most.
    kept = sum(keys[j] == keys[i] for i, j in enumerate(taken))
    assert kept == max(0, 2 * most - len(keys))


def test_every_derangement_of_four_comes_up():
    found = {tuple(derange("abcd", np.random.default_rng(i))) for i in range(300)}
    assert len(found) == 9  # !4 = 4! (1/2! − 1/3! + 1/4!) = 12 − 4 + 1


def test_of_two_each_takes_the_others():
    assert derange(["a", "b"], np.random.default_rng(0)) == [1, 0]
