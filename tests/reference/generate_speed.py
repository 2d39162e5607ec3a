# SPDX-License-Identifier: GPL-3.0-or-later
"""Batched greedy generation with `transformers` beside `interleave-cli bench --parts generate`, on the same prompts.

    python generate_speed.py MODEL_FOLDER --cli build/bin/interleave-cli [--model MODEL.gguf --bank DIR]
                             [--prompts 64] [--prompt-tokens 600] [--new-tokens 8] [--batch 64] [--rounds 3]

MODEL_FOLDER is what `transformers` loads (`interleave-cli export --model MODEL.gguf --placement all --format hf --out
MODEL_FOLDER` makes one of a .gguf file); --model is what our program loads, the same folder unless said. The prompts are
the pass key prompts of `evaluate`. The two programs take turns, so that a machine that slows down slows both.

Prints one JSON document: median seconds of each, and how many times as long `transformers` takes:
  evaluate   its generation of --new-tokens on all prompts, to our evaluation of them (which is given the answers)
  prefill    its generation of one token, to our prefill
  decode     a further token of all prompts, to ours
for the teacher and for a hybrid that keeps a quarter of the layers; and the share of prompts that our teacher continues
with the same tokens. `transformers` takes --batch prompts at a time, padded on the left.
"""
import argparse
import json
import statistics
import subprocess
import tempfile
import time

import torch
from transformers import AutoModelForCausalLM


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--cli", required=True)
    parser.add_argument("--model")
    parser.add_argument("--bank")
    for name, value in (("prompts", 64), ("prompt-tokens", 600), ("new-tokens", 8), ("batch", 64), ("rounds", 3)):
        parser.add_argument("--" + name, type=int, default=value)
    arguments = parser.parse_args()
    model_path = arguments.model or arguments.folder

    def ours(*words):
        result = subprocess.run([arguments.cli, *map(str, words)], check=True, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
        return json.loads(result.stdout)

    prompts = ours("model", "prompts", model_path, "--prompts", arguments.prompts, "--prompt-tokens",
                   arguments.prompt_tokens)
    model = AutoModelForCausalLM.from_pretrained(arguments.folder, dtype=torch.float32).eval()

    def generate(new_tokens):
        """Seconds, and the continuations."""
        answers = []
        began = time.perf_counter()
        for first in range(0, len(prompts), arguments.batch):
            batch = prompts[first:first + arguments.batch]
            longest = max(map(len, batch))
            ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in batch])
            mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in batch])
            with torch.no_grad():
                out = model.generate(ids, attention_mask=mask, max_new_tokens=new_tokens, min_new_tokens=new_tokens,
                                     do_sample=False, num_beams=1, pad_token_id=0)
            answers += out[:, longest:].tolist()
        return time.perf_counter() - began, answers

    def bench():
        words = ["bench", model_path, "--parts", "generate", "--prompts", arguments.prompts, "--tokens",
                 arguments.prompt_tokens, "--new-tokens", arguments.new_tokens, "--repeats", 1, "--json"]
        results = ours(*words, *(["--bank", arguments.bank] if arguments.bank else []))["results"]
        return {result["name"]: result["seconds"] for result in results}

    generate(1)  # warms up, as bench does
    theirs, mine = {"evaluate": [], "prefill": [], "decode": []}, {}
    for _ in range(arguments.rounds):
        for name, seconds in bench().items():
            mine.setdefault(name, []).append(seconds)
        prefill, (whole, answers) = generate(1)[0], generate(arguments.new_tokens)
        theirs["evaluate"].append(whole)
        theirs["prefill"].append(prefill)
        # Its first new token comes with the prefill; our bench decodes as many as asked for behind it.
        theirs["decode"].append((whole - prefill) / (arguments.new_tokens - 1) * arguments.new_tokens)

    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(prompts, file)
        file.flush()
        own = [answer["ids"] for answer in ours("generate", model_path, "--prompts", file.name, "--most",
                                                arguments.new_tokens, "--json")["answers"]]
    same = sum(a == b[:len(a)] for a, b in zip(own, answers)) / len(prompts)  # ours end at the end token
    median = lambda samples: statistics.median(samples)
    print(json.dumps({
        "prompts": len(prompts), "prompt_tokens": sum(map(len, prompts)), "new_tokens": arguments.new_tokens,
        "rounds": arguments.rounds, "batch": arguments.batch, "threads": torch.get_num_threads(),
        "torch": torch.__version__, "same_continuations": same,
        "transformers_seconds": {name: median(samples) for name, samples in theirs.items()},
        "seconds": {name: median(samples) for name, samples in mine.items()},
        "times_as_fast": {name: median(theirs[name.split()[0]]) / median(samples) for name, samples in mine.items()},
    }, indent=1))


if __name__ == "__main__":
    main()
