"""Random expressions: exactly n operations, exact values, one canonical form, a reader for both forms."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.errors import DataError
from titrant.seeds import derive_rng
from titrant.worlds.expressions import (
    FAMILIES,
    MOST_VALUE,
    Leaf,
    Node,
    apply,
    canonical,
    distinct,
    draw,
    grow,
    leaves_of,
    nodes_of,
    read,
    value_of,
    write_latex,
    write_plain,
)

DECIMAL, MOD = FAMILIES["decimal"], FAMILIES["mod"]
SEVEN, NINETY = Leaf("integer", 7), Leaf("integer", 90)
drawn = st.builds(
    lambda seed, n, name: (FAMILIES[name], draw(derive_rng(0, "test", seed), FAMILIES[name], n), n),
    st.integers(0, 2**32),
    st.integers(1, 9),
    st.sampled_from(["decimal", "mod"]),
)


def test_values_are_exact():
    # (3/8 + 7²) ÷ 2³ = (3/8 + 49) / 8 = (395/8) / 8 = 395/64
    sum_ = Node(Leaf("fraction", 3, 8), "+", Leaf("square", 7))
    assert value_of(DECIMAL, Node(sum_, "/", Leaf("cube", 2))) == Fraction(395, 64)


def test_values_of_the_mod_family_are_mod_97():
    # 7 − 90 = −83 → 14; 7·90 = 630 = 6·97 + 48
    assert value_of(MOD, Node(SEVEN, "-", NINETY)) == 14
    assert value_of(MOD, Node(SEVEN, "*", NINETY)) == 48
    assert value_of(DECIMAL, Node(SEVEN, "-", NINETY)) == -83


def test_division_by_zero_has_no_value_however_deep():
    nothing = Node(SEVEN, "-", SEVEN)
    assert apply(DECIMAL, Fraction(1), "/", Fraction(0)) is None
    assert value_of(DECIMAL, Node(SEVEN, "+", Node(SEVEN, "/", nothing))) is None


@settings(max_examples=60)
@given(drawn)
def test_a_drawn_expression_has_exactly_its_operations_and_no_part_out_of_bounds(made):
    family, expression, n = made
    assert len(nodes_of(expression)) == n
    assert len(leaves_of(expression)) == n + 1
    for node in nodes_of(expression):
        value = value_of(family, node)
        assert value is not None
        assert abs(value) <= MOST_VALUE
    assert {leaf.kind for leaf in leaves_of(expression)} <= set(family.leaves)
    assert {node.operator for node in nodes_of(expression)} <= set(family.operators)


@settings(max_examples=60)
@given(drawn)
def test_both_forms_are_read_back(made):
    family, expression, _ = made
    assert read(write_latex(expression)) == expression
    if family == MOD:
        assert read(write_plain(expression)) == expression


def test_forms_are_written_with_brackets_around_all_but_the_outermost():
    inner = Node(Leaf("fraction", 3, 8), "/", Leaf("cube", 7))
    expression = Node(Leaf("integer", 5), "*", Node(inner, "-", Leaf("square", 9)))
    assert (
        write_latex(expression) == r"5\times \left(\left(\frac{3}{8}\div 7^{3}\right)-9^{2}\right)"
    )
    assert write_plain(expression) == "5*(((3/8)/7^3)-9^2)"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7+",
        "7+3+5",
        "(7+3",
        "7+3)",
        "()",
        "((7+3))",
        "(7)",
        "-7+3",
        "7^4+3",
        "7 + 3",
        "x+3",
        r"\frac{3}{0}+1",
        "1000+3",
        "(3/0)+1",
        "(" * 5000,
        "7+(+)",
        "+",
        "7++",
    ],
)
def test_other_text_is_no_expression(text):
    with pytest.raises(DataError, match="not an expression of random calculation\n  expected: two"):
        read(text)


def test_the_sides_of_sums_and_products_do_not_matter_to_the_canonical_form():
    pairs = [(op, Node(SEVEN, op, NINETY), Node(NINETY, op, SEVEN)) for op in "+*-/"]
    same = {op: canonical(left) == canonical(right) for op, left, right in pairs}
    assert same == {"+": True, "*": True, "-": False, "/": False}
    nested = Node(Node(SEVEN, "+", NINETY), "-", SEVEN)
    turned = Node(Node(NINETY, "+", SEVEN), "-", SEVEN)
    assert canonical(nested) == canonical(turned)


def test_distinct_expressions_differ_in_their_canonical_forms():
    # 97·98/2 forms of + and of ·, 97² of −: 18,915; of 500 draws some 500²/(2·18,915) ≈ 7 repeat
    made = list(distinct(derive_rng(0, "test"), MOD, 1, 500))
    assert len(made) == len({canonical(expression) for expression in made}) == 500


def test_leaves_of_all_kinds_are_equally_likely():
    rng = derive_rng(0, "test", "kinds")
    leaves = [leaf.kind for _ in range(300) for leaf in leaves_of(draw(rng, DECIMAL, 3))]
    # 1,200 leaves of 4 kinds: 300 each; 4 standard deviations are 4·√(1,200·¼·¾) = 60
    assert all(abs(n - 300) < 60 for n in Counter(leaves).values())
    assert len(set(leaves)) == 4


def test_operations_split_evenly_over_the_two_sides():
    rng = derive_rng(0, "test", "shape")
    left = Counter(len(nodes_of(draw(rng, MOD, 3).left)) for _ in range(600))
    # 0, 1 or 2 of the other two operations on the left: 200 each, 4·√(600·⅓·⅔) = 46
    assert all(abs(left[n] - 200) < 46 for n in range(3))


def test_an_expression_is_grown_with_the_leaves_that_are_asked_for():
    kinds = ["cube", "fraction", "cube", "square"]
    for seed in range(20):
        expression = grow(derive_rng(0, "test", seed), DECIMAL, kinds)
        assert [leaf.kind for leaf in leaves_of(expression)] == kinds


def test_operations_stand_behind_those_that_they_need():
    for seed in range(20):
        nodes = nodes_of(draw(derive_rng(0, "test", seed), DECIMAL, 6))
        for i, node in enumerate(nodes):
            assert all(
                side in nodes[:i] for side in (node.left, node.right) if isinstance(side, Node)
            )
