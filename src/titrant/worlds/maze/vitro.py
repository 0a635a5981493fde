r"""A tokenizer for the maze world's compact form, and randomly initialised models with it.

A token is a word with the one blank or line end before it, so an event is four tokens and text comes back
unchanged: `\nclose`, ` 3,4`, ` c0`, ` c5`. Every word has three tokens, bare, after a blank and after a line
end, so that words in any order are never unknown. Two borders are kept free: the line end after `<think>`
and the empty line before the answer are tokens of their own, so a prompt that opens the thinking, or closes
it, ends where a token ends.

    prompt      <eos>  start _3,4 _goal _0,2 _wall _1,1 … \n
    completion  <think> \n  close _3,4 _c0 _c5  \ncreate … \n  </think> \n\n  plan _3,4 … <eos>

Thinking that is filler is `.` per word and takes as many tokens. Words: the keywords, x,y with x and y under
n, and the costs c0 … c(n² − 1): a path visits a cell once, so no cost is higher.

The prompt begins with `<eos>`, as in the arithmetic base. The models are Llamas, because transformers 5.23
rebuilds the tokenizers of some other types. Nothing is trained here: `make_base` makes the start of an arm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from titrant.seeds import derive
from titrant.worlds.maze.form import write_cell
from titrant.worlds.maze.grid import cells_of

if TYPE_CHECKING:
    from pathlib import Path

SPECIALS = ("<pad>", "<unk>", "<eos>", "<think>", "</think>")
KEYWORDS = ("start", "goal", "wall", "close", "create", "plan", ".")
BORDERS = ("\n", "\n\n", " ")
CONTEXT_TOKENS = 1024
_WORDS = r"\A\n(?!\n)|\n\n|[ \n]?[^ \n]+|[ \n]"
"""A line end right after `<think>`, an empty line, a word with what is before it, what is left."""


def vocabulary(n: int) -> tuple[str, ...]:
    """All tokens in the order of their ids, for grids of n × n cells: 5 + 3 + 3 (7 + 2 n²) of them."""
    words = [*KEYWORDS, *map(write_cell, cells_of(n)), *(f"c{cost}" for cost in range(n * n))]
    return (*SPECIALS, *BORDERS, *(before + word for before in ("", " ", "\n") for word in words))


def make_tokenizer(n: int) -> PreTrainedTokenizerFast:
    """The tokenizer for grids of n × n cells, and smaller ones."""
    vocab = {token: i for i, token in enumerate(vocabulary(n))}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_WORDS), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<eos> $A", special_tokens=[("<eos>", SPECIALS.index("<eos>"))]
    )
    tokenizer.add_special_tokens(list(SPECIALS[:3]))
    tokenizer.add_tokens(list(SPECIALS[3:]))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<eos>",
        eos_token="<eos>",
        padding_side="left",
        model_max_length=CONTEXT_TOKENS,
        clean_up_tokenization_spaces=False,
    )


def make_base(
    folder: Path,
    n: int,
    *,
    layers: int = 4,
    width: int = 128,
    heads: int = 4,
    seed: int = 0,
) -> int:
    """Write a randomly initialised Llama with its tokenizer; returns the number of parameters.

    Embeddings are tied, the MLP is 2.75 times as wide as the model, weights are float32.

    Args:
        folder: where to; `base.path` of a config, and of `engines.load.load_base`.
        n: cells per side.
        layers: number of blocks.
        width: of the hidden state; a multiple of `heads`.
        heads: attention heads.
        seed: of the weights.
    """
    eos, pad = SPECIALS.index("<eos>"), SPECIALS.index("<pad>")
    config = LlamaConfig(
        vocab_size=len(vocabulary(n)),
        hidden_size=width,
        intermediate_size=width * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        bos_token_id=eos,
        eos_token_id=eos,
        pad_token_id=pad,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "vitro", "maze", n, layers, width, heads))
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    make_tokenizer(n).save_pretrained(folder)
    return model.num_parameters()
