# SPDX-License-Identifier: GPL-3.0-or-later
"""What `transformers` makes of a user's message with the tokenizer files of a folder: which template counts, which
special tokens it gets, which ids the prompt has.

Usage: model_chat_reference.py FOLDER. Writes a folder for each case, without weights, and cases.json: for each folder
the conversations with text and ids, null where there is no template, "refused" where one would have to be named; and ids
of a plain text, null where the tokenizer's class splits texts its own way.
"""

import json
import os
import sys
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1")
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

TOKENS = ["<s>", "</s>", "<unk>", "<bos>", "<eos>", "<pad>", "<mask>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
NAMES = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token", "image_token"]
SHOWN = "".join("{{ '%s' if %s is defined else '-' }}{{ %s }}|" % (name[0], name, name) for name in NAMES)
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TEMPLATES = {
    "zephyr": "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
    "deepseek": "{{ bos_token }}{% for m in messages %}{{ '<\uff5cUser\uff5c>' + m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<\uff5cAssistant\uff5c>' }}{% endif %}",
    "vicuna": "{{ bos_token }}{% for m in messages %}{{ 'USER: ' + m['content'] + ' ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
    "solar": "{% for m in messages %}### {{ m['role'] | capitalize }}:\n{{ m['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}### Assistant:\n{% endif %}",
    "chatml": CHATML,
    "system alone": "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] }}{% endif %}",
    "no system": "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{{ bos_token }}{{ messages[0]['content'] }}\n",
}
PLAIN = {"tokenizer_class": "PreTrainedTokenizerFast"}
USUAL = {**PLAIN, "bos_token": "<s>", "eos_token": "</s>"}
ADDED = {"content": "<pad>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}


def case(config=None, special_map=None, files=None, model_type="llama", adds_bos=False):
    return {"config": config, "map": special_map, "files": files or {}, "type": model_type, "adds_bos": adds_bos}


def shown(**config):
    return {**PLAIN, "chat_template": SHOWN, **config}


CASES = {f"template {name}": case({**USUAL, "chat_template": text}) for name, text in TEMPLATES.items()}
CASES |= {f"{name}, BOS before every text": case({**USUAL, "chat_template": text}, adds_bos=True) for name, text in TEMPLATES.items()}
CASES |= {f"class {name} of {kind}": case({**shown(), "tokenizer_class": name}, model_type=kind)
          for name in ("LlamaTokenizer", "GemmaTokenizer", "GemmaTokenizerFast", "Qwen2Tokenizer", "GPT2Tokenizer")
          for kind in ("llama", "mistral")}
CASES |= {
    "no tokens": case(shown()),
    "tokens": case(shown(bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>")),
    "token as object": case(shown(bos_token={"__type": "AddedToken", **ADDED})),
    "token unknown": case(shown(bos_token="<other>")),
    "class default taken back": case({**shown(unk_token=None, pad_token="<pad>"), "tokenizer_class": "Qwen2Tokenizer"}),
    "map alone": case(shown(), {"bos_token": "<s>", "eos_token": {**ADDED, "content": "</s>"}, "pad_token": ADDED}),
    "map beside null": case(shown(bos_token=None), {"bos_token": "<s>"}),
    "map over config": case(shown(bos_token="<s>"), {"bos_token": "<bos>", "unk_token": "<unk>"}),
    "map takes back": case(shown(bos_token="<s>", eos_token="</s>"), {"bos_token": None}),
    "map not read": case(shown(bos_token="<s>", added_tokens_decoder={"256": {**ADDED, "content": "<s>", "special": True}}),
                         {"bos_token": "<bos>", "eos_token": "</s>"}),
    "map without config": case(None, {"bos_token": "<s>"}, {"chat_template.jinja": SHOWN}),
    "others": case(shown(image_token="<mask>", additional_special_tokens=["<pad>"])),
    "others in map": case(shown(), {"image_token": ADDED, "additional_special_tokens": ["<pad>"]}),
    "others by name": case(shown(extra_special_tokens={"image_token": "<mask>"})),
    "others by name in map": case(shown(), {"extra_special_tokens": {"image_token": "<mask>"}}),
    "others of the model": case(shown(model_specific_special_tokens={"image_token": "<mask>"})),
    "null": case({**USUAL, "chat_template": None}),
    "empty": case({**USUAL, "chat_template": ""}),
    "none": case(USUAL),
    "named": case({**USUAL, "chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": CHATML}]}),
    "named twice": case({**USUAL, "chat_template": [{"name": "default", "template": "1"}, {"name": "default", "template": "2"}]}),
    "named, none default": case({**USUAL, "chat_template": [{"name": "rag", "template": "r"}]}),
    "named in an object": case({**USUAL, "chat_template": {"rag": "r", "default": "d"}}),
    "file": case(USUAL, files={"chat_template.jinja": CHATML}),
    "file before config": case({**USUAL, "chat_template": "config"}, files={"chat_template.jinja": "file\r\n{{ eos_token }}\n"}),
    "empty file before config": case({**USUAL, "chat_template": "config"}, files={"chat_template.jinja": ""}),
    "files": case(USUAL, files={"chat_template.jinja": "file", "additional_chat_templates/rag.jinja": "r"}),
    "files, default apart": case(USUAL, files={"chat_template.jinja": "file", "additional_chat_templates/default.jinja": "d"}),
    "files, none default": case({**USUAL, "chat_template": "config"}, files={"additional_chat_templates/rag.jinja": "r"}),
}
TALKS = [
    [{"role": "user", "content": " What is the pass key? "}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "A</s>\n<|im_end|>é漢"}],
]


def tokenizer(adds_bos):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({character: i for i, character in enumerate(alphabet)}, []))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in TOKENS])
    if adds_bos:
        made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 256)])
    return made


def expected(folder, talk):
    reference = transformers.AutoTokenizer.from_pretrained(folder)
    try:
        text = reference.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
    except ValueError as error:
        return "refused" if "no default" in str(error) else None
    except Exception:
        return "refused"  # by the template
    if not text:
        return None
    try:
        if "<other>" in text:  # not in the vocabulary: it gets an id that the model has no embedding for
            return {"text": text, "ids": None}
        return {"text": text, "ids": reference.apply_chat_template(talk, add_generation_prompt=True)["input_ids"]}
    except Exception:  # a class of its own with other tokens than these
        return {"text": text, "ids": None}


def main(root):
    cases = []
    for number, (name, made) in enumerate(CASES.items()):
        folder = root / f"case{number}"
        folder.mkdir()
        tokenizer(made["adds_bos"]).save(str(folder / "tokenizer.json"))
        (folder / "config.json").write_text(json.dumps({"model_type": made["type"], "architectures": ["LlamaForCausalLM"]}))
        for file, content in (("tokenizer_config.json", made["config"]), ("special_tokens_map.json", made["map"])):
            if content is not None:
                (folder / file).write_text(json.dumps(content))
        for file, text in made["files"].items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes(text.encode())
        talks = [{"messages": talk, "expected": expected(folder, talk)} for talk in TALKS]
        reference = transformers.AutoTokenizer.from_pretrained(folder)
        plain = None
        if type(reference).__name__ == "TokenizersBackend":  # others do not take tokenizer.json as it is
            plain = reference("Some text").input_ids
        cases.append({"name": name, "folder": folder.name, "model_type": made["type"], "talks": talks, "plain": plain})
    (root / "cases.json").write_text(json.dumps(cases))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
