# SPDX-License-Identifier: GPL-3.0-or-later
"""One DASH step in plain PyTorch, for comparison with `interleave-cli bench`: what a researcher would write today.

The blocks are those of `transformers`; beside each softmax attention stands a Gated DeltaNet with a chunkwise rule in
Python (the WY form, in fp32). Teacher forward, student forward with both operators mixed, KL at every position, and the
gradient of the mixing logits. Nothing else is trained.

    python dash_step.py MODEL_FOLDER [--tokens 512] [--repeats 3] [--autocast]

(`interleave-cli export --model MODEL.gguf --placement all --format hf --out MODEL_FOLDER` makes a folder of a .gguf file)
prints one JSON document: median seconds of a step and of a prefill, tokens/s, peak memory.
"""
import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM


def chunkwise_rule(q, k, v, g, beta, chunk=64):
    """q, k, v [B,H,T,d], g and beta [B,H,T]; arXiv 2412.06464, chunk by chunk."""
    batch, heads, length, dim = q.shape
    q, k, v, g, beta = (x.float() for x in (q, k, v, g, beta))
    pad = -length % chunk
    if pad:
        q, k, v = (F.pad(x, (0, 0, 0, pad)) for x in (q, k, v))
        g, beta = F.pad(g, (0, pad)), F.pad(beta, (0, pad))
    split = lambda x: x.unflatten(2, (-1, chunk))
    q, k, v, g, beta = map(split, (q * dim**-0.5, k, v, g, beta))
    total = g.cumsum(-1)
    upper = torch.triu(torch.ones(chunk, chunk, dtype=torch.bool), 1)
    decay = (total.unsqueeze(-1) - total.unsqueeze(-2)).masked_fill(upper, float("-inf")).exp()
    lower = torch.tril(beta.unsqueeze(-1) * (k @ k.transpose(-1, -2)) * decay, -1)
    inverse = torch.linalg.solve_triangular(
        lower + torch.eye(chunk), torch.eye(chunk).expand_as(lower), upper=False, unitriangular=True)
    u = inverse @ (beta.unsqueeze(-1) * v)
    w = inverse @ ((beta * total.exp()).unsqueeze(-1) * k)
    scores = q @ k.transpose(-1, -2) * decay
    state = q.new_zeros(batch, heads, dim, dim)
    outputs = []
    for i in range(q.shape[2]):
        new = u[:, :, i] - w[:, :, i] @ state
        outputs.append((q[:, :, i] * total[:, :, i].exp().unsqueeze(-1)) @ state + scores[:, :, i] @ new)
        last = total[:, :, i, -1:]
        state = state * last.unsqueeze(-1).exp() + (k[:, :, i] * (last - total[:, :, i]).exp().unsqueeze(-1)).transpose(-1, -2) @ new
    return torch.cat(outputs, 2)[:, :, :length]


class GatedDeltaNet(torch.nn.Module):
    """The conversion form without a window, weights copied from the teacher, frozen."""

    def __init__(self, attention, heads, kv_heads, dim):
        super().__init__()
        self.heads, self.dim = heads, dim
        repeat = lambda w: w.unflatten(0, (kv_heads, dim)).repeat_interleave(heads // kv_heads, 0).flatten(0, 1)
        hidden = attention.q_proj.weight.shape[1]
        self.q, self.k, self.v, self.o = (attention.q_proj.weight, repeat(attention.k_proj.weight),
                                          repeat(attention.v_proj.weight), attention.o_proj.weight)
        self.gate = torch.zeros(heads * dim, hidden)
        self.a, self.b = torch.zeros(heads, hidden), torch.zeros(heads, hidden)

    def forward(self, x):
        by_head = lambda y: y.unflatten(-1, (self.heads, self.dim)).transpose(1, 2)
        q = F.normalize(by_head(F.silu(F.linear(x, self.q))).float(), dim=-1)
        k = F.normalize(by_head(F.silu(F.linear(x, self.k))).float(), dim=-1)
        v = by_head(F.linear(x, self.v))
        g = -F.softplus(F.linear(x, self.a).float() - 3).transpose(1, 2)
        beta = F.linear(x, self.b).float().sigmoid().transpose(1, 2)
        out = chunkwise_rule(q, k, v, g, beta).transpose(1, 2).flatten(2)
        return F.linear(out.to(x.dtype) * 2 * F.linear(x, self.gate).sigmoid(), self.o)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--autocast", action="store_true")
    arguments = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    config = model.config
    dim = config.hidden_size // config.num_attention_heads
    linear = [GatedDeltaNet(layer.self_attn, config.num_attention_heads, config.num_key_value_heads, dim)
              for layer in model.model.layers]
    logits = torch.zeros(config.num_hidden_layers, 2, requires_grad=True)
    ids = torch.randint(config.vocab_size, (1, arguments.tokens), generator=torch.Generator().manual_seed(1))

    def student():
        trunk = model.model
        x = trunk.embed_tokens(ids)
        position = trunk.rotary_emb(x, torch.arange(arguments.tokens).unsqueeze(0))
        p = logits.softmax(-1)
        for i, layer in enumerate(trunk.layers):
            normed = layer.input_layernorm(x)
            full = layer.self_attn(normed, position_embeddings=position, attention_mask=None)[0]
            x = x + p[i, 0] * full + p[i, 1] * linear[i](normed)
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        return model.lm_head(trunk.norm(x))

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.autocast):
            with torch.no_grad():
                target = model(ids, use_cache=False).logits.float().log_softmax(-1)
            found = student().float().log_softmax(-1)
            loss = F.kl_div(found, target, log_target=True, reduction="batchmean") / arguments.tokens
        torch.autograd.grad(loss, [logits])

    def prefill():
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=arguments.autocast):
            model(ids, use_cache=False)

    def median(work):
        work()
        seconds = []
        for _ in range(arguments.repeats):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
        return statistics.median(seconds)

    prefill_seconds, step_seconds = median(prefill), median(step)
    print(json.dumps({"tokens": arguments.tokens, "precision": "bf16 autocast" if arguments.autocast else "fp32",
                      "threads": torch.get_num_threads(), "torch": torch.__version__,
                      "prefill_seconds": prefill_seconds, "prefill_tokens_per_second": arguments.tokens / prefill_seconds,
                      "step_seconds": step_seconds, "step_tokens_per_second": arguments.tokens / step_seconds,
                      "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
