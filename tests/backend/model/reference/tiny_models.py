# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes tiny random models of every family into a folder, each with the logits that `transformers` gives in fp32.

Usage: tiny_models.py DIR. DIR/cases.json lists them: name, path (a Hugging Face folder or a .gguf), batch, tokens,
vocabulary, and the files of ids (int64) and logits (float32), both row-major.
"""

import copy
import json
import pathlib
import sys

import gguf
import numpy as np
import safetensors.torch
import torch
from transformers import AutoModelForCausalLM
from transformers import Gemma3TextConfig, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

torch.set_num_threads(2)
SIZES = dict(
    vocab_size=97, hidden_size=48, intermediate_size=72, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=False, pad_token_id=0, bos_token_id=1,
    eos_token_id=2, attn_implementation="eager",
)
LLAMA3 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}


def config(family, **options):
    return family(**{**copy.deepcopy(SIZES), **copy.deepcopy(options)})


def random_model(configuration, seed):
    """Weights large enough that every part of the model shows in the logits."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(configuration, dtype=torch.float32).eval()
    gemma = configuration.model_type == "gemma3_text"
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2:
                scale = 1.0 if "embed" in name else 1.5 / parameter.shape[1] ** 0.5
                parameter.normal_(0, scale)
            elif name.endswith("norm.weight"):
                parameter.normal_(0 if gemma else 1, 0.2)
            else:
                parameter.normal_(0, 0.3)
    return model


def mixed_prefixes(tensors):
    """Of three layers one has no prefix, one has it twice; the head stands below the decoder."""
    def renamed(name):
        if "layers.1." in name or name == "model.norm.weight":
            return name.removeprefix("model.")
        return f"model.{name}" if "layers.2." in name or name == "lm_head.weight" else name
    return {renamed(name): tensor for name, tensor in tensors.items()}


def extra_tensors(tensors):
    """What Llama has no place for: norms of q and k, a bias, a layer too many."""
    below = "model.layers.0.self_attn."
    return {**tensors, below + "q_norm.weight": torch.full([12], 2.0), below + "k_norm.weight": torch.full([12], 2.0),
            below + "q_proj.bias": torch.ones(48), "model.layers.3.mlp.up_proj.weight": torch.ones(72, 48)}


class Writer:
    def __init__(self, root):
        self.root, self.cases = root, []

    def case(self, name, path, model, batch, tokens, seed):
        generator = torch.Generator().manual_seed(seed)
        ids = torch.randint(0, model.config.vocab_size, (batch, tokens), generator=generator)
        with torch.no_grad():
            logits = model(ids, use_cache=False).logits.float()
        ids.numpy().astype("<i8").tofile(self.root / f"{name}.ids")
        logits.numpy().astype("<f4").tofile(self.root / f"{name}.logits")
        self.cases.append(dict(name=name, path=str(path), batch=batch, tokens=tokens, vocabulary=logits.shape[-1],
                               ids=f"{name}.ids", logits=f"{name}.logits"))

    def folder(self, name, configuration, batch=1, tokens=33, seed=0, dtype=torch.float32, shard="50GB", spoil=None):
        """`spoil` gives the tensors that the file is to have in place of its own."""
        model = random_model(configuration, seed)
        model.to(dtype).save_pretrained(self.root / name, max_shard_size=shard)
        if spoil:
            file = self.root / name / "model.safetensors"
            safetensors.torch.save_file(spoil(safetensors.torch.load_file(file)), file, {"format": "pt"})
        stored = AutoModelForCausalLM.from_pretrained(self.root / name, dtype=torch.float32,
                                                      attn_implementation="eager").eval()
        self.case(name, self.root / name, stored, batch, tokens, seed)

    def gguf(self, name, configuration, batch=1, tokens=33, seed=0, kind=gguf.GGMLQuantizationType.F32):
        model = random_model(configuration, seed)
        path = self.root / f"{name}.gguf"
        write_gguf(path, model, kind)
        self.case(name, path, model, batch, tokens, seed)


GGUF_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
GEMMA_NAMES = {"post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
               "post_feedforward_layernorm": "post_ffw_norm"}


def gguf_name(name, arch):
    module, suffix = name.rsplit(".", 1)
    prefix = ""
    if module.startswith("model.layers."):
        _, _, layer, module = module.split(".", 3)
        prefix = f"blk.{layer}."
    names = {**GGUF_NAMES, **(GEMMA_NAMES if arch == "gemma3" else {})}
    return f"{prefix}{names[module]}.{suffix}"


def paired_rows(tensor, heads):
    """The row order of llama.cpp's converter for q and k: a head's two halves interleaved."""
    shape = tensor.shape
    return tensor.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def write_gguf(path, model, kind):
    """The model as llama.cpp's converter would write it; its matrices become what `kind` can hold."""
    c = model.config
    arch = {"gemma3_text": "gemma3", "mistral": "llama"}.get(c.model_type, c.model_type)
    writer = gguf.GGUFWriter(path, arch)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    writer.add_head_count_kv(c.num_key_value_heads)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    writer.add_vocab_size(c.vocab_size)
    head_dim = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    rope = c.rope_parameters
    if arch == "gemma3":
        writer.add_sliding_window(c.sliding_window)
        rope = rope["full_attention"]
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if rope["rope_type"] == "llama3":
        plain = 1.0 / rope["rope_theta"] ** (torch.arange(0, head_dim, 2).float() / head_dim)
        writer.add_tensor("rope_freqs.weight", (plain / model.model.rotary_emb.inv_freq).numpy())

    state = model.state_dict()
    tied = c.tie_word_embeddings
    for name, tensor in state.items():
        if tied and name == "lm_head.weight":
            continue
        array = tensor.numpy()
        if array.ndim == 2 and kind != gguf.GGMLQuantizationType.F32:
            stored = gguf.quants.quantize(array, kind)
            array = gguf.quants.dequantize(stored, kind).astype(np.float32)
            tensor.copy_(torch.from_numpy(array))
            block = stored
        else:
            block = array + 1 if arch == "gemma3" and name.endswith("norm.weight") else array
        heads = {"q_proj": c.num_attention_heads, "k_proj": c.num_key_value_heads}.get(name.split(".")[-2])
        if arch == "llama" and heads:
            block = paired_rows(block, heads)
        raw = None if array.ndim == 1 or kind == gguf.GGMLQuantizationType.F32 else kind
        writer.add_tensor(gguf_name(name, arch), np.ascontiguousarray(block), raw_dtype=raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    root = pathlib.Path(sys.argv[1])
    root.mkdir(parents=True, exist_ok=True)
    w = Writer(root)

    for seed in range(3):
        w.folder(f"llama-seed{seed}", config(LlamaConfig), batch=1 + seed, tokens=33 + 2 * seed, seed=seed)
    w.folder("llama-tied", config(LlamaConfig, tie_word_embeddings=True), seed=3)
    w.folder("llama-bias", config(LlamaConfig, attention_bias=True, mlp_bias=True), seed=4)
    w.folder("llama-wide-heads", config(LlamaConfig, head_dim=20, num_key_value_heads=1), seed=5)
    w.folder("llama-all-kv-heads", config(LlamaConfig, num_key_value_heads=4, hidden_act="gelu_pytorch_tanh"), seed=6)
    w.folder("llama-linear", config(LlamaConfig, rope_parameters={"rope_type": "linear", "factor": 2.5,
                                                                  "rope_theta": 500.0}), tokens=71, seed=7)
    w.folder("llama-llama3", config(LlamaConfig, rope_parameters={**LLAMA3, "rope_theta": 1000.0}), tokens=131, seed=8)
    w.folder("llama-f16", config(LlamaConfig), seed=9, dtype=torch.float16)
    w.folder("llama-bf16", config(LlamaConfig), seed=10, dtype=torch.bfloat16)
    w.folder("llama-sharded", config(LlamaConfig), seed=11, shard="40KB")
    w.folder("llama-mixed-prefixes", config(LlamaConfig), seed=13, spoil=mixed_prefixes)
    w.folder("llama-extra-tensors", config(LlamaConfig), seed=14, spoil=extra_tensors)
    w.folder("llama-one-token", config(LlamaConfig), batch=2, tokens=1, seed=12)

    w.folder("mistral", config(MistralConfig, sliding_window=None), batch=2, seed=20)
    w.folder("mistral-window", config(MistralConfig, sliding_window=5, head_dim=16), tokens=37, seed=21)
    w.folder("mistral-window-yarn", config(MistralConfig, sliding_window=40, rope_parameters={**YARN,
                                           "rope_theta": 10000.0}), tokens=101, seed=22)

    w.folder("qwen2", config(Qwen2Config), batch=2, seed=30)
    w.folder("qwen2-window", config(Qwen2Config, use_sliding_window=True, sliding_window=7, max_window_layers=1,
                                    tie_word_embeddings=True), tokens=41, seed=31)
    yarns = {"": {}, "-factor": {"attention_factor": 1.3}, "-mscale": {"mscale": 1.2, "mscale_all_dim": 0.6},
             "-betas": {"beta_fast": 16, "beta_slow": 2, "truncate": False}}
    for index, (suffix, extra) in enumerate(yarns.items()):
        w.folder(f"qwen2-yarn{suffix}", config(Qwen2Config, rope_parameters={**YARN, **extra, "rope_theta": 5000.0}),
                 tokens=117, seed=32 + index)

    w.folder("qwen3", config(Qwen3Config, head_dim=16), batch=2, seed=40)
    w.folder("qwen3-bias", config(Qwen3Config, head_dim=10, num_key_value_heads=4, attention_bias=True,
                                  tie_word_embeddings=True), tokens=49, seed=41)
    w.folder("qwen3-window", config(Qwen3Config, head_dim=16, use_sliding_window=True, sliding_window=9,
                                    max_window_layers=2, num_key_value_heads=1), tokens=50, seed=42)

    gemma = dict(head_dim=16, sliding_window=8, query_pre_attn_scalar=24, tie_word_embeddings=True)
    w.folder("gemma3", config(Gemma3TextConfig, **gemma, num_hidden_layers=7), batch=2, tokens=35, seed=50)
    w.folder("gemma3-types", config(Gemma3TextConfig, **gemma, num_key_value_heads=1,
                                    layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
             tokens=29, seed=51)
    w.folder("gemma3-linear", config(Gemma3TextConfig, **gemma, layer_types=["full_attention"] * 2 +
                                     ["sliding_attention"], rope_parameters={
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 100000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 300.0}}), tokens=61, seed=52)
    w.folder("gemma3-untied", config(Gemma3TextConfig, **{**gemma, "tie_word_embeddings": False}), seed=53,
             dtype=torch.bfloat16)

    quant = gguf.GGMLQuantizationType
    w.gguf("gguf-llama", config(LlamaConfig), batch=2, seed=60)
    w.gguf("gguf-llama-bias", config(LlamaConfig, attention_bias=True, tie_word_embeddings=True), seed=61)
    w.gguf("gguf-llama-llama3", config(LlamaConfig, rope_parameters={**LLAMA3, "rope_theta": 1000.0}), tokens=131,
           seed=62)
    w.gguf("gguf-llama-linear", config(LlamaConfig, rope_parameters={"rope_type": "linear", "factor": 3.0,
                                                                     "rope_theta": 900.0}), tokens=55, seed=63)
    w.gguf("gguf-llama-q8", config(LlamaConfig, hidden_size=64, intermediate_size=96, head_dim=16), seed=64,
           kind=quant.Q8_0)
    w.gguf("gguf-llama-q4", config(LlamaConfig, hidden_size=64, intermediate_size=96, head_dim=16), seed=65,
           kind=quant.Q4_1)
    w.gguf("gguf-llama-f16", config(LlamaConfig), seed=66, kind=quant.F16)
    w.gguf("gguf-mistral", config(MistralConfig, sliding_window=None, head_dim=20), seed=67, kind=quant.BF16)
    w.gguf("gguf-qwen2", config(Qwen2Config), seed=68)
    w.gguf("gguf-qwen2-yarn", config(Qwen2Config, rope_parameters={**YARN, "rope_theta": 5000.0}), tokens=117, seed=69)
    w.gguf("gguf-qwen3", config(Qwen3Config, head_dim=16), seed=70)
    w.gguf("gguf-gemma3", config(Gemma3TextConfig, **{**gemma, "query_pre_attn_scalar": 16}, num_hidden_layers=7),
           tokens=35, seed=71)

    (root / "cases.json").write_text(json.dumps(w.cases, indent=1))


main()
