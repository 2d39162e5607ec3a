# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads FOLDER/ours.safetensors and writes its tensor back as F32, F16 and BF16 to FOLDER/theirs.safetensors."""
import sys

import torch
from safetensors import safe_open
from safetensors.torch import save_file

folder = sys.argv[1]
with safe_open(f"{folder}/ours.safetensors", "pt") as file:
    metadata = file.metadata()
    (name,) = file.keys()
    values = file.get_tensor(name)
types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
save_file({key: values.to(dtype) for key, dtype in types.items()}, f"{folder}/theirs.safetensors", metadata)
