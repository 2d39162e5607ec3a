# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks how an exported hybrid's model code trains, is adapted and is offloaded.

Usage: model_training.py FOLDERS [CHECK…]; see hybrids.py. Needs accelerate and peft.
"""

from hybrids import HYBRIDS, VERSION, check, close, differ, load, run, some_ids  # first: sets the environment

import tempfile

import torch
from torch import nn
from transformers import DataCollatorWithFlattening, Trainer, TrainingArguments


def train(name, *, prepare=lambda model: None, collator=None, rows=None, **arguments):
    """The losses that Trainer logs, the norms of its gradients, and the trained model."""
    model = load(name)
    prepare(model)
    torch.manual_seed(0)
    if rows is None:
        rows = [{"input_ids": ids, "labels": ids} for ids in (some_ids(1, 24, seed=i)[0] for i in range(8))]
        for i, row in enumerate(rows):  # rows of unequal weight, which only a count of all tokens gets right
            row["labels"] = row["labels"].masked_fill(torch.arange(24) < 3 * (i % 8), -100)
    options = dict(max_steps=2, learning_rate=1e-3, logging_steps=1, report_to=[], save_strategy="no", use_cpu=True,
                   per_device_train_batch_size=2, optim="sgd", lr_scheduler_type="constant", disable_tqdm=True)
    trainer = Trainer(model=model, train_dataset=rows, data_collator=collator,
                      args=TrainingArguments(tempfile.mkdtemp(), **{**options, **arguments}))
    trainer.train()
    log = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert len(log) == 2
    return [entry["loss"] for entry in log], [entry["grad_norm"] for entry in log], model


def same_training(what, got, want):
    close(what + ": loss", torch.tensor(got[0]), torch.tensor(want[0]), 2e-4 * max(want[0]))
    close(what + ": gradient", torch.tensor(got[1]), torch.tensor(want[1]), 1e-3 * max(want[1]))


@check
def accumulation():
    ways = {"one by one": dict(per_device_train_batch_size=1, gradient_accumulation_steps=4),
            "two by two": dict(gradient_accumulation_steps=2),
            "at once": dict(per_device_train_batch_size=4)}
    for name in ("wide", "mixed"):
        results = {way: train(name, **options) for way, options in ways.items()}
        for way, options in ways.items():
            if name == "wide":
                same_training(f"{way}, as the source", results[way], train("source", **options))
            same_training(f"{name}, {way}", results[way], results["at once"])


@check
def checkpointing():
    ids = some_ids(2)
    for reentrant in (True, False):
        for name in ("source", *HYBRIDS):
            grads = []
            for checkpointed in (False, True):
                model = load(name).train()
                if checkpointed:
                    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": reentrant})
                    assert model.is_gradient_checkpointing
                    calls = []
                    model.model.layers[1].input_layernorm.register_forward_hook(lambda *_, calls=calls: calls.append(1))
                    model.enable_input_require_grads()
                out = model(ids, labels=ids)
                out.loss.backward()
                grads.append({key: value.grad for key, value in model.named_parameters()})
            assert len(calls) == 2, f"{name}: each layer is computed again in the way back"
            for key, value in grads[0].items():
                close(f"{name}, {key}", grads[1][key], value, 1e-5)
    same_training("Trainer", train("wide", gradient_checkpointing=True), train("source", gradient_checkpointing=True))


@check
def flattened_documents():
    parts = [{"input_ids": some_ids(1, n, seed=n)[0].tolist()} for n in (9, 14, 5, 30)]
    collators = [{}] if VERSION < (4, 57) else [{}, {"return_flash_attn_kwargs": True}, {"return_seq_idx": True}]
    for options in collators:
        batch = DataCollatorWithFlattening(return_tensors="pt", **options)(parts)
        batch.pop("attention_mask", None)
        for name in HYBRIDS:
            model = load(name)
            want = torch.cat([model(torch.tensor([part["input_ids"]])).logits for part in parts], 1)
            close(f"{name}, {options}", model(**batch).logits, want)
    results = [train("wide", collator=DataCollatorWithFlattening(), rows=parts * 2),
               train("wide", per_device_train_batch_size=1, gradient_accumulation_steps=2, rows=[
                   {"input_ids": part["input_ids"], "labels": [-100, *part["input_ids"][1:]]} for part in parts * 2])]
    same_training("Trainer", *results)


@check
def low_rank_adapters():
    from peft import LoraConfig, get_peft_model

    ids = some_ids(2)
    for name in ("source", *HYBRIDS):
        model = load(name)
        before = model(ids).logits
        adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "o_proj", "lm_head"], task_type="CAUSAL_LM"))
        for key, parameter in adapted.named_parameters():
            if "lora_B" in key:
                nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(1))
        differ(name, adapted(ids).logits, before)
        adapted(ids, labels=ids).loss.backward()
        grads = {key: p.grad for key, p in adapted.named_parameters() if p.requires_grad}
        assert any("lm_head" in key for key in grads) and all(g is not None and g.abs().sum() > 0 for g in grads.values())
        merged = adapted(ids).logits
        close(name, adapted.merge_and_unload()(ids).logits, merged, 1e-3)


@check
def prefix_tuning():
    from peft import PrefixTuningConfig, get_peft_model

    ids, results = some_ids(2, 20), []
    for name in ("source", "wide"):
        torch.manual_seed(3)
        adapted = get_peft_model(load(name), PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5)).eval()
        nn.init.normal_(adapted.prompt_encoder["default"].embedding.weight, generator=torch.Generator().manual_seed(1))
        mask = torch.ones_like(ids)
        out = adapted(input_ids=ids, attention_mask=mask, labels=ids)
        out.loss.backward()
        text = adapted.generate(input_ids=ids, attention_mask=mask, max_new_tokens=8, do_sample=False, pad_token_id=0,
                                eos_token_id=None)
        results.append((out.logits, adapted.prompt_encoder["default"].embedding.weight.grad, text))
    close("logits", results[1][0], results[0][0])
    close("gradient", results[1][1], results[0][1], 1e-5)
    assert results[0][2].tolist() == results[1][2].tolist()
    differ("prefix", results[0][0], load("source")(ids).logits)
    adapted = get_peft_model(load("mixed"), PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5))
    try:
        adapted(input_ids=ids, attention_mask=torch.ones_like(ids))
    except ValueError as problem:
        assert "layer 0" in str(problem)
    else:
        raise AssertionError("a prefix for a recurrent layer was not refused")


@check
def offloading():
    import accelerate

    ids = some_ids(2)
    layers = {f"model.layers.{i}": "cpu" if i % 3 == 0 else "disk" for i in range(4)}
    maps = {"all on disk": {"model": "disk", "lm_head": "disk"}, "head on disk": {"model": "cpu", "lm_head": "disk"},
            "layers on disk": {"model.embed_tokens": "cpu", **layers, "model.norm": "disk", "lm_head": "cpu"}}
    for name in HYBRIDS:
        want = load(name)(ids).logits
        for case, device_map in maps.items():
            model = load(name, device_map=device_map, offload_folder=tempfile.mkdtemp())
            if "disk" in device_map.values():
                assert any(parameter.device.type == "meta" for parameter in model.parameters())
            with torch.no_grad():
                close(f"{name}, {case}", model(ids).logits, want, 1e-5)
                model.generate(ids, max_new_tokens=3, do_sample=False, pad_token_id=0)
        model = accelerate.cpu_offload(load(name), execution_device=torch.device("cpu"))
        with torch.no_grad():
            close(f"{name}, moved as needed", model(ids).logits, want, 1e-5)


@check
def hooks_on_the_head():
    for name in HYBRIDS:
        model, ids = load(name), some_ids(2)
        want = model(ids).logits
        model.lm_head.register_forward_hook(lambda module, inputs, output: output * 2)
        close(name, model(ids).logits, want * 2, 0)


@check
def checkpointing_in_bf16():
    """Last, as accelerate keeps a process's first half precision for all that follows."""
    same_training("Trainer, bf16", train("mixed", bf16=True), train("mixed", bf16=True, gradient_checkpointing=True))


run()
