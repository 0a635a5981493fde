"""Seeds are hashes of labels: fixed for ever, different for different labels, never added up."""

import hashlib

from hypothesis import assume, given
from hypothesis import strategies as st

from titrant.seeds import derive, derive_rng

LABELS = st.lists(st.integers() | st.text(max_size=8) | st.booleans() | st.none(), max_size=4)


def test_a_seed_is_the_first_63_bits_of_the_hash_of_the_labels():
    digest = hashlib.sha256(b'[0,"arm","random",64,3]').digest()
    assert derive(0, "arm", "random", 64, 3) == int.from_bytes(digest[:8], "big") // 2


def test_seeds_of_released_versions_do_not_change():
    assert derive(0) == 7520536977032167579
    assert derive(0, "arm", "random", 64, 3) == 6878901633282853022
    assert derive_rng(1, "pool").integers(1_000_000) == 505193


@given(st.integers(min_value=0), LABELS)
def test_a_seed_depends_on_nothing_but_root_and_labels(root, labels):
    assert derive(root, *labels) == derive(root, *labels)
    assert 0 <= derive(root, *labels) < 2**63


@given(LABELS, LABELS)
def test_different_labels_give_different_seeds(one, other):
    assume([(type(x), x) for x in one] != [(type(x), x) for x in other])
    assert derive(0, *one) != derive(0, *other)


def test_no_two_streams_meet_where_added_seeds_would():
    items = {(root, i): derive(root, "item", i) for root in range(30) for i in range(30)}
    assert len(set(items.values())) == 900


def test_labels_do_not_run_into_each_other():
    assert derive(0, "ab", "c") != derive(0, "a", "bc")
    assert derive(0, 1, 23) != derive(0, 12, 3)
    assert derive(0, "1") != derive(0, 1)
