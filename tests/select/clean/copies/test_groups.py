"""From pairs to groups: which of several copies is kept."""

import numpy as np

from titrant.select.clean.copies.groups import Copy, Group, group_pairs


def grouped(pairs, similarity, *, first=()):
    """Groups of units 0..9; `first` are those with a correct trace."""
    table = {frozenset(pair): value for pair, value in similarity.items()}

    def compare(i, others, /):
        return np.array([table.get(frozenset((i, j)), 0.0) for j in others])

    priority = [(i not in first, f"{i:02}") for i in range(10)]
    return group_pairs(np.array(pairs).reshape(-1, 2), priority, compare, 0.95)


def test_the_least_uid_is_kept():
    assert grouped([(3, 5)], {(3, 5): 0.97}) == [Group(3, (Copy(5, 0.97),))]


def test_a_correct_trace_is_kept_before_a_lesser_uid():
    assert grouped([(3, 5)], {(3, 5): 0.97}, first={5}) == [Group(5, (Copy(3, 0.97),))]


def test_being_alike_does_not_carry_over():
    # 1–2 and 2–3 are alike, 1–3 are not: 2 is a copy of 1, and 3 stays.
    alike = {(1, 2): 0.96, (2, 3): 0.96, (1, 3): 0.92}
    assert grouped([(1, 2), (2, 3)], alike) == [Group(1, (Copy(2, 0.96),))]


def test_a_copy_goes_to_the_kept_unit_it_is_most_like():
    alike = {(1, 3): 0.96, (2, 3): 0.99, (1, 2): 0.9}
    assert grouped([(1, 3), (2, 3)], alike) == [Group(2, (Copy(3, 0.99),))]


def test_pairs_that_were_not_handed_in_are_compared_inside_a_component():
    # A crowded bucket pairs 5 only with 4; with 4 gone as a copy of 1, 5 is compared with 1.
    alike = {(1, 4): 0.97, (4, 5): 0.97, (1, 5): 0.96}
    assert grouped([(1, 4), (4, 5)], alike) == [Group(1, (Copy(4, 0.97), Copy(5, 0.96)))]


def test_no_pairs_give_no_groups():
    assert grouped([], {}) == []
