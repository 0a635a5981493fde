"""Where tokens end in a text, in characters: the border between tokens and everything that counts text.

A fast tokenizer says it itself, in offsets, and a token that holds part of a character ends there where
the character does. Some tokenizers trim white space off their offsets (GPT-2 and its heirs); then the
bytes of the tokens are counted instead, if they are those of the text. The last token always ends where
the text does, whatever was normalised away. Where there is no fast tokenizer, tokens are decoded one
after the other and found in the text again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase


class Tokens(NamedTuple):
    """A text as tokens."""

    ids: list[int]
    ends: np.ndarray
    """Characters up to the end of each, int32 [tokens]; they never fall, and the last is the length of
    the text."""


def encode_with_ends(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[Tokens]:
    """Tokens of each text and where they end; no special ones are added."""
    if not texts:
        return []
    is_fast = bool(tokenizer.is_fast)
    encoded = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=is_fast)
    rows = [list(ids) for ids in encoded["input_ids"]]
    offsets = encoded["offset_mapping"] if is_fast else [None] * len(rows)
    return [
        Tokens(ids, _held(_ends(tokenizer, text, ids, places), text))
        for text, ids, places in zip(texts, rows, offsets, strict=True)
    ]


def _ends(
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    ids: list[int],
    offsets: Sequence[tuple[int, int]] | None,
) -> np.ndarray:
    if offsets is None:
        return _from_decoding(tokenizer, text, ids)
    return _from_offsets(tokenizer, text, ids, np.array(offsets, dtype=np.int64).reshape(-1, 2))


def _held(ends: np.ndarray, text: str) -> np.ndarray:
    if len(ends):
        ends = np.maximum.accumulate(ends).clip(max=len(text))
        ends[-1] = len(text)
    return ends.astype(np.int32)


def _from_offsets(
    tokenizer: PreTrainedTokenizerBase, text: str, ids: list[int], offsets: np.ndarray
) -> np.ndarray:
    """Ends by the offsets of a fast tokenizer, or by the bytes of its tokens where these have gaps."""
    starts, ends = offsets.T
    if not starts[:1].any() and not (starts[1:] > ends[:-1]).any():
        return ends
    # A byte-level vocabulary writes a byte as a character.
    tokens: list[str] = tokenizer.convert_ids_to_tokens(ids)  # pyright: ignore[reportAssignmentType]
    counted, of_bytes = np.cumsum([len(token) for token in tokens]), byte_ends(text)
    return of_bytes[counted - 1] if counted[-1] == len(of_bytes) else ends


def byte_ends(text: str) -> np.ndarray:
    """Characters up to the end of each byte's character, int32 [bytes]."""
    lengths = [len(character.encode()) for character in text]
    return np.repeat(np.arange(1, len(text) + 1), lengths).astype(np.int32)


def _from_decoding(tokenizer: PreTrainedTokenizerBase, text: str, ids: list[int]) -> np.ndarray:
    """Ends by decoding tokens until they are found in the text.

    What the vocabulary does not know comes back as another text; such tokens, and all that follow in
    the worst case, end later than they should.
    """
    ends: list[int] = []
    at = 0
    pending: list[int] = []
    for token_id in ids:
        pending.append(token_id)
        piece = str(tokenizer.decode(pending, clean_up_tokenization_spaces=False))
        found = _end_in(text, piece, at)
        if found is None:  # part of a character: it ends where the character does
            ends.append(at + len(piece.rstrip("\ufffd")) + 1)
        else:
            ends.append(found)
            at, pending = found, []
    return np.array(ends, dtype=np.int64)


def _end_in(text: str, piece: str, at: int) -> int | None:
    """Where a decoded piece ends that stands at a place, or after the white space there."""
    if piece and text.startswith(piece, at):
        return at + len(piece)
    bare = piece.lstrip()
    start = len(text) - len(text[at:].lstrip())
    return start + len(bare) if bare and text.startswith(bare, start) else None
