# SPDX-License-Identifier: GPL-3.0-or-later
"""The logits of a Llama-architecture GGUF, read by the `gguf` package and computed by `transformers` in fp32.

Usage: gguf_llama.py MODEL.gguf DIR TOKENS. Writes DIR/cases.json in the form of tiny_models.py.
"""

import json
import pathlib
import sys

import gguf
import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(2)
NAMES = {
    "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head", "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


def main():
    path, root, tokens = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    root.mkdir(parents=True, exist_ok=True)
    reader = gguf.GGUFReader(path)
    field = lambda key: reader.fields[f"llama.{key}"].contents()
    heads = {"attn_q": field("attention.head_count"), "attn_k": field("attention.head_count_kv")}
    weights = {}
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        *layer, module, suffix = tensor.name.split(".")
        if module in heads:  # undo the converter's interleaving of a head's two halves
            shape = values.shape
            values = values.reshape(heads[module], shape[0] // heads[module] // 2, 2, -1).swapaxes(1, 2).reshape(shape)
        prefix = f"model.layers.{layer[1]}." if layer else ""
        weights[f"{prefix}{NAMES[module]}.{suffix}"] = torch.from_numpy(np.ascontiguousarray(values))

    embedding = weights["model.embed_tokens.weight"]
    configuration = LlamaConfig(
        vocab_size=embedding.shape[0], hidden_size=field("embedding_length"),
        intermediate_size=field("feed_forward_length"), num_hidden_layers=field("block_count"),
        num_attention_heads=heads["attn_q"], num_key_value_heads=heads["attn_k"],
        max_position_embeddings=field("context_length"), rms_norm_eps=field("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": field("rope.freq_base")},
        tie_word_embeddings="lm_head.weight" not in weights)
    with torch.device("meta"):
        model = LlamaForCausalLM(configuration)
    rotary = type(model.model.rotary_emb)(configuration)
    missing, unexpected = model.load_state_dict(weights, strict=False, assign=True)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    model.model.rotary_emb = rotary
    model.eval()

    ids = torch.randint(0, embedding.shape[0], (1, tokens), generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        logits = model(ids, use_cache=False).logits
    ids.numpy().astype("<i8").tofile(root / "ids")
    logits.numpy().astype("<f4").tofile(root / "logits")
    case = dict(name="gguf", path=path, batch=1, tokens=tokens, vocabulary=logits.shape[-1], ids="ids", logits="logits")
    (root / "cases.json").write_text(json.dumps([case]))


main()
