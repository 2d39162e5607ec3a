# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration of a hybrid of softmax attention and Gated DeltaNet, written by Interleave."""

import transformers
from packaging import version
from transformers.configuration_utils import PretrainedConfig

LEAST = "4.51.0"  # transformers
if version.parse(version.parse(transformers.__version__).base_version) < version.parse(LEAST):
    raise ImportError(f"the code of this model needs transformers {LEAST} or newer; "
                      f"{transformers.__version__} is installed")

OPERATORS = ("full", "swa", "gdn", "gdn-window")


class InterleaveConfig(PretrainedConfig):
    r"""A Llama-style decoder with an operator of its own in each layer.

    layer_operators: per layer `"full"`, `"swa"` (sliding window), `"gdn"` (Gated DeltaNet) or `"gdn-window"` (Gated
        DeltaNet plus a window).
    layer_windows: per layer `[W, S]`: softmax attention sees the last W tokens, the present one included, and the first
        S; `null`: it sees all, or there is none.
    layer_local_rope: per layer, whether `rope["local_theta"]` is its rotary base, without scaling (Gemma 3).
    rope: `theta`, `local_theta`, `scaling` (`rope_type` "default", "linear", "llama3" or "yarn" with its parameters) and
        `factors`, which divide the inverse frequencies (`null`: none).
    qk_norm: RMS norm of each head's q and k. sandwich_norms: norms after attention and MLP too, norm weights counted
        from 1, embeddings times √hidden_size (Gemma 3).
    """

    model_type = "interleave_hybrid"
    keys_to_ignore_at_inference = ["past_key_values"]

    def __init__(
        self,
        vocab_size=32000,
        hidden_size=512,
        intermediate_size=1376,
        num_hidden_layers=2,
        num_attention_heads=8,
        num_key_value_heads=8,
        head_dim=64,
        max_position_embeddings=2048,
        rms_norm_eps=1e-5,
        hidden_act="silu",
        attention_scale=None,
        attention_bias=False,
        output_bias=False,
        mlp_bias=False,
        qk_norm=False,
        sandwich_norms=False,
        tie_word_embeddings=False,
        rope=None,
        layer_operators=None,
        layer_windows=None,
        layer_local_rope=None,
        initializer_range=0.02,
        use_cache=True,
        **kwargs,
    ):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.intermediate_size = intermediate_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.num_key_value_heads = num_key_value_heads
        self.head_dim = head_dim
        self.max_position_embeddings = max_position_embeddings
        self.rms_norm_eps = rms_norm_eps
        self.hidden_act = hidden_act
        self.attention_scale = head_dim**-0.5 if attention_scale is None else attention_scale
        self.attention_bias = attention_bias
        self.output_bias = output_bias
        self.mlp_bias = mlp_bias
        self.qk_norm = qk_norm
        self.sandwich_norms = sandwich_norms
        self.rope = rope or {"theta": 10000.0, "local_theta": 10000.0, "scaling": None, "factors": None}
        self.layer_operators = layer_operators or ["full"] * num_hidden_layers
        self.layer_windows = layer_windows or [None] * num_hidden_layers
        self.layer_local_rope = layer_local_rope or [False] * num_hidden_layers
        self.initializer_range = initializer_range
        self.use_cache = use_cache
        for key in ("layer_operators", "layer_windows", "layer_local_rope"):
            if len(getattr(self, key)) != num_hidden_layers:
                raise ValueError(f"{key} has {len(getattr(self, key))} entries for {num_hidden_layers} layers")
        for layer, operator in enumerate(self.layer_operators):
            if operator not in OPERATORS:
                raise ValueError(f"layer_operators: layer {layer} has the unknown operator {operator!r}")
        super().__init__(tie_word_embeddings=tie_word_embeddings, **kwargs)

    def window_of(self, layer):
        """(W, S) of a layer with a window, or None."""
        window = self.layer_windows[layer]
        return None if window is None else tuple(window)
