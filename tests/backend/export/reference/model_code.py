# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks what an exported hybrid's model code gives: logits, masks, documents, caches, generation, files.

Usage: model_code.py FOLDERS [CHECK…]; see hybrids.py.
"""

from hybrids import FOLDERS, HYBRIDS, VERSION, check, close, differ, load, refused, run, some_ids  # first: sets the environment

import copy
import importlib.util
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, DynamicCache
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NEW = 12
OPTIONS = dict(max_new_tokens=NEW, min_new_tokens=NEW, do_sample=False, pad_token_id=0, eos_token_id=None)


def generate(model, ids, **options):
    mask = options.pop("attention_mask", torch.ones_like(ids))
    return model.generate(ids, attention_mask=mask, **{**OPTIONS, **options})


# ------------------------------------------------------------------------------------------------ one call


@check
def logits_loss_and_tuples():
    source, ids = load("source"), some_ids(2)
    labels = ids.masked_fill(torch.rand(ids.shape, generator=torch.Generator().manual_seed(2)) < 0.3, -100)
    options = dict(labels=labels, output_hidden_states=True, use_cache=False)
    want, got = source(ids, **options), load("wide")(ids, **options)
    close("logits", got.logits, want.logits)
    close("loss", got.loss, want.loss, 1e-5)
    assert len(got.hidden_states) == len(want.hidden_states)
    for index, (a, b) in enumerate(zip(got.hidden_states, want.hidden_states)):
        close(f"hidden state {index}", a, b)
    plain = load("wide")(ids, **options, return_dict=False)
    assert len(plain) == len(source(ids, **options, return_dict=False))
    close("tuple", plain[1], want.logits)
    for kept in (1, 3, torch.tensor([2, 5])):
        close(f"logits_to_keep={kept}", load("wide")(ids, logits_to_keep=kept).logits, source(ids, logits_to_keep=kept).logits)
    refused("neither ids nor embeddings", lambda: load("wide")(), "input_ids", "inputs_embeds")


@check
def gradients():
    ids, grads = some_ids(2), {}
    for name in ("source", "wide"):
        model = load(name).train()
        model(ids, labels=ids, use_cache=True).loss.backward()
        grads[name] = {key: value.grad for key, value in model.named_parameters()}
    assert grads["source"].keys() == grads["wide"].keys()
    for key, value in grads["source"].items():
        close(key, grads["wide"][key], value)


@check
def positions_of_the_caller():
    source, wide, ids = load("source"), load("wide"), some_ids(2)
    mask = torch.ones_like(ids)
    for what, positions in (("offset", torch.arange(40)[None] + 7), ("stretched", torch.arange(40)[None] * 3),
                            ("rows of their own", torch.stack((torch.arange(40), torch.arange(40) * 2 + 5)))):
        want = source(ids, attention_mask=mask, position_ids=positions).logits
        close(what, wide(ids, attention_mask=mask, position_ids=positions).logits, want)
        if what != "offset":
            differ(what, want, source(ids).logits)
    mixed = load("mixed")
    differ("mixed", mixed(ids, attention_mask=mask, position_ids=torch.arange(40)[None] * 3).logits, mixed(ids).logits)


@check
def padding():
    source, ids = load("source"), some_ids(2)
    for what, columns in (("left", slice(0, 9)), ("right", slice(31, 40)), ("holes", slice(12, 17))):
        mask = torch.ones_like(ids)
        mask[1, columns] = 0
        real = mask.bool()
        for name in ("wide",):
            close(what, load(name)(ids, attention_mask=mask).logits[real], source(ids, attention_mask=mask).logits[real])
        for name in HYBRIDS if what != "holes" else ():
            model = load(name)
            close(f"{name}, {what}: the row alone", model(ids, attention_mask=mask).logits[1][real[1]],
                  model(ids[1:, real[1]]).logits[0])
    wide = load("wide")
    refused("four dimensions", lambda: wide(ids, attention_mask=torch.ones(2, 1, 40, 40)), "attention_mask", "two dimensions")
    refused("a short mask", lambda: wide(ids, attention_mask=torch.ones(2, 30)), "attention_mask", "40")


@check
def packed_documents():
    lengths = (13, 1, 70, 21)
    ids = some_ids(1, sum(lengths))
    positions = torch.cat([torch.arange(n) for n in lengths])[None]
    seq_idx = torch.cat([torch.full((n,), i) for i, n in enumerate(lengths)])[None]
    ends = torch.tensor([0, *torch.tensor(lengths).cumsum(0)], dtype=torch.int32)
    flash = dict(cu_seq_lens_q=ends, cu_seq_lens_k=ends, max_length_q=70, max_length_k=70)
    ways = {"position_ids": dict(position_ids=positions), "seq_idx": dict(seq_idx=seq_idx), "cu_seq_lens": flash,
            "all": dict(position_ids=positions, seq_idx=seq_idx, **flash),
            "with a mask": dict(position_ids=positions, attention_mask=torch.ones_like(ids))}
    for name in HYBRIDS:
        for implementation in ("sdpa", "eager"):
            model = load(name, attn_implementation=implementation)
            want = torch.cat([model(part).logits for part in ids.split(lengths, 1)], 1)
            differ(name, want, model(ids).logits)
            for way, told in ways.items():
                for use_cache in (True, False):
                    close(f"{name}, {way}", model(ids, use_cache=use_cache, **told).logits, want)
        # Padding beside documents, two rows, and what follows belongs to the last document.
        padded, gap = torch.cat((some_ids(1, 5), ids), 1).repeat(2, 1), torch.zeros(2, 5, dtype=torch.long)
        told = dict(position_ids=torch.cat((gap, positions.repeat(2, 1)), 1),
                    attention_mask=torch.cat((gap, torch.ones(2, ids.shape[1], dtype=torch.long)), 1))
        out = model(padded, use_cache=True, **told)
        close(f"{name}, padded", out.logits[:, 5:], want.expand(2, -1, -1))
        after = model(torch.full((2, 1), 9), past_key_values=out.past_key_values, position_ids=torch.full((2, 1), 21)).logits
        alone = model(torch.cat((ids[:, -21:], torch.tensor([[9]])), 1)).logits[:, -1:]
        close(f"{name}, a token more", after, alone.expand(2, -1, -1))
    if VERSION >= (4, 57):
        close("as the source", load("wide")(ids, position_ids=positions, use_cache=False).logits,
              load("source")(ids, position_ids=positions, use_cache=False).logits)
    refused("ends elsewhere", lambda: model(ids, cu_seq_lens_q=ends[:-1]), "cu_seq_lens_q")
    refused("other keys", lambda: model(ids, cu_seq_lens_q=ends, cu_seq_lens_k=ends[1:]), "cu_seq_lens_k")


@check
def embeddings_in_place_of_ids():
    for name in HYBRIDS:
        model, ids = load(name), some_ids(2)
        embeds = model.get_input_embeddings()(ids)
        close(name, model(inputs_embeds=embeds).logits, model(ids).logits, 0)
        got = model.generate(inputs_embeds=embeds, attention_mask=torch.ones_like(ids), **OPTIONS)
        assert got[:, -NEW:].tolist() == generate(model, ids)[:, -NEW:].tolist(), name


@check
def attention_weights():
    source, ids = load("source", attn_implementation="eager"), some_ids(2)
    want = source(ids, output_attentions=True).attentions
    for implementation in ("eager", "sdpa"):
        model = load("wide", attn_implementation=implementation)
        got = model(ids, output_attentions=True)
        assert len(got.attentions) == len(want)
        for a, b in zip(got.attentions, want):
            close(implementation, a, b)
    refused("mixed", lambda: load("mixed")(ids, output_attentions=True), "output_attentions", "Gated DeltaNet")


# ------------------------------------------------------------------------------------------------ attention functions


class Replaced:
    """An attention function that stands in for the library's one of that name."""

    def __init__(self, name, function):
        self.name, self.function, self.before = name, function, ALL_ATTENTION_FUNCTIONS[name]

    def __enter__(self):
        ALL_ATTENTION_FUNCTIONS[self.name] = self.function

    def __exit__(self, *problem):
        ALL_ATTENTION_FUNCTIONS[self.name] = self.before


def uncompiled_flex(module, query, key, value, attention_mask, scaling, **kwargs):
    from torch.nn.attention.flex_attention import flex_attention

    out = flex_attention(query, key, value, block_mask=attention_mask, scale=scaling, enable_gqa=True)
    return out.transpose(1, 2).contiguous(), None


def additive(module, query, key, value, attention_mask, scaling, **kwargs):
    """A function of somebody's own, which adds its mask as "eager" does."""
    key, value = (x.repeat_interleave(module.num_key_value_groups, 1) for x in (key, value))
    return ((query @ key.mT * scaling + attention_mask).softmax(-1) @ value).transpose(1, 2), None


@check
def attention_functions():
    ids = some_ids(2)
    mask = torch.ones_like(ids)
    mask[1, :9] = 0
    ALL_ATTENTION_FUNCTIONS["of_my_own"] = additive
    for name in HYBRIDS:
        sdpa = load(name, attn_implementation="sdpa")
        for implementation in ("eager", "flex_attention", "of_my_own"):
            model = load(name, attn_implementation=implementation)
            with torch.no_grad(), Replaced("flex_attention", uncompiled_flex):
                for what, options in (("plain", {}), ("padded", {"attention_mask": mask})):
                    got, want = model(ids, **options).logits, sdpa(ids, **options).logits
                    close(f"{name}, {implementation}, {what}", got[mask.bool()], want[mask.bool()])
                assert generate(model, ids, attention_mask=mask).tolist() == generate(sdpa, ids, attention_mask=mask).tolist()
    if VERSION >= (4, 57):
        model.set_attn_implementation("eager")
        assert model.model.layers[1].self_attn.config._attn_implementation == "eager"


class Recorder:
    """Stands in for FlashAttention, which needs a GPU: keeps what it was given, and computes by its rules."""

    def __init__(self):
        self.calls = []

    def __call__(self, module, query, key, value, attention_mask, scaling, dropout=0.0, sliding_window=None,
                 cu_seq_lens_q=None, max_length_q=None, **kwargs):
        self.calls.append({"layer": module.layer_idx, "keys": key.shape[2], "mask": attention_mask, "window": sliding_window,
                           "starts": cu_seq_lens_q, "longest": max_length_q})
        key, value = (x.repeat_interleave(module.num_key_value_groups, 1) for x in (key, value))
        count, keys = query.shape[2], key.shape[2]
        i, j = torch.arange(keys - count, keys)[:, None], torch.arange(keys)[None]
        seen = j <= i if sliding_window is None else (j <= i) & (i - j < sliding_window)
        seen = seen.expand(len(query), 1, count, keys)
        if attention_mask is not None:
            assert attention_mask.shape == (len(query), keys)
            seen = seen & (attention_mask[:, None, None] != 0) | (i == j)
        if cu_seq_lens_q is not None:
            part = torch.searchsorted(cu_seq_lens_q[1:].contiguous(), torch.arange(len(query) * keys), right=True)
            part = part.view(len(query), 1, keys)
            seen = seen & (part[..., None] == part[..., None, :])
        scores = (query @ key.transpose(-1, -2) * scaling).masked_fill(~seen, -torch.inf)
        return (scores.softmax(-1) @ value).transpose(1, 2), None


@check
def flash_attention():
    name, recorder = "flash_attention_2", Recorder()
    with Replaced(name, recorder):
        for folder, layers in (("wide", {0, 1, 2, 3}), ("narrow", {0, 3}), ("mixed", {1})):
            model, ids = load(folder), some_ids(2)
            mask = torch.ones_like(ids)
            mask[1, :9] = 0
            lengths = (13, 20, 7)
            positions = torch.cat([torch.arange(n) for n in lengths])[None].repeat(2, 1)
            want = [model(ids).logits, model(ids, attention_mask=mask).logits, model(ids, position_ids=positions).logits,
                    generate(model, ids, attention_mask=mask)]
            model.config._attn_implementation = name
            recorder.calls.clear()
            close("plain", model(ids).logits, want[0])
            assert {call["layer"] for call in recorder.calls} == layers, (folder, recorder.calls)
            assert all(call["mask"] is None and call["starts"] is None for call in recorder.calls)
            recorder.calls.clear()
            close("padded", model(ids, attention_mask=mask).logits[mask.bool()], want[1][mask.bool()])
            assert all(call["mask"].equal(mask) for call in recorder.calls) and recorder.calls
            recorder.calls.clear()
            close("packed", model(ids, position_ids=positions).logits, want[2])
            assert all(call["starts"].tolist() == [0, 13, 33, 40, 53, 73, 80] and call["longest"] == 20 for call in recorder.calls)
            assert recorder.calls
            assert generate(model, ids, attention_mask=mask).tolist() == want[3].tolist()
        # A window without sinks is FlashAttention's own.
        model = load("narrow")
        for layer in model.model.layers:
            layer.self_attn.window = layer.self_attn.window and (8, 0)
        model.config.layer_windows = [window and [8, 0] for window in model.config.layer_windows]
        want = model(ids).logits
        tokens = generate(model, ids, max_new_tokens=150)
        model.config._attn_implementation = name
        recorder.calls.clear()
        close("window", model(ids).logits, want)
        assert [call["window"] for call in recorder.calls] == [None, 8, 8, None]
        assert generate(model, ids, max_new_tokens=150).tolist() == tokens.tolist()


# ------------------------------------------------------------------------------------------------ caches


@check
def cache_with_gradients():
    for name in ("source", *HYBRIDS):
        model, ids = load(name), some_ids(2)
        want = model(ids).logits
        for grad in (True, False):
            with torch.set_grad_enabled(grad):
                out = model(ids[:, :25], use_cache=True)
                for first, last in ((25, 33), (33, 34), (34, 40)):
                    out = model(ids[:, first:last], past_key_values=out.past_key_values, use_cache=True)
                    close(f"{name}, {first}", out.logits, want[:, first:last])
        assert model(ids, use_cache=False).past_key_values is None


@check
def cache_of_the_caller():
    for name in ("source", *HYBRIDS):
        model, ids = load(name), some_ids(2)
        torch.set_grad_enabled(False)
        want = model(ids).logits
        for cache in (DynamicCache(), *([DynamicCache(config=model.config)] if VERSION >= (4, 57) else [])):
            first = model(ids[:, :30], past_key_values=cache)
            assert first.past_key_values is cache and cache.get_seq_length() == 30
            close(name, model(ids[:, 30:], past_key_values=cache).logits, want[:, 30:])
            again = copy.deepcopy(cache)
            again.reorder_cache(torch.tensor([1, 0]))
            next_ids = torch.tensor([[7], [9]])
            close(f"{name}, reordered", model(next_ids, past_key_values=again).logits,
                  model(next_ids.flip(0), past_key_values=cache).logits.flip(0))
    refused("static", lambda: model(ids, past_key_values=transformers.StaticCache(
        config=load("source").config, max_batch_size=2, max_cache_len=64) if VERSION < (4, 57) else transformers.StaticCache(
        config=load("source").config, max_cache_len=64)), "past_key_values", "StaticCache")
    refused("a tuple", lambda: model(ids, past_key_values=((torch.zeros(1), torch.zeros(1)),)), "past_key_values", "tuple")


@check
def prefix_in_a_cache():
    """Keys and values that stand for a prefix, as prefix tuning gives them."""
    ids = some_ids(2, 20)
    parts = [(torch.randn(2, 2, 5, 16), torch.randn(2, 2, 5, 16)) for _ in range(4)]

    def cache():
        made = DynamicCache()
        for layer, (keys, values) in enumerate(parts):
            made.update(keys, values, layer)
        return made

    mask = torch.ones(2, 25)
    want = load("source")(ids, past_key_values=cache(), attention_mask=mask).logits
    differ("prefix", want, load("source")(ids).logits)
    close("wide", load("wide")(ids, past_key_values=cache(), attention_mask=mask).logits, want)
    refused("mixed", lambda: load("mixed")(ids, past_key_values=cache()), "past_key_values", "layer 0", "gdn")


@check
def cropped_cache():
    for name in ("source", "wide", "narrow"):
        model, ids = load(name), some_ids(1, 330)
        want = model(ids).logits
        for length in (40, 300):  # the windows of `narrow` have forgotten tokens by then
            cache = model(ids[:, :length], use_cache=True).past_key_values
            for first in range(length, length + 8, 4):
                model(ids[:, first:first + 4], past_key_values=cache)
            cache.crop(-7)
            assert cache.get_seq_length() == length + 1
            out = model(ids[:, length + 1:], past_key_values=cache).logits
            close(f"{name}, from {length}", out, want[:, length + 1:])
    narrow = load("narrow")
    cache = narrow(ids, use_cache=True).past_key_values
    refused("further back than it remembers", lambda: cache.crop(-200), "sliding window", "forgotten")
    assert max(layer.keys.shape[2] for layer in (cache.layers[1], cache.layers[2])) < 200, "windows forget"
    cache.crop(-330)
    close("from the start", narrow(ids, past_key_values=cache).logits, want)
    cache = load("mixed")(ids, use_cache=True).past_key_values
    refused("mixed", lambda: cache.crop(-1), "recurrent", "layer 0", "gdn-window")


@check
def long_texts_step_by_step():
    """Past what windows remember, one by one and in blocks, padded and not."""
    for name in ("narrow", "mixed"):
        model, ids = load(name), some_ids(2, 320)
        mask = torch.ones_like(ids)
        mask[1, :50] = 0
        for told in (None, mask):
            want = model(ids, attention_mask=told).logits
            with torch.no_grad():
                cache, first, outs = None, 0, []
                for count in (100, *([1] * 90), 64, *([1] * 30), 36):
                    last = first + count
                    out = model(ids[:, first:last], attention_mask=None if told is None else told[:, :last],
                                past_key_values=cache, use_cache=True)
                    cache, first = out.past_key_values, last
                    outs.append(out.logits)
            got, seen = torch.cat(outs, 1), mask.bool() if told is not None else torch.ones_like(mask).bool()
            close(name, got[seen], want[seen])


# ------------------------------------------------------------------------------------------------ generation


@check
def generation():
    source, ids = load("source"), some_ids(2)
    mask = torch.ones_like(ids)
    mask[1, :9] = 0
    ways = {"greedy": {}, "padded": dict(attention_mask=mask), "beams": dict(num_beams=3),
            "padded beams": dict(num_beams=3, attention_mask=mask), "several": dict(num_beams=4, num_return_sequences=2),
            "without a cache": dict(use_cache=False), "long": dict(max_new_tokens=300)}
    for way, options in ways.items():
        want = generate(source, ids, **options).tolist()
        assert generate(load("wide"), ids, **options).tolist() == want, way
        for name in ("narrow", "mixed"):
            model = load(name)
            if way not in ("without a cache", "long"):
                assert generate(model, ids, **options).tolist() == generate(model, ids, **options, use_cache=False).tolist(), \
                    f"{name}, {way}"
    for name in ("source", *HYBRIDS):
        model, seen = load(name), []
        model.lm_head.register_forward_hook(lambda module, inputs, output, seen=seen: seen.append(output.shape[1]))
        generate(model, ids)
        assert set(seen) == {1}, f"{name}: logits of {set(seen)} tokens a step"
        assert generate(model, ids, do_sample=True, top_k=5).shape == (2, 52)


@check
def conversations():
    for name in ("source", *HYBRIDS):
        model, ids, more = load(name), some_ids(1, 20), some_ids(1, 9, seed=3)
        for cache in (None, DynamicCache()):
            given = {} if cache is None else {"past_key_values": cache}
            first = generate(model, ids, return_dict_in_generate=True, **given)
            text = torch.cat((first.sequences, more), 1)
            got = generate(model, text, past_key_values=first.past_key_values)
            assert got.tolist() == generate(model, text).tolist(), name
            if cache is not None:
                assert cache.get_seq_length() == text.shape[1] + NEW - 1, name


@check
def assisted_decoding():
    ids, ends = some_ids(1, 12).repeat(1, 6), dict(max_new_tokens=80, min_new_tokens=None, eos_token_id=[287])
    for name in ("source", "wide", "narrow"):
        model = load(name)
        want = generate(model, ids, **ends).tolist()
        assert generate(model, ids, **ends, prompt_lookup_num_tokens=5).tolist() == want, name
        for assistant in ("source", "narrow"):
            got = generate(model, ids, **ends, assistant_model=load(assistant)).tolist()
            assert got == want, f"{name}, assisted by {assistant}"
    refused("mixed", lambda: generate(load("mixed"), ids, **ends, prompt_lookup_num_tokens=5), "stateful")


# ------------------------------------------------------------------------------------------------ classes and files


@check
def base_model():
    ids = some_ids(2)
    want = load("source", AutoModel)(ids, output_hidden_states=True)
    got = load("wide", AutoModel)(ids, output_hidden_states=True)
    assert type(load("mixed", AutoModel)).__name__ == "InterleaveModel"
    close("last_hidden_state", got.last_hidden_state, want.last_hidden_state)
    close("hidden states", torch.stack(got.hidden_states), torch.stack(want.hidden_states))


@check
def sequence_classification():
    ids = some_ids(3, 30)
    ids[0, :7], ids[1, 20:] = 0, 0  # padding
    mask, labels = (ids != 0).long(), torch.tensor([1, 0, 3])
    models = {}
    for name in ("source", *HYBRIDS):
        models[name] = load(name, AutoModelForSequenceClassification, num_labels=4)
        models[name].score.weight.data = torch.randn(4, 64, generator=torch.Generator().manual_seed(4))
    want, got = (models[name](ids, attention_mask=mask, labels=labels) for name in ("source", "wide"))
    close("logits", got.logits, want.logits)
    close("loss", got.loss, want.loss, 1e-5)
    alone = models["mixed"](ids[:1, 7:]).logits
    close("mixed", models["mixed"](ids, attention_mask=mask).logits[:1], alone)
    models["wide"].config.pad_token_id = None
    refused("no padding token", lambda: models["wide"](ids, attention_mask=mask), "pad_token_id")


@check
def embeddings_and_head():
    for name in ("source", "wide"):
        model, ids = load(name), some_ids(2)
        before = model(ids).logits
        assert model.get_output_embeddings() is model.lm_head and model.get_input_embeddings() is model.model.embed_tokens
        model.resize_token_embeddings(300)
        assert model.config.vocab_size == 300 and model(ids).logits.shape[-1] == 300
        close("after resizing", model(ids).logits[..., :288], before, 1e-5)
        head = nn.Linear(64, 300, bias=False)
        model.set_output_embeddings(head)
        assert model.lm_head is head
        close("a head of another", model(ids).logits, head(model.model(ids).last_hidden_state), 1e-5)


def tied_copy():
    """`mixed` with tied embeddings, in a folder of its own."""
    folder = Path(tempfile.mkdtemp()) / "tied"
    shutil.copytree(FOLDERS["mixed"], folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    weights = load_file(folder / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@check
def saving_and_loading_again():
    FOLDERS["tied"] = tied_copy()
    for name in (*HYBRIDS, "tied"):
        model, ids = load(name), some_ids(2)
        want, folder = model(ids).logits, Path(tempfile.mkdtemp())
        tied = model.lm_head.weight is model.model.embed_tokens.weight
        assert tied == (name == "tied")
        model.save_pretrained(folder / "again")
        names = {path.name for path in (folder / "again").glob("*.py")}
        assert names == {path.name for path in FOLDERS[name].glob("*.py")}, f"{name}: {names}"
        FOLDERS["again"] = folder / "again"
        close(name, load("again")(ids).logits, want, 0)
        close(f"{name}: AutoModel", load("again", AutoModel)(ids).last_hidden_state, model.model(ids).last_hidden_state, 0)
        load("again", AutoModelForSequenceClassification)
        AutoConfig.from_pretrained(folder / "again", trust_remote_code=True).save_pretrained(folder / "config")
        assert (folder / "config" / "configuration_interleave.py").is_file()


@check
def least_version():
    spec = importlib.util.spec_from_file_location("configuration", FOLDERS["mixed"] / "configuration_interleave.py")
    library = sys.modules["transformers"]
    versions = {"4.46.3": False, "4.50.9": False, "4.51.0": True, "4.51.0rc1": True, "5.0.0.dev0": True}
    before = library.__version__
    for version, works in versions.items():
        try:
            library.__version__ = version
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
            assert works, f"{version} is not refused"
        except ImportError as problem:
            assert not works and "4.51" in str(problem) and version in str(problem), problem
        finally:
            library.__version__ = before


@check
def narrow_types():
    dtype = "torch_dtype" if VERSION < (4, 57) else "dtype"
    for name in HYBRIDS:
        want = load(name)(some_ids(2)).logits
        for kind in (torch.bfloat16, torch.float16):
            model, ids = load(name, **{dtype: kind}), some_ids(2)
            assert {parameter.dtype for parameter in model.parameters()} == {kind}
            out = model(ids, use_cache=True)
            assert out.logits.dtype == kind
            off = (out.logits.float() - want).abs().mean() / want.abs().mean()
            assert off < (0.06 if kind is torch.bfloat16 else 0.01), f"{name}: off by {off:.3g}"
            for layer in out.past_key_values.layers:
                assert layer.state is None or layer.state.dtype == torch.float32
            generate(model, ids)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            off = (load(name)(some_ids(2)).logits.float() - want).abs().mean() / want.abs().mean()
            assert off < 0.06, f"{name}, autocast: off by {off:.3g}"


class Packed(nn.Module):
    """A linear layer whose weight is not a tensor to multiply with, as quantised ones are."""

    def __init__(self, linear):
        super().__init__()
        self.inner = linear

    @property
    def weight(self):
        raise AssertionError("the weight of a linear layer was read")

    def forward(self, x):
        return self.inner(x)


@check
def layers_that_are_replaced():
    for name in HYBRIDS:
        model, ids = load(name), some_ids(2)
        want = model(ids).logits
        for parent in list(model.modules()):
            for child, module in list(parent.named_children()):
                if type(module) is nn.Linear:
                    setattr(parent, child, Packed(module))
        close(name, model(ids).logits, want, 0)


run()
