# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes to FILE a list of config.json documents, old forms and new, and what transformers makes of each."""
import json
import sys

from transformers import AutoConfig

SIZES = {
    "vocab_size": 16, "hidden_size": 64, "intermediate_size": 12, "num_hidden_layers": 8, "num_attention_heads": 32,
}
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
CASES = {
    "llama": [
        {}, {"num_key_value_heads": 8, "rope_theta": 5e5, "head_dim": 16, "tie_word_embeddings": True},
        {"rope_scaling": {"type": "linear", "factor": 4.0}, "max_position_embeddings": 100},
        {"rope_scaling": {"rope_type": "llama3", "original_max_position_embeddings": 64, **LLAMA3}, "rope_theta": 5e5},
        {"rope_parameters": {"rope_type": "llama3", "rope_theta": 3e5, "original_max_position_embeddings": 64, **LLAMA3}},
        {"rope_scaling": {"rope_type": "llama3", **LLAMA3}, "original_max_position_embeddings": 32},
        {"rope_scaling": {"type": "yarn", "factor": 2.0, "beta_fast": 16}, "max_position_embeddings": 512},
        {"rope_scaling": None, "rope_theta": 7e4, "rms_norm_eps": 1e-5, "num_key_value_heads": None},
        {"rope_scaling": {}, "rope_parameters": {"rope_type": "default", "rope_theta": 9e4}},
    ],
    "mistral": [
        {}, {"sliding_window": None}, {"sliding_window": 7, "num_key_value_heads": 16, "head_dim": 4},
        {"rope_theta": 1e6, "head_dim": None},
    ],
    "qwen2": [
        {}, {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 3}, {"use_sliding_window": True},
        {"use_sliding_window": False, "sliding_window": 5, "max_window_layers": 0},
        {"use_sliding_window": True, "sliding_window": 6, "layer_types": ["full_attention", "sliding_attention"] * 4},
        {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128},
         "tie_word_embeddings": True, "num_key_value_heads": 4},
    ],
    "qwen3": [
        {}, {"head_dim": 8, "num_key_value_heads": 16}, {"use_sliding_window": True, "max_window_layers": 4},
        {"rope_theta": 1e6, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}, "max_position_embeddings": 256},
    ],
    "gemma3_text": [
        {}, {"sliding_window_pattern": 3, "sliding_window": 9, "rope_theta": 2e6, "rope_local_base_freq": 2e4},
        {"rope_scaling": {"rope_type": "linear", "factor": 8.0}, "num_key_value_heads": 2, "head_dim": 32},
        {"rope_scaling": {"rope_type": "linear", "factor": 8.0, "rope_theta": 777.0}, "rope_theta": 2e6},
        {"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e6},
                             "sliding_attention": {"rope_type": "default", "rope_theta": 5e3}}},
        {"layer_types": ["full_attention"] * 8, "sliding_window": None, "tie_word_embeddings": False},
    ],
}


def understood(config):
    layers = config.num_hidden_layers
    types = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None)
    if config.model_type == "mistral":
        types = ["sliding_attention" if window else "full_attention"] * layers
    sliding = [kind == "sliding_attention" for kind in types or []]
    config.standardize_rope_params()  # As every computation of frequencies does first.
    rope = config.rope_parameters
    result = {
        "kv_heads": config.num_key_value_heads,
        "head_dim": getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
        "context": config.max_position_embeddings,
        "norm_epsilon": config.rms_norm_eps,
        "tied": config.tie_word_embeddings,
        "sliding": sliding if any(sliding) else [],
        "window": window if any(sliding) else 0,
    }
    if "full_attention" in rope:
        result["local_theta"] = rope["sliding_attention"]["rope_theta"]
        rope = rope["full_attention"]
    result |= {"theta": rope["rope_theta"], "rope_type": rope["rope_type"], "factor": rope.get("factor", 1.0)}
    result["original_context"] = rope.get("original_max_position_embeddings", 0)
    result["beta_fast"] = rope.get("beta_fast", 32)
    return result


documents = []
for model_type, patches in CASES.items():
    for patch in patches:
        document = {"model_type": model_type, **SIZES, **patch}
        copy = json.loads(json.dumps(document))
        copy.pop("model_type")
        documents.append({"config": document, "understood": understood(AutoConfig.for_model(model_type, **copy))})
with open(sys.argv[1], "w") as file:
    json.dump(documents, file)
