"""Signatures of shingles, and the pairs that share a band."""

import numpy as np
import pytest

from titrant.seeds import derive_rng
from titrant.select.clean.copies import shingles
from titrant.select.clean.copies.shingles import Text, find_candidates, shingle_hashes, sign


def random_texts(n: int, length: int = 200) -> list[str]:
    rng = derive_rng(0, "test", "shingles")
    letters = np.array(list("abcdefgh ijklmno"))
    return ["".join(letters[rng.integers(len(letters), size=length)]) for _ in range(n)]


def pairs(texts: list[str]) -> set[tuple[int, int]]:
    found = find_candidates(map(Text, texts), n=len(texts))
    return {(i, j) for i, j in found.pairs.tolist()}


def test_shingles_do_not_cross_from_one_text_into_the_next():
    alone, _ = shingle_hashes([Text("abcdef")])
    both, offsets = shingle_hashes([Text("xy"), Text("abcdef"), Text("")])
    assert offsets.tolist() == [0, 2, 8, 8]
    assert both[2:8].tolist() == alone.tolist()


def test_equal_shingles_have_equal_hashes_and_zero_bytes_are_blanks():
    hashes, _ = shingle_hashes([Text("abcdeabcde")])
    assert hashes[0] == hashes[5]
    assert (sign([Text("a\0b c")]) == sign([Text("a b c")])).all()


def test_signatures_agree_with_the_probability_of_the_jaccard_similarity():
    # 196 + 4 shingles each, of which 100 are shared: 100 / (200 + 200 − 100) = 1/3.
    one, other, third = random_texts(3, 1200)
    texts = [Text(one[:600] + other[:600]), Text(one[:600] + third[:600])]
    sets = [set(shingle_hashes([text])[0].tolist()) for text in texts]
    jaccard = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
    agreed = (sign(texts[:1]) == sign(texts[1:])).mean()
    # 128 values: standard error of 0.04 at 1/3.
    assert agreed == pytest.approx(jaccard, abs=0.13)


def test_nearly_equal_texts_are_paired_and_strangers_are_not():
    texts = random_texts(50)
    texts.append(texts[7][:100] + "X" + texts[7][101:])
    assert pairs(texts) == {(7, 50)}


def test_a_lead_counts_for_little():
    lead, *bodies = random_texts(3, 400)
    texts = [Text(body[:120], lead=lead) for body in bodies]
    assert find_candidates(texts, n=2).pairs.tolist() == []
    whole = [f"{lead}{body[:120]}" for body in bodies]
    assert pairs(whole) == {(0, 1)}


def test_signatures_do_not_depend_on_how_texts_come_in_chunks(monkeypatch):
    texts = [*random_texts(9), random_texts(9)[4] + "!"]
    whole = pairs(texts)
    monkeypatch.setattr(shingles, "CHUNK_CHARACTERS", 1)
    assert pairs(texts) == whole == {(4, 9)}


def test_crowded_buckets_stay_connected_and_say_what_they_leave_out(monkeypatch):
    monkeypatch.setattr(shingles, "PAIRS_PER_TEXT", 2)
    monkeypatch.setattr(shingles, "NEIGHBOURS", 3)
    texts = [random_texts(1)[0]] * 40
    found = find_candidates(map(Text, texts), n=40)
    seen = {0}
    for i, j in found.pairs.tolist():
        seen |= {i, j} if {i, j} & seen else set()
    assert len(seen) == 40
    # Each of 32 bands has 40 · 39 / 2 = 780 pairs and takes 39 + 38 + 37 neighbours.
    assert found.left_out == 32 * (780 - 114)


@pytest.mark.parametrize("texts", [[], ["only one"]])
def test_fewer_than_two_texts_have_no_pairs(texts):
    assert pairs(texts) == set()


def test_progress_ends_at_all_texts():
    told = []
    find_candidates(map(Text, random_texts(5)), n=5, progress=lambda *at: told.append(at))
    assert told[-1] == (5, 5)
