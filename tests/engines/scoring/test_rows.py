"""Runs of wanted tokens, and where places in a text are among its tokens."""

import numpy as np
import pytest

from titrant.engines.scoring.rows import (
    Forcible,
    Run,
    Twig,
    asked_of,
    laid,
    token_range,
    tokens_before,
)

ENDS = np.array([2, 5, 5, 9], dtype=np.int32)
"""Two letters, three, part of a character that the token before began, four letters."""


@pytest.mark.parametrize(
    ("at", "n"),
    [(0, 0), (1, 1), (2, 1), (3, 2), (5, 3), (6, 4), (9, 4)],
)
def test_a_branch_stands_behind_the_token_that_it_cuts(at, n):
    assert tokens_before(ENDS, at) == n


def test_a_token_belongs_to_the_piece_in_which_it_ends():
    assert token_range(ENDS, 0, 4) == (0, 1)
    assert token_range(ENDS, 4, 9) == (1, 4)
    assert token_range(ENDS, 2, 2) == (1, 1)
    assert token_range(np.zeros(0, dtype=np.int32), 0, 0) == (0, 0)


def test_runs_laid_end_to_end():
    wants = laid([Run(0, 4, [7, 8], is_wide=True), Run(1, 0, []), Run(1, 2, [9])])
    assert wants.rows.tolist() == [0, 0, 1]
    assert wants.positions.tolist() == [4, 5, 2]
    assert wants.targets.tolist() == [7, 8, 9]
    assert wants.is_wide.tolist() == [True, True, False]
    assert wants.bounds == [slice(0, 2), slice(2, 2), slice(2, 3)]


def test_what_a_row_asks_for():
    row = Forcible(
        [1, 2], [3, 4, 5], twigs=(Twig(0, [6]), Twig(3, [7, 8]), Twig(1, [])), with_prefix=True
    )
    asked = asked_of([row], with_firsts=True)
    assert asked.runs == [
        Run(
            0, 1, [3, 4, 5], is_wide=True
        ),  # position 1 decides the first token of the continuation
        Run(0, 0, [2]),
        Run(0, 1, [6]),
        Run(0, 4, [7]),  # the last position decides what follows the whole
    ]
    assert (asked.prefixes, asked.firsts) == ({0: 1}, {(0, 0): 2, (0, 1): 3})


def test_nothing_decides_the_first_token_of_a_row_without_prefix():
    asked = asked_of(
        [Forcible([], [3, 4], twigs=(Twig(0, [6]),), with_prefix=True)], with_firsts=True
    )
    assert asked.runs == [Run(0, 0, [4], is_wide=True), Run(0, 0, [])]
    assert asked.firsts == {}


def test_a_row_reaches_as_far_as_its_longest_branch():
    row = Forcible([1] * 4, [1] * 6, twigs=(Twig(6, [1] * 3), Twig(0, [1] * 5)))
    assert row.n_tokens == 10
    assert row.n_reached == 13  # 4 + 6 + 3, over 4 + 0 + 5
    assert row.n_twig_tokens == 6  # 2 + 4: the last token of each decides nothing
