# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads exported folders with `transformers` and runs them.

Usage: load_hybrids.py CASES. CASES is a JSON list of {folder, ids, custom, text}; results go to CASES + ".results", a list
of what each folder gave: model class, dtype, logits of `ids` (a file of float32, row-major); how far logits fed in pieces
to the cache are from those at once, and those of a left-padded batch from the row alone; the greedy continuation, alone
and in that batch; a beam search with the cache and without; and the token ids of `text` where it is not empty.
"""

import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

NEW_TOKENS = 12
torch.set_num_threads(2)


def run(case):
    folder = pathlib.Path(case["folder"])
    trust = {"trust_remote_code": True} if case["custom"] else {}
    model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32, **trust).eval()
    ids = torch.tensor([case["ids"]])
    with torch.no_grad():
        logits = model(ids).logits
        logits.numpy().astype("<f4").tofile(folder / "logits.f32")

        cache, steps = None, []
        for first, last in [(0, 5), (5, 9), *((i, i + 1) for i in range(9, ids.shape[1]))]:
            out = model(ids[:, first:last], past_key_values=cache, use_cache=True,
                        attention_mask=torch.ones(1, last, dtype=torch.int64))
            cache = out.past_key_values
            steps.append(out.logits)
        stepwise = (torch.cat(steps, 1) - logits).abs().max().item()

        padding, short = 7, ids[:, :ids.shape[1] - 7]
        batch = torch.cat((ids, torch.cat((torch.zeros(1, padding, dtype=torch.int64), short), 1)))
        mask = torch.ones_like(batch)
        mask[1, :padding] = 0
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        together = model(batch, attention_mask=mask, position_ids=positions).logits
        padded = max((together[0] - logits[0]).abs().max().item(),
                     (together[1, padding:] - model(short).logits[0]).abs().max().item())

        options = dict(max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, pad_token_id=0, eos_token_id=None)
        greedy = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, **options)
        pair = model.generate(batch, attention_mask=mask, do_sample=False, **options)
        beams, beams_anew = (model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, num_beams=3,
                                            use_cache=use_cache, **options) for use_cache in (True, False))
    result = {"class": type(model).__name__, "dtype": str(model.dtype), "logits": str(folder / "logits.f32"),
              "vocabulary": logits.shape[-1], "stepwise": stepwise, "padded": padded,
              "greedy": greedy[0, ids.shape[1]:].tolist(), "in_batch": pair[0, ids.shape[1]:].tolist(),
              "beams": beams[0, ids.shape[1]:].tolist(), "beams_anew": beams_anew[0, ids.shape[1]:].tolist()}
    if case["text"]:
        tokenizer = AutoTokenizer.from_pretrained(folder, **trust)
        result["tokens"] = tokenizer.encode(case["text"], add_special_tokens=False)
        result["text"] = tokenizer.decode(result["tokens"])
        result["chat"] = tokenizer.apply_chat_template([{"role": "user", "content": "hello"}], tokenize=False)
    return result


path = pathlib.Path(sys.argv[1])
path.with_name(path.name + ".results").write_text(json.dumps([run(case) for case in json.loads(path.read_text())]))
