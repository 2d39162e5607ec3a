# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a tiny random model with a byte-level tokenizer as GGUF. Usage: tiny_gguf.py FILE [llama|qwen2|qwen3]

The Llama has rotary factors of its own. The tokenizer is split as SmolLM's, whatever the architecture.
"""

import sys

import gguf
import numpy as np

HIDDEN, INNER, HEADS, KV_HEADS, LAYERS = 32, 64, 4, 2, 3
DIM = HIDDEN // HEADS
random = np.random.default_rng(5)


def byte_alphabet():
    """GPT-2's printable spelling of the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]


def matrix(rows, columns, scale=None):
    return random.normal(0, scale or 1.5 / columns**0.5, (rows, columns)).astype(np.float32)


def norm(size):
    return random.normal(1, 0.2, size).astype(np.float32)


arch = sys.argv[2] if len(sys.argv) > 2 else "llama"
writer = gguf.GGUFWriter(sys.argv[1], arch)
writer.add_name("tiny")
writer.add_block_count(LAYERS)
writer.add_context_length(512)
writer.add_embedding_length(HIDDEN)
writer.add_feed_forward_length(INNER)
writer.add_head_count(HEADS)
writer.add_head_count_kv(KV_HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_freq_base(1000.0)
writer.add_rope_dimension_count(DIM)

merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "w"), ("o", "r"), ("Ġw", "or"), ("1", "2")]
tokens = ["<|end|>", "<|im_start|>", "<|im_end|>"] + byte_alphabet() + [a + b for a, b in merges]
writer.add_vocab_size(len(tokens))
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("smollm")
writer.add_token_list(tokens)
writer.add_token_types([3] * 3 + [1] * (len(tokens) - 3))
writer.add_token_merges([f"{a} {b}" for a, b in merges])
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
writer.add_pad_token_id(0)
writer.add_unk_token_id(0)
writer.add_add_bos_token(False)
writer.add_chat_template("{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
                         "{% endfor %}")

if arch == "llama":
    writer.add_tensor("rope_freqs.weight", np.array([1, 1, 2, 5], dtype=np.float32))
writer.add_tensor("token_embd.weight", matrix(len(tokens), HIDDEN, 1.0))
writer.add_tensor("output_norm.weight", norm(HIDDEN))
for layer in range(LAYERS):
    prefix = f"blk.{layer}."
    writer.add_tensor(prefix + "attn_norm.weight", norm(HIDDEN))
    writer.add_tensor(prefix + "attn_q.weight", matrix(HIDDEN, HIDDEN))
    writer.add_tensor(prefix + "attn_k.weight", matrix(KV_HEADS * DIM, HIDDEN).astype(np.float16))
    writer.add_tensor(prefix + "attn_v.weight", matrix(KV_HEADS * DIM, HIDDEN))
    if arch == "qwen2":
        for part, rows in (("q", HIDDEN), ("k", KV_HEADS * DIM), ("v", KV_HEADS * DIM)):
            writer.add_tensor(prefix + f"attn_{part}.bias", random.normal(0, 0.3, rows).astype(np.float32))
    if arch == "qwen3":
        for part in "qk":
            writer.add_tensor(prefix + f"attn_{part}_norm.weight", norm(DIM))
    writer.add_tensor(prefix + "attn_output.weight", matrix(HIDDEN, HIDDEN))
    writer.add_tensor(prefix + "ffn_norm.weight", norm(HIDDEN))
    quantised = gguf.quants.quantize(matrix(INNER, HIDDEN), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor(prefix + "ffn_gate.weight", quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor(prefix + "ffn_up.weight", matrix(INNER, HIDDEN))
    writer.add_tensor(prefix + "ffn_down.weight", matrix(HIDDEN, INNER))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
