# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens exported folders as their users do, with the `transformers` that runs this.

Usage: check_folders.py CASES. CASES is a JSON list of {folder, source, custom, texts, ids, run}; results go to CASES +
".results": {version, cases: [{…}]} with, of each, `tokens` (of the texts, by the folder's AutoTokenizer, which is not allowed to
run code) and `source_tokens` (by the source's, where there is one), `pad` and `unk` (their ids); `logits` of `ids` (a file of
float32, row-major) with the `class` and the `dtype` of the model, or `refusal`, why it did not open; `output`, what the README's
example printed, where `run` says so. Without ids no model is opened.
"""

import contextlib
import io
import json
import os
import pathlib
import re
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_num_threads(1)


def tokens(folder, texts):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return tokenizer, [tokenizer.encode(text) for text in texts]


def example(folder):
    """Runs what the card shows, where the folder lies."""
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL).group(1)
    printed, here = io.StringIO(), os.getcwd()
    os.chdir(folder.parent)
    try:
        with contextlib.redirect_stdout(printed):
            exec(code, {})
    finally:
        os.chdir(here)
    return printed.getvalue()


def check(case):
    folder, result = pathlib.Path(case["folder"]), {}
    if case["texts"]:
        tokenizer, result["tokens"] = tokens(folder, case["texts"])
        result["pad"], result["unk"] = tokenizer.pad_token_id, tokenizer.unk_token_id
        result["eos"], result["side"] = tokenizer.eos_token_id, tokenizer.padding_side
        result["inputs"] = sorted(tokenizer("a b"))
        if case["source"]:
            result["source_tokens"] = tokens(case["source"], case["texts"])[1]
    if not case["ids"]:
        return result
    trust = {"trust_remote_code": True} if case["custom"] else {}
    try:
        result["dtype"] = str(AutoModelForCausalLM.from_pretrained(folder, torch_dtype="auto", **trust).dtype)
        model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32, **trust).eval()
    except (ValueError, ImportError, KeyError) as problem:
        return {**result, "refusal": str(problem)}
    with torch.no_grad():
        logits = model(torch.tensor([case["ids"]])).logits
    out = f"{folder}.{transformers.__version__}.f32"
    logits.float().numpy().astype("<f4").tofile(out)
    result.update(logits=out, ends=model.generation_config.eos_token_id, pads=model.generation_config.pad_token_id)
    result["class"] = type(model).__name__
    if case["run"]:
        result["output"] = example(folder)
    return result


path = pathlib.Path(sys.argv[1])
results = {"version": transformers.__version__, "cases": [check(case) for case in json.loads(path.read_text())]}
path.with_name(path.name + ".results").write_text(json.dumps(results))
