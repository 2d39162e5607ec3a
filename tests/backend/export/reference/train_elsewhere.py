# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes every weight of an exported folder, and computes what it gives then.

Usage: train_elsewhere.py FOLDER IDS CUSTOM OUT: logits of the ids (a JSON list) go to OUT + ".f32"; OUT is a folder that
`save_pretrained` writes. FOLDER's own safetensors get the same weights.
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

torch.set_num_threads(1)
folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[4])
trust = {"trust_remote_code": True} if sys.argv[3] == "custom" else {}
torch.manual_seed(3)
weights = load_file(folder / "model.safetensors")
weights = {name: tensor + 0.05 * torch.randn(tensor.shape).to(tensor.dtype) for name, tensor in weights.items()
           if not (name.endswith(".bias") and not tensor.any())} | {
               name: tensor for name, tensor in weights.items() if name.endswith(".bias") and not tensor.any()}
save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32, **trust).eval()
with torch.no_grad():
    model(torch.tensor([json.loads(sys.argv[2])])).logits[0].numpy().astype("<f4").tofile(f"{out}.f32")
model.save_pretrained(out)
