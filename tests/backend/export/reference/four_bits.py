# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that an exported hybrid opens in four bits (bitsandbytes), as its source does.

Usage: four_bits.py FOLDERS; see hybrids.py. Needs bitsandbytes.
"""

import sys

from hybrids import HYBRIDS, check, close, differ, load, run, some_ids  # first: sets the environment

import bitsandbytes
import torch
from torch import nn
from transformers import BitsAndBytesConfig

FOUR_BITS = dict(quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4",
                                                        bnb_4bit_compute_dtype=torch.float32), device_map="cpu",
                 torch_dtype=torch.float32)


try:
    load("source", **FOUR_BITS)
except Exception as problem:  # noqa: BLE001  # what the source cannot, an export need not
    print("NOT CHECKED: the source itself does not open in four bits here:", problem)
    sys.exit(1)


def quantised(model):
    return {name for name, module in model.named_modules() if isinstance(module, bitsandbytes.nn.Linear4bit)}


@check
def the_same_matrices_become_the_same():
    source, wide, ids = load("source", **FOUR_BITS), load("wide", **FOUR_BITS), some_ids(2)
    assert quantised(source) == quantised(wide) != set()
    close("logits", wide(ids).logits, source(ids).logits)
    differ("four bits", source(ids).logits, load("source")(ids).logits)


@check
def every_matrix_and_no_number_of_a_head():
    for name in HYBRIDS:
        model, plain, ids = load(name, **FOUR_BITS), load(name), some_ids(2)
        linear = {key for key, module in plain.named_modules() if isinstance(module, nn.Linear)}
        assert quantised(model) == linear - {"lm_head"}, f"{name}: {sorted(quantised(model) ^ linear)}"
        got, want = model(ids).logits, plain(ids).logits
        differ(name, got, want)
        alike = torch.nn.functional.cosine_similarity(got.flatten(), want.flatten(), dim=0).item()
        assert alike > 0.7, f"{name}: cosine {alike:.3f} with the logits of all bits"


@check
def a_cache_changes_nothing():
    ids = some_ids(1, 20)
    for name in HYBRIDS:
        model = load(name, **FOUR_BITS)
        whole = model(ids, use_cache=False).logits[:, -1]
        first = model(ids[:, :12], use_cache=True)
        close(name, model(ids[:, 12:], past_key_values=first.past_key_values).logits[:, -1], whole)


run()
