# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators of a hybrid in plain PyTorch: softmax attention over all tokens or in a window, and Gated DeltaNet
(arXiv 2412.06464)."""

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

CHUNK = 64


class Tokens(NamedTuple):
    """What every layer needs to know of the tokens at hand."""

    rotary: dict  # local base or not → (cos, sin), each [B, T, d/2]
    spans: dict  # window or None → Span
    real: Any  # [B, T], False for padding; None: there is none
    documents: Any  # [B, 1 + T]: the document of the token before, and those of the tokens; None: all are one


class RMSNorm(nn.Module):
    def __init__(self, size, config):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size) if config.sandwich_norms else torch.ones(size))
        self.epsilon, self.from_one = config.rms_norm_eps, config.sandwich_norms

    def forward(self, x):
        wide, factor = x.float(), self.weight.float() + (1 if self.from_one else 0)
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.epsilon) * factor).to(x.dtype)


# ------------------------------------------------------------------------------------------------ rotary embedding


def inverse_frequencies(config, local, device):
    """The inverse frequencies of a layer's base, and the factor on cos and sin."""
    rope, dim = config.rope, config.head_dim
    theta = rope["local_theta"] if local else rope["theta"]
    powers = theta ** (torch.arange(0, dim, 2, dtype=torch.int64, device=device).float() / dim)
    plain, scaling = 1.0 / powers, rope["scaling"] or {"rope_type": "default"}
    if local:
        return plain, 1.0
    frequencies, factor, kind = plain, 1.0, scaling["rope_type"]
    if kind == "linear":
        frequencies = plain / scaling["factor"]
    elif kind == "llama3":
        frequencies = llama3_frequencies(plain, scaling)
    elif kind == "yarn":
        frequencies, factor = yarn_frequencies(powers, scaling, theta, dim), yarn_attention_factor(scaling)
    elif kind != "default":
        raise ValueError(f"unknown rope_type {kind!r}")
    if rope["factors"] is not None:
        frequencies = frequencies / torch.tensor(rope["factors"], dtype=torch.float32, device=device)
    return frequencies, factor


def llama3_frequencies(plain, scaling):
    """Long waves are stretched, short ones kept, those between interpolated."""
    wavelength, length = 2 * math.pi / plain, scaling["original_max_position_embeddings"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    smooth = (length / wavelength - low) / (high - low)
    between = (1 - smooth) * plain / scaling["factor"] + smooth * plain
    short_kept = torch.where(wavelength < length / high, plain, between)
    return torch.where(wavelength > length / low, plain / scaling["factor"], short_kept)


def yarn_frequencies(powers, scaling, theta, dim):
    """YaRN (arXiv 2309.00071): a ramp over the dimensions from the plain to the interpolated frequencies."""

    def dimension_of(rotations):
        length = scaling["original_max_position_embeddings"]
        return dim * math.log(length / (rotations * 2 * math.pi)) / (2 * math.log(theta))

    low, high = dimension_of(scaling["beta_fast"]), dimension_of(scaling["beta_slow"])
    if scaling["truncate"]:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    if low == high:
        high += 0.001
    steps = torch.arange(dim // 2, dtype=torch.float32, device=powers.device)
    ramp = ((steps - low) / (high - low)).clamp(0, 1)
    return ramp / (scaling["factor"] * powers) + (1 - ramp) / powers


def yarn_attention_factor(scaling):
    def scale(mscale):
        return 1.0 if scaling["factor"] <= 1 else 0.1 * mscale * math.log(scaling["factor"]) + 1.0

    if scaling.get("attention_factor"):
        return scaling["attention_factor"]
    if scaling.get("mscale") and scaling.get("mscale_all_dim"):
        return scale(scaling["mscale"]) / scale(scaling["mscale_all_dim"])
    return scale(1.0)


def rotate(x, cos, sin):
    """GPT-NeoX form on x [B, H, T, d]; cos and sin are [B, T, d/2]."""
    a, b = x.float().chunk(2, dim=-1)
    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1).to(x.dtype)


# ------------------------------------------------------------------------------------------------ softmax attention


class Span(NamedTuple):
    """What the layers of one window hand to the attention function of this call."""

    implementation: str
    mask: Any = None  # in the form that the implementation takes
    options: dict = {}
    kept: Any = None  # which keys are remembered, as an index; None: all


class Reach(NamedTuple):
    """What is known of the tokens of a call and of those before them, without looking at each."""

    before: int  # how many were seen before
    padded: bool
    packed: bool  # more than one document stands in a row


def span_of(window, implementation, queries, keys, reach, dtype):
    """How tokens at the places `queries` attend to those at `keys`, of which they are the last."""
    count, plain = queries.orders.shape[1], not (reach.padded or reach.packed)
    if window is not None and reach.before + count <= window[0]:
        window = None  # it reaches over all there is
    if "flash" in implementation:
        sinks, restarted = window is not None and window[1] > 0, reach.packed and reach.before > 0
        if not (sinks or restarted or reach.packed and reach.padded):
            options = {} if window is None else {"sliding_window": window[0]}
            if reach.packed:
                return Span(implementation, options={**options, **varlen(queries)})
            return Span(implementation, (keys.documents >= 0).long() if reach.padded else None, options)
        implementation = "sdpa"  # what FlashAttention cannot say, a mask can
    if implementation == "sdpa" and plain and window is None and (reach.before == 0 or count == 1):
        return Span(implementation)  # causal without a mask
    if implementation == "flex_attention":
        return Span(implementation, block_mask(queries, keys, window))
    if plain:  # all rows are alike
        queries, keys = queries.change(lambda x: x[:1]), keys.change(lambda x: x[:1])
    mask = visible(queries, keys, window)
    if implementation != "sdpa":  # eager, and functions that others register
        mask = torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, torch.finfo(dtype).min)
    return Span(implementation, mask)


def visible(queries, keys, window):
    """Which keys a query sees, [B, 1, T, N]: those of its document, not after it, in the window. Padding sees padding."""
    d, i = (x[:, None, :, None] for x in queries)
    e, j = (x[:, None, None, :] for x in keys)
    seen = (d == e) & (j <= i)
    return seen if window is None else seen & ((i - j < window[0]) | (j < window[1]))


def varlen(places):
    """FlashAttention's arguments for packed documents: where each begins in the batch laid flat."""
    flat = places.orders.flatten()
    begins = F.pad((flat == 0).nonzero()[:, 0], (0, 1), value=len(flat)).int()
    longest = int(begins.diff().max())
    return {"position_ids": places.orders, "cu_seq_lens_q": begins, "cu_seq_lens_k": begins,
            "max_length_q": longest, "max_length_k": longest}


def block_mask(queries, keys, window):
    """The same for flex_attention."""
    from torch.nn.attention.flex_attention import create_block_mask

    (d, i), (e, j) = queries, keys

    def sees(b, h, q, k):
        seen = (d[b, q] == e[b, k]) & (j[b, k] <= i[b, q])
        return seen if window is None else seen & ((i[b, q] - j[b, k] < window[0]) | (j[b, k] < window[1]))

    return create_block_mask(sees, len(d), None, d.shape[1], e.shape[1], device=d.device)


def eager_attention_forward(module, query, key, value, attention_mask, scaling, dropout=0.0, **kwargs):
    """The attention function "eager", which gives the weights as well."""
    key, value = (x.repeat_interleave(module.num_key_value_groups, dim=1) for x in (key, value))
    scores = query @ key.transpose(-1, -2) * scaling + attention_mask
    weights = F.dropout(scores.softmax(-1, dtype=torch.float32).to(query.dtype), dropout, module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


class SoftmaxAttention(nn.Module):
    """Attention with the teacher's weights over all tokens, or the last W and the first S. Without an output projection
    it is the window branch of a Gated DeltaNet."""

    is_causal = True

    def __init__(self, config, layer):
        super().__init__()
        heads, kv_heads, dim, hidden = (config.num_attention_heads, config.num_key_value_heads, config.head_dim,
                                        config.hidden_size)
        self.config, self.layer_idx, self.head_dim = config, layer, dim
        self.num_key_value_groups, self.scaling = heads // kv_heads, config.attention_scale
        self.window, self.local = config.window_of(layer), config.layer_local_rope[layer]
        self.q_proj = nn.Linear(hidden, heads * dim, bias=config.attention_bias)
        self.k_proj = nn.Linear(hidden, kv_heads * dim, bias=config.attention_bias)
        self.v_proj = nn.Linear(hidden, kv_heads * dim, bias=config.attention_bias)
        self.q_norm = RMSNorm(dim, config) if config.qk_norm else None
        self.k_norm = RMSNorm(dim, config) if config.qk_norm else None
        whole = config.layer_operators[layer] in ("full", "swa")
        self.o_proj = nn.Linear(heads * dim, hidden, bias=config.output_bias) if whole else None

    def forward(self, x, tokens, memory):
        """[B, T, D] → [B, T, D], or [B, T, H·d] without an output projection; and the weights, where the function gives
        them."""

        def heads(projected, norm=None):
            projected = projected.unflatten(-1, (-1, self.head_dim))
            return (projected if norm is None else norm(projected)).transpose(1, 2)

        (cos, sin), span = tokens.rotary[self.local], tokens.spans[self.window]
        q = rotate(heads(self.q_proj(x), self.q_norm), cos, sin)
        k = rotate(heads(self.k_proj(x), self.k_norm), cos, sin)
        v = heads(self.v_proj(x))
        if memory is not None:
            k, v = memory.extend(k, v, span.kept)
        eager = span.implementation == "eager"
        attend = eager_attention_forward if eager else ALL_ATTENTION_FUNCTIONS[span.implementation]
        out, weights = attend(self, q, k, v, span.mask, scaling=self.scaling, dropout=0.0, **span.options)
        out = out.flatten(2)
        return out if self.o_proj is None else self.o_proj(out), weights


# ------------------------------------------------------------------------------------------------ gated DeltaNet


def delta_rule_step(q, k, v, g, beta, state):
    """One token, from state S [B, H, d, d]: S ← e^g S; u = β (v − Sᵀk); S ← S + k uᵀ; o = Sᵀq."""
    q, k, v, g, beta = (x[:, :, 0] for x in (q, k, v, g, beta))
    state = state * g.exp()[..., None, None]
    u = beta[..., None] * (v - torch.einsum("bhkv,bhk->bhv", state, k))
    state = state + k[..., None] * u[..., None, :]
    return torch.einsum("bhkv,bhk->bhv", state, q).unsqueeze(2), state


def delta_rule_chunks(q, k, v, g, beta, state, documents=None):
    """The same rule over a sequence, chunk by chunk: q, k, v [B, H, T, d]; g, β [B, H, T]. Where `documents` [B, 1 + T]
    changes, the state begins anew."""
    tokens, padding = q.shape[2], -q.shape[2] % CHUNK

    def split(x):  # padded with zeros: where β = 0 and g = 0 nothing happens
        return F.pad(x, (0, 0, 0, padding)).unflatten(2, (-1, CHUNK))

    Q, K, V, b = split(q), split(k), split(v), split(beta[..., None])
    gamma = split(g[..., None]).cumsum(-2)
    above = torch.ones(CHUNK, CHUNK, dtype=torch.bool, device=q.device).triu(1)
    decay = (gamma - gamma.transpose(-1, -2)).masked_fill(above, -torch.inf).exp()  # from each token to each later one,
    last = gamma[..., -1:, :]
    since_start, until_end, across = gamma.exp(), (last - gamma).exp(), last.exp()  # within and over the chunk
    if documents is not None:
        d = torch.cat((documents[:, 1:], documents[:, -1:].expand(-1, padding)), 1).unflatten(1, (-1, CHUNK))[:, None]
        d, ends = d[..., None], d[..., -1:, None]
        before = torch.cat((documents[:, None, :1, None, None], ends[:, :, :-1]), 2)
        decay, since_start = decay * (d == d.transpose(-1, -2)), since_start * (d == before)
        until_end, across = until_end * (d == ends), across * (ends == before)
    A = (b * (K @ K.transpose(-1, -2)) * decay).tril(-1)
    eye = torch.eye(CHUNK, dtype=A.dtype, device=A.device)
    solved = torch.linalg.solve_triangular(eye + A, torch.cat((b * V, b * since_start * K), -1), upper=False,
                                           unitriangular=True)
    U, W = solved.split((V.shape[-1], K.shape[-1]), dim=-1)
    P = (Q @ K.transpose(-1, -2)) * decay
    Q_decayed, K_decayed = since_start * Q, until_end * K
    outs = []
    for c in range(Q.shape[2]):
        V_new = U[:, :, c] - W[:, :, c] @ state
        outs.append(Q_decayed[:, :, c] @ state + P[:, :, c] @ V_new)
        state = across[:, :, c] * state + K_decayed[:, :, c].transpose(-1, -2) @ V_new
    return torch.cat(outs, 2)[:, :, :tokens], state


class HeadProjection(nn.Module):
    """A number for each head. It is no nn.Linear, so that quantisation, which needs wider matrices, leaves it alone."""

    def __init__(self, hidden, heads):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(heads, hidden))

    def forward(self, x):
        return F.linear(x, self.weight)


class GatedDeltaNet(nn.Module):
    """y = W_o (s · o · 2σ(W_g x) [+ 2σ(W_c x + c) · window]) with o the gated delta rule of q, k = SiLU(W x), L2-normalised, v = W_v x,
    g = −e^A softplus(W_a x + dt_bias) and β = σ(W_b x + b_bias); no rotary embedding, no convolution. The rule and its
    state are fp32."""

    def __init__(self, config, layer):
        super().__init__()
        heads, dim, hidden = config.num_attention_heads, config.head_dim, config.hidden_size
        self.head_dim = dim
        self.q_proj = nn.Linear(hidden, heads * dim, bias=config.attention_bias)
        self.k_proj = nn.Linear(hidden, heads * dim, bias=config.attention_bias)
        self.v_proj = nn.Linear(hidden, heads * dim, bias=config.attention_bias)
        self.g_proj = nn.Linear(hidden, heads * dim, bias=False)
        self.a_proj = HeadProjection(hidden, heads)
        self.b_proj = HeadProjection(hidden, heads)
        self.dt_bias = nn.Parameter(torch.zeros(heads))
        self.b_bias = nn.Parameter(torch.zeros(heads))
        self.A_log = nn.Parameter(torch.zeros(heads))
        self.scale = nn.Parameter(torch.ones(heads))
        if config.layer_operators[layer] == "gdn-window":
            self.c_proj = HeadProjection(hidden, heads)
            self.c_bias = nn.Parameter(torch.zeros(heads))
        self.o_proj = nn.Linear(heads * dim, hidden, bias=config.output_bias)

    def recurrent(self, x, tokens, memory):
        """o of all tokens, [B, T, H, d], in fp32."""

        def heads(projected):
            return projected.unflatten(-1, (-1, self.head_dim)).transpose(1, 2).float()

        def unit(y):
            return y * torch.rsqrt(y.square().sum(-1, keepdim=True) + 1e-6)

        q, k = unit(heads(F.silu(self.q_proj(x)))) * self.head_dim**-0.5, unit(heads(F.silu(self.k_proj(x))))
        v = heads(self.v_proj(x))
        g = -self.A_log.float().exp() * F.softplus(self.a_proj(x).float() + self.dt_bias.float())
        beta = torch.sigmoid(self.b_proj(x).float() + self.b_bias.float())
        if tokens.real is not None:  # padding neither decays nor writes
            g, beta = g * tokens.real[..., None], beta * tokens.real[..., None]
        g, beta = g.transpose(1, 2), beta.transpose(1, 2)

        state = None if memory is None else memory.state
        if state is None:
            state = q.new_zeros(q.shape[0], q.shape[1], self.head_dim, self.head_dim)
        with torch.autocast(x.device.type, enabled=False):
            if q.shape[2] == 1:
                out, state = delta_rule_step(q, k, v, g, beta, state)
            else:
                out, state = delta_rule_chunks(q, k, v, g, beta, state, tokens.documents)
        if memory is not None:
            memory.state = state
        return out.transpose(1, 2)

    def forward(self, x, tokens, memory, window=None):
        gate = torch.sigmoid(self.g_proj(x)).unflatten(-1, (-1, self.head_dim))
        out = self.recurrent(x, tokens, memory).to(gate.dtype) * (gate * (2 * self.scale).to(gate.dtype)[:, None])
        if window is not None:
            share = 2 * torch.sigmoid(self.c_proj(x).float() + self.c_bias.float())
            out = out + window.unflatten(-1, (-1, self.head_dim)) * share.to(window.dtype)[..., None]
        return self.o_proj(out.flatten(2))
