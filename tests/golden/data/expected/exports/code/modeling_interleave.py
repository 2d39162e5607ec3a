# SPDX-License-Identifier: GPL-3.0-or-later
"""A hybrid of softmax attention and Gated DeltaNet in plain PyTorch, written by Interleave.

Each layer holds the operator that `config.layer_operators` names: full attention, a sliding window with sinks, Gated
DeltaNet (arXiv 2412.06464), or Gated DeltaNet plus a small exact window over the teacher's own projections.
"""

import torch
import torch.nn.functional as F
from torch import nn
from transformers.generation import GenerationMixin
from transformers.modeling_outputs import (BaseModelOutputWithPast, CausalLMOutputWithPast,
                                           SequenceClassifierOutputWithPast)
from transformers.modeling_utils import PreTrainedModel
from transformers.utils import logging
from transformers.utils.generic import can_return_tuple

from .cache_interleave import InterleaveCache, Places, places_after
from .configuration_interleave import InterleaveConfig
from .operators_interleave import (GatedDeltaNet, HeadProjection, Reach, RMSNorm, SoftmaxAttention, Tokens,
                                   inverse_frequencies, span_of)

logger = logging.get_logger(__name__)
ACTIVATIONS = {"silu": F.silu, "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh")}


# ------------------------------------------------------------------------------------------------ layers


class ScaledEmbedding(nn.Embedding):
    """Embeddings times `scale`, which is rounded as they are (Gemma 3)."""

    def __init__(self, size, width, scale):
        super().__init__(size, width)
        self.scale = scale

    def forward(self, ids):
        x = super().forward(ids)
        return x * torch.tensor(self.scale, dtype=x.dtype, device=x.device)


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
        self.self_attn = SoftmaxAttention(config, layer) if operator != "gdn" else None
        self.linear_attn = GatedDeltaNet(config, layer) if operator in ("gdn", "gdn-window") else None
        self.mlp = MLP(config)
        self.sandwich = config.sandwich_norms
        self.input_layernorm = RMSNorm(config.hidden_size, config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config)
        if self.sandwich:
            self.pre_feedforward_layernorm = RMSNorm(config.hidden_size, config)
            self.post_feedforward_layernorm = RMSNorm(config.hidden_size, config)

    def forward(self, x, tokens, memory=None):
        """x [B, T, D] → the same, and the attention function's weights, where it gives them."""
        mixed, weights, normed = None, None, self.input_layernorm(x)
        if self.self_attn is not None:
            mixed, weights = self.self_attn(normed, tokens, memory)
        if self.linear_attn is not None:
            mixed = self.linear_attn(normed, tokens, memory, window=mixed)
        if not self.sandwich:
            x = x + mixed
            return x + self.mlp(self.post_attention_layernorm(x)), weights
        x = x + self.post_attention_layernorm(mixed)
        return x + self.post_feedforward_layernorm(self.mlp(self.pre_feedforward_layernorm(x))), weights


# ------------------------------------------------------------------------------------------------ what is told of tokens


def real_tokens(attention_mask, seen, x):
    """Which of the new tokens x [B, T, D] are no padding, [B, T], by a mask over those and the `seen` ones before."""
    batch, count = x.shape[:2]
    if attention_mask is None:
        return torch.ones(batch, count, dtype=torch.bool, device=x.device)
    if getattr(attention_mask, "ndim", None) != 2:
        raise ValueError("attention_mask: this model takes one of two dimensions, [batch, tokens], 1 for tokens and 0 for "
                         "padding; documents in one row are told by position_ids, seq_idx or cu_seq_lens_q")
    if attention_mask.shape[1] != seen + count:
        raise ValueError(f"attention_mask: expected [batch, {seen + count}], as {seen} tokens are in the cache and {count} "
                         f"are new; got {tuple(attention_mask.shape)}")
    return attention_mask.to(x.device)[:, -count:] != 0


def document_starts(real, position_ids, counted, seq_idx, cu_seq_lens):
    """Where in a row a document begins that is not its first, [B, T]; None: nowhere. Positions tell it where they begin
    again at 0 and, if no mask was given (`counted`), wherever they do not count on, as elsewhere in `transformers`."""
    starts, count = torch.zeros_like(real), real.shape[1]
    if count == 1 or position_ids is None and seq_idx is None and cu_seq_lens is None:
        return None
    if position_ids is not None:
        position_ids = position_ids.to(real.device)
        starts[:, 1:] |= position_ids.diff(dim=1) != 1 if counted else position_ids[:, 1:] == 0
    if seq_idx is not None:
        starts[:, 1:] |= seq_idx.to(real.device).diff(dim=1) != 0
    if cu_seq_lens is not None:
        if real.shape[0] != 1 or cu_seq_lens[-1] != count:
            raise ValueError(f"cu_seq_lens_q: expected one row, and ends up to its {count} tokens; got a batch of "
                             f"{real.shape[0]} and {cu_seq_lens.tolist()}")
        starts[:, cu_seq_lens[:-1].long()] = True
    starts &= real & (real.long().cumsum(1) > 1)
    return starts if starts.any() else None


# ------------------------------------------------------------------------------------------------ models


class InterleavePreTrainedModel(PreTrainedModel):
    config_class = InterleaveConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["HybridLayer"]
    _skip_keys_device_placement = ["past_key_values"]
    _supports_sdpa = _supports_flash_attn = _supports_flash_attn_2 = _supports_flex_attn = True
    _supports_attention_backend = True
    _supports_cache_class = True  # transformers 4.51

    def __init__(self, config):
        super().__init__(config)
        # A recurrent state cannot be taken back: `generate()` then refuses what needs it.
        self._is_stateful = any(operator in ("gdn", "gdn-window") for operator in config.layer_operators)

    def _init_weights(self, module):
        """Parameters that a checkpoint does not have."""
        if isinstance(module, (nn.Linear, nn.Embedding, HeadProjection)):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, RMSNorm):
            nn.init.constant_(module.weight, 0.0 if module.from_one else 1.0)
        elif isinstance(module, GatedDeltaNet):
            for name, parameter in module.named_parameters(recurse=False):
                nn.init.constant_(parameter, 1.0 if name == "scale" else 0.0)


class InterleaveModel(InterleavePreTrainedModel):
    """The decoder without a head."""

    def __init__(self, config):
        super().__init__(config)
        size = config.vocab_size, config.hidden_size
        self.embed_tokens = (ScaledEmbedding(*size, config.hidden_size**0.5) if config.sandwich_norms
                             else nn.Embedding(*size))
        self.layers = nn.ModuleList(HybridLayer(config, layer) for layer in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config)
        self.gradient_checkpointing = False
        self.post_init()

    def get_input_embeddings(self):
        return self.embed_tokens

    def set_input_embeddings(self, value):
        self.embed_tokens = value

    def rotary(self, position_ids):
        """cos and sin for each base in use."""
        tables = {}
        for local in set(self.config.layer_local_rope):
            frequencies, factor = inverse_frequencies(self.config, local, position_ids.device)
            angles = position_ids[..., None].float() * frequencies
            tables[local] = (angles.cos() * factor, angles.sin() * factor)
        return tables

    def spans(self, new, reach, cache, implementation, dtype):
        """How each kind of softmax layer attends: over all that was seen, or a window."""
        spans, count = {}, new.orders.shape[1]
        for window in {layer.self_attn.window for layer in self.layers if layer.self_attn is not None}:
            held, kept = new, None
            if cache is not None:
                held = cache.places
                if window is not None:
                    slots, kept = cache.remember(window, count)
                    held = held.change(lambda x, slots=slots: x[:, slots])
            spans[window] = span_of(window, implementation, new, held, reach, dtype)._replace(kept=kept)
        return spans

    @can_return_tuple
    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, inputs_embeds=None,
                use_cache=None, output_attentions=None, output_hidden_states=None, seq_idx=None, cu_seq_lens_q=None,
                cu_seq_lens_k=None, **kwargs):
        """Hidden states after the last norm. `attention_mask` [B, tokens seen and new]: 1 token, 0 padding.
        `position_ids` [B, T] turn the rotary embedding. Documents packed in one row see nothing of each other; they are
        told by positions that begin again, by `seq_idx` [B, T] or by `cu_seq_lens_q`."""
        config = self.config
        use_cache = config.use_cache if use_cache is None else use_cache
        output_attentions = config.output_attentions if output_attentions is None else output_attentions
        if output_hidden_states is None:
            output_hidden_states = config.output_hidden_states
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give input_ids or inputs_embeds, one of the two")
        if output_attentions and self._is_stateful:
            raise ValueError("output_attentions: layers with Gated DeltaNet have no attention weights")
        if cu_seq_lens_q is None and cu_seq_lens_k is not None or (
                cu_seq_lens_k is not None and not torch.equal(cu_seq_lens_q, cu_seq_lens_k)):
            raise ValueError("cu_seq_lens_k: queries and keys are the same tokens here, so cu_seq_lens_q must be given "
                             "and equal")
        checkpointing = self.gradient_checkpointing and self.training
        if checkpointing and past_key_values is not None and past_key_values.get_seq_length() > 0:
            raise ValueError("past_key_values: what is seen before does not go with gradient checkpointing")
        if checkpointing and use_cache:
            logger.warning_once("use_cache=True does not go with gradient checkpointing; use_cache=False is taken")

        x = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        cache = None
        if past_key_values is not None and not checkpointing:
            cache = InterleaveCache.of(past_key_values, config)
        elif use_cache and not checkpointing:
            cache = InterleaveCache(config)
        seen = 0 if cache is None else cache.get_seq_length()

        batch, count = x.shape[:2]
        real = real_tokens(attention_mask, seen, x)
        starts = document_starts(real, position_ids, attention_mask is None and seen == 0, seq_idx, cu_seq_lens_q)
        padded = attention_mask is not None and not bool(real.all())
        if seen > 0:
            last = cache.places.last()
        else:
            last = Places(*(torch.full((batch, 1), value, device=x.device) for value in (0, -1)))
        new = places_after(last, real, starts)
        reach = Reach(seen, padded, starts is not None)
        if cache is not None:
            reach = cache.add(new, reach)
        if position_ids is None:
            position_ids = torch.arange(seen, seen + count, device=x.device)[None]
        documents = None
        if starts is not None:
            documents = torch.cat((last.documents, new.documents), 1).cummax(1).values
        implementation = "eager" if output_attentions else config._attn_implementation or "sdpa"
        tokens = Tokens(self.rotary(position_ids.to(x.device).expand(batch, -1)),
                        self.spans(new, reach, cache, implementation, x.dtype), real if padded else None, documents)

        states, weights = [], []
        for index, layer in enumerate(self.layers):
            states.append(x)
            memory = None if cache is None else cache.layers[index]
            if checkpointing:
                x, weight = self._gradient_checkpointing_func(layer.__call__, x, tokens, memory)
            else:
                x, weight = layer(x, tokens, memory)
            weights.append(weight)
        x = self.norm(x)
        return BaseModelOutputWithPast(last_hidden_state=x, past_key_values=cache,
                                       hidden_states=(*states, x) if output_hidden_states else None,
                                       attentions=tuple(weights) if output_attentions else None)


class InterleaveForCausalLM(InterleavePreTrainedModel, GenerationMixin):
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}

    def __init__(self, config):
        super().__init__(config)
        self.model = InterleaveModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def set_input_embeddings(self, value):
        self.model.embed_tokens = value

    def get_output_embeddings(self):
        return self.lm_head

    def set_output_embeddings(self, value):
        self.lm_head = value

    def get_decoder(self):
        return self.model

    @can_return_tuple
    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, inputs_embeds=None,
                labels=None, use_cache=None, output_attentions=None, output_hidden_states=None, logits_to_keep=0, **kwargs):
        """Logits, of the last `logits_to_keep` tokens (0: all) or those that it indexes; with `labels` [B, T] the loss of
        each next token, over `num_items_in_batch` where Trainer gives it. Other arguments are InterleaveModel's."""
        output = self.model(input_ids, attention_mask, position_ids, past_key_values, inputs_embeds, use_cache,
                            output_attentions, output_hidden_states, return_dict=True, **kwargs)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits, loss = self.lm_head(output.last_hidden_state[:, kept]), None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=output.past_key_values,
                                      hidden_states=output.hidden_states, attentions=output.attentions)


class InterleaveForSequenceClassification(InterleavePreTrainedModel):
    """A class for each text, from the last token that is no padding (`config.pad_token_id`)."""

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = InterleaveModel(config)
        self.score = nn.Linear(config.hidden_size, config.num_labels, bias=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def set_input_embeddings(self, value):
        self.model.embed_tokens = value

    @can_return_tuple
    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, inputs_embeds=None,
                labels=None, use_cache=None, output_attentions=None, output_hidden_states=None, **kwargs):
        output = self.model(input_ids, attention_mask, position_ids, past_key_values, inputs_embeds, use_cache,
                            output_attentions, output_hidden_states, return_dict=True, **kwargs)
        logits, padding = self.score(output.last_hidden_state), self.config.pad_token_id
        if padding is None and len(logits) > 1:
            raise ValueError("batches of more than one text need config.pad_token_id, by which their ends are found")
        last = torch.full((len(logits),), logits.shape[1] - 1, device=logits.device)
        if padding is not None and input_ids is not None:
            places = torch.arange(logits.shape[1], device=logits.device)
            last = (places * (input_ids != padding).to(logits.device)).argmax(-1)
        logits, loss = logits[torch.arange(len(logits), device=logits.device), last], None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, pooled_logits=logits, config=self.config)
        return SequenceClassifierOutputWithPast(loss=loss, logits=logits, past_key_values=output.past_key_values,
                                                hidden_states=output.hidden_states, attentions=output.attentions)


# Saved models bring their code along.
InterleaveConfig.register_for_auto_class()
InterleaveModel.register_for_auto_class("AutoModel")
InterleaveForCausalLM.register_for_auto_class("AutoModelForCausalLM")
InterleaveForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
