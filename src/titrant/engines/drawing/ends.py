"""Where each generated token ends in the text.

The tokens of a draw are known, its text too, but not how they fit together: a token may hold part of a
character, and some decoders write a token differently at the start of a text. Three ways, each checked
against the whole text before it is believed: the tokens' own texts laid end to end; their bytes, for
byte-level vocabularies; and decoding longer and longer beginnings, which is always right and slow.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from titrant.engines.scoring.ends import byte_ends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

REPLACED = "\ufffd"


def _byte_level() -> dict[str, int]:
    """The character that GPT-2 writes for each byte: itself where it is visible, else one from 256 on."""
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    rest = [byte for byte in range(256) if byte not in visible]
    return {chr(b): b for b in visible} | {chr(256 + i): b for i, b in enumerate(rest)}


BYTE_OF = _byte_level()


def text_of(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of generated tokens, as it is handed out."""
    # Thinking tags are special tokens in some vocabularies, so special tokens stay in the text.
    return str(
        tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    )


class TokenEnds:
    """Finds the ends of tokens under one tokenizer; what a token's text is, is kept."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._pieces: dict[int, str] = {}
        self._data: dict[int, bytes | None] = {}

    def of(self, ids: Sequence[int], text: str) -> np.ndarray:
        """Characters of the text up to the end of each token, int32 [tokens].

        A token that holds part of a character ends where that character ends. Tokens behind the text
        (a stop token, what a stop string cut off) end with it.
        """
        for way in (self._by_pieces, self._by_bytes):
            found = way(ids, text)
            if found is not None:
                return found
        return self._by_beginnings(ids, text)

    def _by_pieces(self, ids: Sequence[int], text: str) -> np.ndarray | None:
        pieces = [self._piece(i) for i in ids]
        whole = "".join(pieces)
        if REPLACED in whole or not whole.startswith(text):
            return None
        return _clipped(accumulate(map(len, pieces)), text)

    def _by_bytes(self, ids: Sequence[int], text: str) -> np.ndarray | None:
        pieces = [self._bytes(i) for i in ids]
        data = text.encode()
        if any(piece is None for piece in pieces):
            return None
        known = [piece for piece in pieces if piece is not None]
        if not b"".join(known).startswith(data):
            return None
        sizes = np.minimum(np.cumsum([len(piece) for piece in known], dtype=np.int64), len(data))
        return np.concatenate([[0], byte_ends(text)])[sizes].astype(np.int32)

    def _by_beginnings(self, ids: Sequence[int], text: str) -> np.ndarray:
        ends, before = [], 0
        for n in range(1, len(ids) + 1):
            begun = self._decode(ids[:n])
            is_part = begun.endswith(REPLACED)
            before = before if is_part and len(begun) <= before else len(begun)
            ends.append(before)
        return _clipped(ends, text)

    def _piece(self, token: int) -> str:
        if token not in self._pieces:
            self._pieces[token] = self._decode([token])
        return self._pieces[token]

    def _bytes(self, token: int) -> bytes | None:
        """What a token of a byte-level vocabulary writes; `None` for a token of another kind."""
        if token not in self._data:
            name = str(self._tokenizer.convert_ids_to_tokens(token))
            is_added = token in self._tokenizer.added_tokens_decoder
            known = [BYTE_OF.get(char) for char in name]
            whole = None if None in known else bytes(byte for byte in known if byte is not None)
            self._data[token] = name.encode() if is_added else whole
        return self._data[token]

    def _decode(self, ids: Sequence[int]) -> str:
        return text_of(self._tokenizer, ids)


def _clipped(ends: object, text: str) -> np.ndarray:
    return np.minimum(np.array(list(ends), dtype=np.int32), len(text))  # pyright: ignore
