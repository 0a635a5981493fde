"""Which texts may be near copies: MinHash signatures of character shingles, and their bands.

A text is the set of its shingles, all runs of `SHINGLE_BYTES` bytes (a run of 5 fits a machine word, so it
is its own hash). Of two texts with Jaccard similarity J of their sets, one value of their signatures agrees
with probability J; signatures of 128 values in 32 bands of 4 agree in some band with probability
1 − (1 − J⁴)³²: 0.9999 at J = 0.7, 0.99 at 0.6, 0.87 at 0.5, 0.05 at 0.2 (Broder 1997; banding as in Leskovec
et al., *Mining of Massive Datasets*, §3.4). So this finds candidates, and the caller compares them.

Of a trace, the question's shingles are thinned to one in `THIN` (by their hash): attempts at one question
would else all be candidates for what they have in common.

Signatures come from rensa (R-MinHash). Texts pass in chunks; what stays is 512 bytes per text. Left out: texts
of fewer than about 20 characters, in which one letter changes most shingles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue] - has no stubs

from titrant.select.clean.distinct import distinct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

SHINGLE_BYTES = 5
THIN = 8
"""One in so many shingles of a lead counts."""
VALUES = 128
"""Values of a signature."""
BAND = 4
"""Values of a band."""
PAIRS_PER_TEXT = 32
"""Candidates that a band may give, per text; what is over is left out of the most crowded buckets."""
NEIGHBOURS = 8
"""In a crowded bucket a text is paired with so many others."""
CHUNK_CHARACTERS = 2**20
_SEED = 42
_FILLING = b"\0" * (SHINGLE_BYTES - 1)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0x100000001B3)


class Text(NamedTuple):
    """A text to be compared."""

    body: str
    lead: str = ""
    """What stands before it and counts little; its shingles are thinned."""


class Candidates(NamedTuple):
    """Pairs of texts that share a band."""

    pairs: np.ndarray
    """int64 [pairs, 2]; the smaller number first, each pair once."""
    left_out: int
    """Pairs of crowded buckets that were not taken, at most; a pair in two buckets counts twice."""


def find_candidates(
    texts: Iterable[Text], *, n: int, progress: Callable[[int, int], None] | None = None
) -> Candidates:
    """Pairs of texts that are probably alike.

    Args:
        texts: folded texts; read once, in order.
        n: how many there are.
        progress: called with (texts read, n).
    """
    signatures = np.empty((n, VALUES), dtype=np.uint32)
    at = 0
    for chunk in _chunks(texts):
        signatures[at : at + len(chunk)] = sign(chunk)
        at += len(chunk)
        if progress is not None:
            progress(at, n)
    return _pair_up(signatures)


def _chunks(texts: Iterable[Text]) -> Iterator[list[Text]]:
    chunk: list[Text] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text.lead) + len(text.body)
        if size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def sign(texts: Sequence[Text]) -> np.ndarray:
    """MinHash signatures; uint32 [texts, VALUES]. All empty texts have the same one."""
    hashes, offsets = shingle_hashes(texts)
    rows = RMinHash.digest_matrix_from_flat_token_hashes(
        hashes, offsets, num_perm=VALUES, seed=_SEED
    ).to_rows()
    return np.array(rows, dtype=np.uint32)


def shingle_hashes(texts: Sequence[Text]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all shingles, uint64, and where those of each text begin; uint64 [texts + 1].

    Lead and body are each filled up with zeros at the end, so every byte starts one shingle and none crosses
    into what follows.
    """
    parts = [_bytes(part) for text in texts for part in (text.lead, text.body)]
    blob = np.frombuffer(_FILLING.join([*parts, b""]), dtype=np.uint8).astype(np.uint64)
    runs = blob[: len(blob) - SHINGLE_BYTES + 1].copy()
    for i in range(1, SHINGLE_BYTES):
        runs |= blob[i : len(runs) + i] << np.uint64(8 * i)
    runs = runs[(runs & np.uint64(0xFF)) != 0]
    runs *= _SPREAD
    runs ^= runs >> np.uint64(32)
    sizes = np.array([len(part) for part in parts])
    if sizes[::2].any():
        is_kept = np.repeat(np.arange(len(parts)) % 2 == 1, sizes)
        is_kept |= (runs >> np.uint64(20)) % np.uint64(THIN) == 0
        ends = np.concatenate([[0], np.cumsum(is_kept)])[np.cumsum(sizes)[1::2]]
        return runs[is_kept], np.concatenate([[0], ends]).astype(np.uint64)
    return runs, np.concatenate([[0], np.cumsum(sizes)[1::2]]).astype(np.uint64)


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace").replace(b"\0", b" ")


def _pair_up(signatures: np.ndarray) -> Candidates:
    """All pairs that share a band."""
    n = len(signatures)
    found, left_out = np.empty(0, dtype=np.int64), 0
    keys = [_keys(signatures, start) for start in range(0, VALUES, BAND)]
    for band, of_band in enumerate(keys):
        codes, n_left = _pairs_of_band(of_band, keys[band - 1])
        found = distinct(np.concatenate([found, codes]))
        left_out += n_left
    return Candidates(np.stack([found // max(n, 1), found % max(n, 1)], axis=1), left_out)


def _keys(signatures: np.ndarray, start: int) -> np.ndarray:
    """One number per text and band; uint64 [texts]."""
    keys = np.zeros(len(signatures), dtype=np.uint64)
    for i in range(start, start + BAND):
        keys = (keys ^ signatures[:, i]) * _PRIME
        keys ^= keys >> np.uint64(29)
    return keys


def _pairs_of_band(keys: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, int]:
    """Pairs with equal keys, each as smaller · n + larger; and how many were not taken.

    Buckets are taken whole, the small ones first, until there are `PAIRS_PER_TEXT` pairs per text. Members of
    the others are sorted by another band and paired with those near them.
    """
    n = len(keys)
    order = np.lexsort((other, keys))
    ordered = keys[order]
    is_first = np.ones(n, dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(is_first)
    sizes = np.diff(np.concatenate([starts, [n]]))
    n_pairs = sizes * (sizes - 1) // 2
    by_size = np.argsort(sizes, kind="stable")
    is_crowded = np.empty(len(sizes), dtype=bool)
    is_crowded[by_size] = np.cumsum(n_pairs[by_size]) > PAIRS_PER_TEXT * n
    crowded = np.repeat(is_crowded, sizes)
    found, n_found = [np.empty(0, np.int64)], 0
    for apart in range(1, n):
        is_pair = ordered[apart:] == ordered[:-apart]
        if apart > NEIGHBOURS:
            is_pair &= ~crowded[apart:]
        at = np.flatnonzero(is_pair)
        if not len(at):
            break
        one, two = order[at], order[at + apart]
        found.append(np.minimum(one, two) * n + np.maximum(one, two))
        n_found += len(at)
    # What joins a crowded bucket into one: all of its members with its first.
    first = np.repeat(order[starts], sizes)[crowded]
    rest = order[crowded]
    found.append((np.minimum(first, rest) * n + np.maximum(first, rest))[first != rest])
    return np.concatenate(found), max(0, int(n_pairs.sum()) - n_found)
