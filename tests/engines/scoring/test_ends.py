"""Where tokens end, under byte-level, trimming, normalising and slow tokenizers."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("transformers", reason="needs the train extra")
pytestmark = pytest.mark.train

from tokenizers import (  # noqa: E402  # noqa: E402
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast  # noqa: E402

from titrant.engines.scoring.ends import byte_ends, encode_with_ends  # noqa: E402

LINES = [
    "so we add 12 and 30",
    "the answer is 42)\n\n",
    "  if x:\n\t return y",
    "caf\u00e9 \u6f22\u5b57",
] * 20


def byte_level(*, trims):
    """BPE over bytes, as GPT-2 and its heirs have it, merging across blanks and line ends."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<eos>"],
        show_progress=False,
    )
    inner.train_from_iterator(LINES, trainer)
    inner.post_processor = processors.ByteLevel(trim_offsets=trims)
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>")


@pytest.fixture(scope="module", params=["plain", "trims", "python"])
def tokenizer(request):
    return (
        ByT5Tokenizer() if request.param == "python" else byte_level(trims=request.param == "trims")
    )


def decoded_end(tokenizer, ids):
    """Characters of the text whose bytes are complete after these tokens."""
    return len(tokenizer.decode(ids, clean_up_tokenization_spaces=False).replace("\ufffd", ""))


@settings(max_examples=80, deadline=None)
@given(text=st.text("ab12)+ \n\t\u00e9\u6f22\U0001f642", min_size=1, max_size=30))
def test_tokens_end_where_their_decoded_text_does(tokenizer, text):
    ((ids, ends),) = encode_with_ends(tokenizer, [text])
    assert ends[-1] == len(text)
    assert all(a <= b for a, b in pairwise(ends))
    for i, end in enumerate(ends):
        whole = decoded_end(tokenizer, ids[: i + 1])
        # inside a character the token ends where the character will
        assert end in (whole, whole + 1)
        if end == whole + 1:
            assert tokenizer.decode(ids[: i + 1]) != text[:end]


@pytest.mark.parametrize("text", ["is 42)\n\nso", " a  b", "so \n\nx", " 1", "  if x:\n\t y"])
def test_trimmed_white_space_is_counted(text):
    tokenizer = byte_level(trims=True)
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    assert any(start > end or end == first for (first, end), (start, _) in pairwise(offsets))
    ((ids, ends),) = encode_with_ends(tokenizer, [text])
    pieces = [text[a:b] for a, b in pairwise([0, *ends])]
    assert pieces == [tokenizer.decode([token]) for token in ids]


def test_parts_of_a_character_end_where_it_ends():
    ((ids, ends),) = encode_with_ends(byte_level(trims=False), ["a\U0001f642b"])
    # four bytes, none of them merged in training
    assert len(ids) == 6
    assert ends.tolist() == [1, 2, 2, 2, 2, 3]


def test_what_a_normaliser_drops_belongs_to_the_last_token():
    inner = Tokenizer(models.WordLevel({"ab": 0, "c": 1}, unk_token="c"))
    inner.normalizer = normalizers.Strip()
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="c")
    ((ids, ends),) = encode_with_ends(tokenizer, [" ab c  "])
    assert ids == [0, 1]
    assert ends.tolist() == [3, 7]


def test_no_text_and_empty_text_have_no_tokens():
    tokenizer = byte_level(trims=False)
    assert encode_with_ends(tokenizer, []) == []
    ((ids, ends),) = encode_with_ends(tokenizer, [""])
    assert (ids, ends.tolist()) == ([], [])


def test_bytes_end_where_their_character_does():
    assert byte_ends("aé🙂").tolist() == [1, 2, 2, 3, 3, 3, 3]
