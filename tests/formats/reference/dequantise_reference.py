# SPDX-License-Identifier: GPL-3.0-or-later
"""Decodes FOLDER/<type> into FOLDER/<type>.f32 with the gguf package."""
import sys
import warnings

import numpy as np
from gguf import GGMLQuantizationType, quants

warnings.simplefilter("ignore")  # Random scales are NaN and infinite now and then.
folder = sys.argv[1]
for name in "F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K".split():
    data = np.fromfile(f"{folder}/{name}", np.uint8)
    plain = {"F32": np.float32, "F16": np.float16}.get(name)
    values = data.view(plain) if plain else quants.dequantize(data, GGMLQuantizationType[name])
    values.astype(np.float32).tofile(f"{folder}/{name}.f32")
