# SPDX-License-Identifier: GPL-3.0-or-later
"""A hybrid of softmax attention and Gated DeltaNet in plain PyTorch, written by Interleave.

Each layer holds the operator that `config.layer_operators` names: full attention, a sliding window with sinks, Gated
DeltaNet (arXiv 2412.06464), or Gated DeltaNet plus a small exact window over the teacher's own projections.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from transformers.generation import GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.modeling_utils import PreTrainedModel

from .configuration_interleave import InterleaveConfig

CHUNK = 64
ACTIVATIONS = {"silu": F.silu, "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh")}


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


# ------------------------------------------------------------------------------------------------ gated delta rule


def delta_rule_step(q, k, v, g, beta, state):
    """One token, from state S [B, H, d, d]: S ← e^g S; u = β (v − Sᵀk); S ← S + k uᵀ; o = Sᵀq."""
    q, k, v, g, beta = (x[:, :, 0] for x in (q, k, v, g, beta))
    state = state * g.exp()[..., None, None]
    u = beta[..., None] * (v - torch.einsum("bhkv,bhk->bhv", state, k))
    state = state + k[..., None] * u[..., None, :]
    return torch.einsum("bhkv,bhk->bhv", state, q).unsqueeze(2), state


def delta_rule_chunks(q, k, v, g, beta, state):
    """The same rule over a sequence, chunk by chunk: q, k, v [B, H, T, d]; g, β [B, H, T]."""
    tokens, padding = q.shape[2], -q.shape[2] % CHUNK

    def split(x):  # padded with zeros: where β = 0 and g = 0 nothing happens
        return F.pad(x, (0, 0, 0, padding)).unflatten(2, (-1, CHUNK))

    Q, K, V, b = split(q), split(k), split(v), split(beta[..., None])
    gamma = split(g[..., None]).cumsum(-2)
    above = torch.ones(CHUNK, CHUNK, dtype=torch.bool, device=q.device).triu(1)
    decay = (gamma - gamma.transpose(-1, -2)).masked_fill(above, -torch.inf).exp()
    A = (b * (K @ K.transpose(-1, -2)) * decay).tril(-1)
    eye = torch.eye(CHUNK, dtype=A.dtype, device=A.device)
    solved = torch.linalg.solve_triangular(eye + A, torch.cat((b * V, b * gamma.exp() * K), -1), upper=False,
                                           unitriangular=True)
    U, W = solved.split((V.shape[-1], K.shape[-1]), dim=-1)
    P = (Q @ K.transpose(-1, -2)) * decay
    last = gamma[..., -1:, :]
    Q_decayed, K_decayed, last_decay = gamma.exp() * Q, (last - gamma).exp() * K, last.exp()
    outs = []
    for c in range(Q.shape[2]):
        V_new = U[:, :, c] - W[:, :, c] @ state
        outs.append(Q_decayed[:, :, c] @ state + P[:, :, c] @ V_new)
        state = last_decay[:, :, c] * state + K_decayed[:, :, c].transpose(-1, -2) @ V_new
    return torch.cat(outs, 2)[:, :, :tokens], state


# ------------------------------------------------------------------------------------------------ cache


class LayerMemory:
    """What a layer keeps between calls: keys, values and positions of softmax attention, and a recurrent state."""

    def __init__(self):
        self.keys = self.values = self.positions = self.state = None

    def extend(self, keys, values, positions):
        """Adds new tokens; returns all that is kept."""
        if self.keys is not None:
            keys = torch.cat((self.keys, keys), dim=2)
            values = torch.cat((self.values, values), dim=2)
            positions = torch.cat((self.positions, positions), dim=1)
        self.keys, self.values, self.positions = keys, values, positions
        return keys, values, positions

    def trim(self, window, sinks):
        """Forgets what no later token of any row sees."""
        newest = self.positions.amax(dim=1, keepdim=True)
        seen_later = (self.positions > newest - window) | (self.positions < sinks)
        useful = (seen_later & (self.positions >= 0)).any(dim=0)
        self.keys, self.values = self.keys[:, :, useful], self.values[:, :, useful]
        self.positions = self.positions[:, useful]

    def apply(self, change):
        for name, value in vars(self).items():
            if value is not None:
                setattr(self, name, change(value))


class HybridCache:
    """The memories of all layers, for `generate()`."""

    is_compileable = False

    def __init__(self, layers):
        self.seen = 0
        self.layers = [LayerMemory() for _ in range(layers)]

    def get_seq_length(self, layer_idx=0):
        return self.seen

    def reorder_cache(self, beam_idx):
        for layer in self.layers:
            layer.apply(lambda value: value.index_select(0, beam_idx.to(value.device)))


# ------------------------------------------------------------------------------------------------ layers


class Tokens(NamedTuple):
    """What every layer needs to know of the tokens at hand."""

    positions: torch.Tensor  # [B, T]; −1: padding
    rotary: dict  # local base or not → (cos, sin), each [B, T, d/2]


class RMSNorm(nn.Module):
    def __init__(self, size, config):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size) if config.sandwich_norms else torch.ones(size))
        self.epsilon, self.from_one = config.rms_norm_eps, config.sandwich_norms

    def forward(self, x):
        wide, factor = x.float(), self.weight.float() + (1 if self.from_one else 0)
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.epsilon) * factor).to(x.dtype)


class SoftmaxAttention(nn.Module):
    """Attention with the teacher's weights over all tokens, or the last W and the first S. Without an output projection
    it is the window branch of a Gated DeltaNet."""

    def __init__(self, config, layer):
        super().__init__()
        heads, kv_heads, dim, hidden = (config.num_attention_heads, config.num_key_value_heads, config.head_dim,
                                        config.hidden_size)
        self.head_dim, self.groups, self.scale = dim, heads // kv_heads, config.attention_scale
        self.window, self.local = config.layer_windows[layer], config.layer_local_rope[layer]
        self.q_proj = nn.Linear(hidden, heads * dim, bias=config.attention_bias)
        self.k_proj = nn.Linear(hidden, kv_heads * dim, bias=config.attention_bias)
        self.v_proj = nn.Linear(hidden, kv_heads * dim, bias=config.attention_bias)
        self.q_norm = RMSNorm(dim, config) if config.qk_norm else nn.Identity()
        self.k_norm = RMSNorm(dim, config) if config.qk_norm else nn.Identity()
        if config.layer_operators[layer] in ("full", "swa"):
            self.o_proj = nn.Linear(heads * dim, hidden, bias=config.output_bias)

    def visible(self, queries, keys):
        """Which keys a query sees, by position, [B, 1, T, N]. Padding is seen by padding alone."""
        i, j = queries[:, None, :, None], keys[:, None, None, :]
        band = (j >= 0) & (j <= i)
        if self.window is not None:
            band &= (i - j < self.window[0]) | (j < self.window[1])
        return band | (i < 0)

    def context(self, x, tokens, memory):
        """[B, T, D] → [B, T, H·d], before the output projection."""

        def heads(projection, norm):
            return norm(projection(x).unflatten(-1, (-1, self.head_dim))).transpose(1, 2)

        cos, sin = tokens.rotary[self.local]
        q, k = rotate(heads(self.q_proj, self.q_norm), cos, sin), rotate(heads(self.k_proj, self.k_norm), cos, sin)
        v, positions = heads(self.v_proj, nn.Identity()), tokens.positions
        if memory is not None:
            k, v, positions = memory.extend(k, v, positions)
        if memory is not None and self.window is not None:
            memory.trim(*self.window)
        k, v = (y.repeat_interleave(self.groups, dim=1) for y in (k, v))
        mask = self.visible(tokens.positions, positions)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=self.scale)
        return out.transpose(1, 2).flatten(2)

    def forward(self, x, tokens, memory):
        return self.o_proj(self.context(x, tokens, memory))


class GatedDeltaNet(nn.Module):
    """y = W_o (s · o · 2σ(W_g x) [+ 2σ(W_c x + c) · window]) with o the gated delta rule of q, k = SiLU(W x), L2-normalised, v = W_v x,
    g = −e^A softplus(W_a x + dt_bias) and β = σ(W_b x + b_bias); no rotary embedding, no convolution."""

    def __init__(self, config, layer):
        super().__init__()
        heads, dim, hidden = config.num_attention_heads, config.head_dim, config.hidden_size
        self.head_dim = dim
        self.q_proj = nn.Linear(hidden, heads * dim, bias=config.attention_bias)
        self.k_proj = nn.Linear(hidden, heads * dim, bias=config.attention_bias)
        self.v_proj = nn.Linear(hidden, heads * dim, bias=config.attention_bias)
        self.g_proj = nn.Linear(hidden, heads * dim, bias=False)
        self.a_proj = nn.Linear(hidden, heads, bias=False)
        self.b_proj = nn.Linear(hidden, heads, bias=False)
        self.dt_bias = nn.Parameter(torch.zeros(heads))
        self.b_bias = nn.Parameter(torch.zeros(heads))
        self.A_log = nn.Parameter(torch.zeros(heads))
        self.scale = nn.Parameter(torch.ones(heads))
        if config.layer_operators[layer] == "gdn-window":
            self.c_proj = nn.Linear(hidden, heads, bias=False)
            self.c_bias = nn.Parameter(torch.zeros(heads))
        self.o_proj = nn.Linear(heads * dim, hidden, bias=config.output_bias)

    def recurrent(self, x, tokens, memory):
        def heads(projected):
            return projected.unflatten(-1, (-1, self.head_dim)).transpose(1, 2).float()

        def unit(y):
            return y * torch.rsqrt(y.square().sum(-1, keepdim=True) + 1e-6)

        q, k = unit(heads(F.silu(self.q_proj(x)))) * self.head_dim**-0.5, unit(heads(F.silu(self.k_proj(x))))
        v = heads(self.v_proj(x))
        g = -self.A_log.float().exp() * F.softplus(self.a_proj(x).float() + self.dt_bias.float())
        beta = torch.sigmoid(self.b_proj(x).float() + self.b_bias.float())
        real = (tokens.positions >= 0)[..., None]  # padding neither decays nor writes
        g, beta = ((y * real).transpose(1, 2) for y in (g, beta))

        if memory is not None and memory.state is not None:
            state = memory.state
        else:
            state = q.new_zeros(q.shape[0], q.shape[1], self.head_dim, self.head_dim)
        rule = delta_rule_step if q.shape[2] == 1 else delta_rule_chunks
        out, state = rule(q, k, v, g, beta, state)
        if memory is not None:
            memory.state = state
        gate = torch.sigmoid(self.g_proj(x)).unflatten(-1, (-1, self.head_dim))
        return (out.transpose(1, 2).to(x.dtype) * (gate * (2 * self.scale).to(x.dtype)[:, None])).flatten(2)

    def forward(self, x, tokens, memory, window=None):
        out = self.recurrent(x, tokens, memory)
        if window is not None:
            share = 2 * torch.sigmoid(self.c_proj(x).float() + self.c_bias.float())
            out = out + (window.unflatten(-1, (-1, self.head_dim)) * share.to(window.dtype)[..., None]).flatten(2)
        return self.o_proj(out)


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.mlp_bias)
        self.activation = ACTIVATIONS[config.hidden_act]

    def forward(self, x):
        return self.down_proj(self.activation(self.gate_proj(x)) * self.up_proj(x))


class HybridLayer(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        operator = config.layer_operators[layer]
        if operator not in ("full", "swa", "gdn", "gdn-window"):
            raise ValueError(f"layer {layer}: unknown operator {operator!r}")
        self.self_attn = SoftmaxAttention(config, layer) if operator != "gdn" else None
        self.linear_attn = GatedDeltaNet(config, layer) if operator in ("gdn", "gdn-window") else None
        self.mlp = MLP(config)
        self.sandwich = config.sandwich_norms
        self.input_layernorm = RMSNorm(config.hidden_size, config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config)
        if self.sandwich:
            self.pre_feedforward_layernorm = RMSNorm(config.hidden_size, config)
            self.post_feedforward_layernorm = RMSNorm(config.hidden_size, config)

    def mix(self, x, tokens, memory):
        if self.linear_attn is None:
            return self.self_attn(x, tokens, memory)
        window = None if self.self_attn is None else self.self_attn.context(x, tokens, memory)
        return self.linear_attn(x, tokens, memory, window)

    def forward(self, x, tokens, memory):
        mixed = self.mix(self.input_layernorm(x), tokens, memory)
        if not self.sandwich:
            x = x + mixed
            return x + self.mlp(self.post_attention_layernorm(x))
        x = x + self.post_attention_layernorm(mixed)
        return x + self.post_feedforward_layernorm(self.mlp(self.pre_feedforward_layernorm(x)))


class InterleaveModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(HybridLayer(config, layer) for layer in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config)

    def rotary(self, positions):
        """cos and sin for each base in use."""
        tables = {}
        for local in set(self.config.layer_local_rope):
            frequencies, factor = inverse_frequencies(self.config, local, positions.device)
            angles = positions.clamp(min=0)[..., None].float() * frequencies
            tables[local] = (angles.cos() * factor, angles.sin() * factor)
        return tables

    def forward(self, x, positions, cache):
        if self.config.sandwich_norms:
            x = x * torch.tensor(self.config.hidden_size**0.5, dtype=x.dtype, device=x.device)
        tokens = Tokens(positions, self.rotary(positions))
        for index, layer in enumerate(self.layers):
            x = layer(x, tokens, None if cache is None else cache.layers[index])
        return self.norm(x)


class InterleaveForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = InterleaveConfig
    base_model_prefix = "model"
    _no_split_modules = ["HybridLayer"]
    _supports_sdpa = True

    def __init__(self, config):
        super().__init__(config)
        self.model = InterleaveModel(config)
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def set_input_embeddings(self, value):
        self.model.embed_tokens = value

    def get_output_embeddings(self):
        return None if self.config.tie_word_embeddings else self.lm_head

    def set_output_embeddings(self, value):
        self.lm_head = value

    @classmethod
    def _supports_default_dynamic_cache(cls):
        return False  # forward() makes a HybridCache

    def prepare_inputs_for_generation(self, input_ids, past_key_values=None, attention_mask=None, use_cache=True,
                                      **kwargs):
        inputs_embeds = kwargs.get("inputs_embeds")
        inputs = {"attention_mask": attention_mask, "past_key_values": past_key_values, "use_cache": use_cache}
        if inputs_embeds is not None and past_key_values is None:
            return {**inputs, "inputs_embeds": inputs_embeds}
        if past_key_values is not None:
            length = input_ids.shape[1] if attention_mask is None else attention_mask.shape[1]
            input_ids = input_ids[:, past_key_values.get_seq_length() - length:]
        return {**inputs, "input_ids": input_ids}

    @staticmethod
    def positions(attention_mask, seen, batch, count, device):
        """Positions [B, T] of the new tokens: counted from each row's first real token; −1 is padding."""
        if attention_mask is None:
            return torch.arange(seen, seen + count, device=device).expand(batch, count)
        if attention_mask.dim() != 2 or attention_mask.shape[1] != seen + count:
            raise ValueError(f"expected an attention mask [batch, {seen + count}], got {tuple(attention_mask.shape)}")
        real = attention_mask.to(device) != 0
        return (real.cumsum(-1) - 1).masked_fill(~real, -1)[:, -count:]

    def forward(self, input_ids=None, attention_mask=None, past_key_values=None, inputs_embeds=None, labels=None,
                use_cache=None, logits_to_keep=0, return_dict=None, **kwargs):
        """Logits of a causal language model; positions follow from the attention mask (1: token, 0: padding)."""
        x = self.model.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        use_cache = self.config.use_cache if use_cache is None else use_cache
        cache = past_key_values
        if cache is None and use_cache and not torch.is_grad_enabled():
            cache = HybridCache(self.config.num_hidden_layers)
        seen = 0 if cache is None else cache.seen
        hidden = self.model(x, self.positions(attention_mask, seen, *x.shape[:2], x.device), cache)
        if cache is not None:
            cache.seen += x.shape[1]
        kept = hidden[:, -logits_to_keep:] if isinstance(logits_to_keep, int) else hidden[:, logits_to_keep]
        head = self.model.embed_tokens.weight if self.config.tie_word_embeddings else self.lm_head.weight
        logits = F.linear(kept, head)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten().to(logits.device))
        output = CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=cache)
        return output.to_tuple() if return_dict is False else output
