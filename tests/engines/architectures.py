"""Small random models of many architectures, and the plain way to score a text with each of them."""

from __future__ import annotations

import numpy as np
import torch
import transformers

from titrant.engines.scoring.rows import Forcible

VOCAB = 97
SMALL = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
}
JAMBA = {
    "num_experts": 2,
    "attn_layer_period": 2,
    "attn_layer_offset": 1,
    "mamba_d_state": 8,
    "use_mamba_kernels": False,
}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
NEO = {
    "num_heads": 4,
    "num_layers": 2,
    "attention_types": [[["global", "local"], 1]],
    "window_size": 8,
}
MADE = {
    "llama": ("Llama", {}),
    "llama-eager": ("Llama", {"attn_implementation": "eager"}),
    "qwen2": ("Qwen2", {}),
    "qwen2-eager": ("Qwen2", {"attn_implementation": "eager"}),
    "gpt-neox": ("GPTNeoX", {}),
    "gpt-neox-eager": ("GPTNeoX", {"attn_implementation": "eager"}),
    "gpt2": ("GPT2", GPT2),
    "mistral-window": ("Mistral", {"sliding_window": 8}),
    "gemma2": ("Gemma2", {"sliding_window": 8, "head_dim": 8, "query_pre_attn_scalar": 8}),
    "cohere": ("Cohere", {"logit_scale": 0.3}),
    "gpt-neo": ("GPTNeo", NEO),
    "bloom": ("Bloom", {"n_layer": 2, "n_head": 4}),
    "jamba": ("Jamba", JAMBA),
}
"""Names of transformers, and what is particular: rotary, learned and no positions, windows of attention
in the cache and in the layer, logits that are capped or scaled, recurrent layers."""


def make(name: str, **settings: object) -> transformers.PreTrainedModel:
    """The model of a name, in evaluation mode."""
    family, more = MADE[name]
    more = {**more, **settings}
    attention = more.pop("attn_implementation", None)
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**{**SMALL, **more})
    if attention:
        config._attn_implementation = attention
    kind = "LMHeadModel" if family == "GPT2" else "ForCausalLM"
    return getattr(transformers, f"{family}{kind}")(config).eval()


def some(n: int, seed: int) -> list[int]:
    """Tokens."""
    return np.random.default_rng([n, seed]).integers(0, VOCAB, n).tolist()


@torch.no_grad()
def plain(model: transformers.PreTrainedModel, row: Forcible) -> tuple[torch.Tensor, torch.Tensor]:
    """Logprobs [tokens, vocab] after each token of prefix and continuation, and states, of one pass."""
    seen = []
    handle = model.get_output_embeddings().register_forward_pre_hook(
        lambda _, args: seen.append(args[0])
    )
    out = model(input_ids=torch.tensor([[*row.prefix_ids, *row.ids]]), use_cache=False)
    handle.remove()
    return out.logits[0].float().log_softmax(-1), seen[0][0]


def plain_logprobs(
    model: transformers.PreTrainedModel, prefix: list[int], ids: list[int]
) -> np.ndarray:
    """Logprobs of tokens after a prefix, each text in a pass of its own."""
    if not ids:
        return np.zeros(0, dtype=np.float32)
    logprobs, _ = plain(model, Forcible(prefix, ids))
    whole = torch.tensor([*prefix, *ids])
    found = logprobs[:-1].gather(1, whole[1:, None])[:, 0].numpy()
    return np.concatenate([[np.nan], found])[len(prefix) :]
