"""Mazes are drawn as the source draws them: which cells are free, how often, and where the ends are."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from titrant.errors import ConfigError, DataError
from titrant.seeds import derive_rng
from titrant.worlds.maze import draw
from titrant.worlds.maze.astar import search
from titrant.worlds.maze.draw import GENERATORS, draw_between, draw_maze, perfect_mazes
from titrant.worlds.maze.generators import Luck, drunkard, edges_between, rooms_at, searchformer
from titrant.worlds.maze.grid import Cell, cells_of, moves_from, neighbours_of

PERFECT = ("wilson", "dfs", "kruskal")


def luck(*labels) -> Luck:
    return Luck(derive_rng(0, "test generators", *labels))


def links(free, size) -> int:
    """Pairs of free cells next to each other."""
    around = neighbours_of(size)
    return sum(other in free for cell in free for other in around[cell]) // 2


@pytest.mark.parametrize("name", PERFECT)
@pytest.mark.parametrize("size", [4, 5, 6, 7, 8, 9, 10, 11])
def test_a_perfect_maze_is_a_tree_over_all_rooms(name, size):
    chance = luck(name, size)
    offsets = set()
    for _ in range(20):
        free = GENERATORS[name].carve(size, chance)
        offset = min(cell.x for cell in free)
        offsets.add(offset)
        rooms = set(rooms_at(size, offset))
        per_side = -(-(size - offset) // 2)  # ceil((n − off) / 2)
        assert len(rooms) == per_side**2
        assert rooms <= free
        assert len(free) == 2 * per_side**2 - 1
        assert links(free, size) == len(free) - 1
        assert moves_from(min(free), free, size).keys() == free
    assert offsets == {0, 1}


def trees(name, n) -> Counter:
    """How often each spanning tree of 3 × 3 rooms is drawn, wherever the rooms lie."""
    chance = luck(name, "trees")
    counts = Counter()
    for _ in range(n):
        free = GENERATORS[name].carve(6, chance)
        offset = min(cell.x for cell in free)
        counts[frozenset(Cell(x - offset, y - offset) for x, y in free)] += 1
    return counts


def test_wilson_draws_each_of_the_192_trees_of_nine_rooms_alike():
    counts = trees("wilson", 9600)  # 50 of each
    assert len(counts) == 192
    assert chisquare(list(counts.values())).pvalue > 0.001


def test_the_measure_of_uniformity_sees_that_backtracking_is_not():
    counts = trees("dfs", 2000)
    assert len(counts) < 192
    assert chisquare(list(counts.values())).pvalue < 1e-6


def test_kruskal_joins_parts_in_a_uniform_order_of_edges():
    # Of 2 × 2 rooms a tree leaves out one of 4 edges, the last of them: each is last as often.
    chance = luck("kruskal")
    counts = Counter()
    for _ in range(2000):
        free = GENERATORS["kruskal"].carve(4, chance)
        offset = min(cell.x for cell in free)
        counts[frozenset((x - offset, y - offset) for x, y in free)] += 1
    assert len(counts) == 4
    assert chisquare(list(counts.values())).pvalue > 0.001


def test_corridors_of_backtracking_are_longer():
    mean = {}
    for name in PERFECT:
        rng = derive_rng(0, "corridors", name)
        paths = [len(search(draw_maze(name, 10, rng)).plan) for _ in range(400)]
        mean[name] = np.mean(paths)
    # About 11.4, 11.6 and 14.7 cells with a standard error of 0.4.
    assert mean["dfs"] > max(mean["wilson"], mean["kruskal"]) + 1.5


@pytest.mark.parametrize(("size", "n_free"), [(6, 18), (7, 25), (8, 32), (10, 50)])
def test_a_drunkard_frees_half_of_the_cells_and_they_hang_together(size, n_free):
    for i in range(30):
        free = drunkard(size, luck("drunkard", size, i))
        assert len(free) == n_free  # ⌈0.5 · n²⌉
        assert moves_from(min(free), free, size).keys() == free


def test_a_drunkard_starts_anywhere_and_leaves_open_areas():
    mazes = [drunkard(8, luck("drunkard", i)) for i in range(300)]
    seen = Counter(cell for free in mazes for cell in free)
    assert set(seen) == set(cells_of(8))
    assert max(links(free, 8) - len(free) + 1 for free in mazes) > 5  # loops


def test_searchformer_drops_30_to_50_percent_of_walls_on_any_cell():
    # base = ⌊64 / 10⌋ = 6: from 18 to 30 walls, 13 counts.
    mazes = [searchformer(8, luck("searchformer", i)) for i in range(2600)]
    counts = Counter(64 - len(free) for free in mazes)
    assert set(counts) == set(range(18, 31))
    assert chisquare(list(counts.values())).pvalue > 0.001
    free = Counter(cell for free in mazes for cell in free)
    shares = np.array([free[cell] / 2600 for cell in cells_of(8)])
    # Mean share of free cells 1 − 24/64 = 0.625; 4.5 standard errors of √(0.625 · 0.375 / 2600).
    assert np.all(np.abs(shares - 0.625) < 4.5 * 0.0095)


@pytest.mark.parametrize("size", [6, 8, 10])
def test_searchformer_paths_have_at_least_as_many_cells_as_a_side(size):
    rng = derive_rng(0, "far", size)
    lengths = [len(search(draw_maze("searchformer", size, rng)).plan) for _ in range(200)]
    assert min(lengths) == size


@pytest.mark.parametrize("name", GENERATORS)
def test_a_maze_has_two_free_ends_and_a_path_and_says_its_size(name):
    rng = derive_rng(0, "ends", name)
    for size in (6, 7, 8, 10):
        for _ in range(25):
            maze = draw_maze(name, size, rng)
            assert maze.start != maze.goal
            assert maze.walls.isdisjoint((maze.start, maze.goal))
            assert search(maze).plan
            last = size - 1
            assert any(last in cell for cell in (*maze.walls, maze.start, maze.goal))


def test_ends_are_uniform_over_pairs_of_free_cells():
    rng = derive_rng(0, "pairs")
    mazes = [draw_maze("wilson", 4, rng) for _ in range(3360)]
    # 2 offsets · 4 trees of 7 cells · 7 · 6 ordered pairs = 336 mazes, 10 of each.
    counts = Counter(mazes)
    assert len(counts) == 336
    assert chisquare(list(counts.values())).pvalue > 0.001


def test_a_maze_with_nothing_in_its_last_row_and_column_is_drawn_again():
    # At size 5 and offset 0 the rooms reach the border, so some trees leave no wall there.
    rng = derive_rng(0, "again")
    mazes = [draw_maze("wilson", 5, rng) for _ in range(500)]
    last = [
        {cell for cell in cells_of(5) if 4 in cell} & {*maze.walls, maze.start, maze.goal}
        for maze in mazes
    ]
    assert all(last)
    assert any(cells <= {maze.start, maze.goal} for cells, maze in zip(last, mazes, strict=True))


@pytest.mark.parametrize("name", GENERATORS)
def test_a_maze_between_given_ends_has_them(name):
    rng = derive_rng(0, "between", name)
    maze = draw_maze(name, 8, rng)
    others = [
        draw_between(name, 8, rng, start=maze.start, goal=maze.goal, is_wanted=maze.__ne__)
        for _ in range(10)
    ]
    assert {(other.start, other.goal) for other in others} == {(maze.start, maze.goal)}
    assert maze not in others
    assert len(set(others)) > 5
    assert all(search(other).plan for other in others)


def test_ends_that_no_maze_has_are_refused(monkeypatch):
    monkeypatch.setattr(draw, "MOST_TRIES", 200)
    # (0, 0) is free at offset 0 only, (1, 1) at offset 1 only.
    with pytest.raises(DataError) as caught:
        draw_between("wilson", 6, derive_rng(0), start=Cell(0, 0), goal=Cell(1, 1))
    assert str(caught.value) == (
        "no wilson maze of size 6 was found with the start and goal that are asked for\n"
        "  expected: ends of a maze of the same generator and size\n"
        "  found: start 0,0, goal 1,1 in 200 mazes\n"
        "  do: take start and goal from a maze that the generator made"
    )


def test_unknown_generators_and_tiny_grids_are_refused():
    with pytest.raises(
        ConfigError, match="unknown maze generator 'wilsn'\n  do: did you mean wilson"
    ):
        draw_maze("wilsn", 8, derive_rng(0))
    with pytest.raises(ConfigError, match="expected: a size of 4 or more\n  found: 3"):
        draw_maze("wilson", 3, derive_rng(0))


def test_all_perfect_mazes_of_a_size_are_listed_once():
    # Size 4: 2 offsets · 4 trees of 2 × 2 rooms · 7 · 6 pairs of ends
    mazes = list(perfect_mazes(4))
    assert len(mazes) == len(set(mazes)) == 336
    rng = derive_rng(0, "listed")
    assert {draw_maze("wilson", 4, rng) for _ in range(300)} <= set(mazes)
    # Size 5: 192 trees of 3 × 3 rooms, and 4 of 2 × 2
    assert len({maze.walls for maze in perfect_mazes(5)}) == 196


def test_edges_lead_right_and_down():
    assert edges_between(rooms_at(4, 1)) == [
        (Cell(1, 1), Cell(3, 1)),
        (Cell(1, 1), Cell(1, 3)),
        (Cell(3, 1), Cell(3, 3)),
        (Cell(1, 3), Cell(3, 3)),
    ]


def test_a_pair_is_two_different_items_and_all_pairs_occur():
    chance = luck("pair")
    assert {chance.pair("abc") for _ in range(200)} == {
        *(("a", "b"), ("a", "c"), ("b", "a"), ("b", "c"), ("c", "a"), ("c", "b"))
    }
