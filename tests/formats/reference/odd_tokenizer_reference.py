# SPDX-License-Identifier: GPL-3.0-or-later
"""What Python's `tokenizers` makes of files that contradict themselves: ids that are taken, tokens listed twice, an
unknown token outside the vocabulary.

Usage: odd_tokenizer_reference.py FOLDER. Writes one JSON file a tokenizer: the tokenizer.json as text (or, in "gguf", a
GGUF's metadata), texts that are refused (hex), and cases as tokenizer_reference.py's.
"""

import json
import random
import sys
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers import models, decoders, pre_tokenizers
from tokenizer_reference import byte_level, cases, sentence_piece, sentence_piece_gguf

TEXTS = ["", "a", "x<t>y the quick abc", "<u>ab<v>", " <t> ", "<t><t><u>", "a b <pad>c", "the<t> the <u> word", "<unk>x", "<s>a</s>", "Ġthe the"]
UNKNOWN = ["中", "a中b", "\U0001f600 the", "the \u7e38"]


def added(number: int, content: str, **flags: bool) -> dict:
    token = {"id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {**token, **flags}


def bytes_document() -> dict:
    document = json.loads(byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)).to_str())
    document["added_tokens"] = []
    return document


def pieces_document(byte_fallback: bool) -> dict:
    document = json.loads(sentence_piece(byte_fallback=byte_fallback).to_str())
    document["post_processor"] = None
    return document


def odd_documents() -> dict[str, str]:
    """Name to the text of a tokenizer.json."""
    base = bytes_document()
    vocabulary = base["model"]["vocab"]
    size = len(vocabulary)
    piece = next(token for token, number in vocabulary.items() if number == 300)
    lists = {
        "id_taken": [added(300, "<t>")],
        "ids_taken": [added(5, "<t>"), added(6, "<u>", special=False), added(size, "<v>")],
        "id_far": [added(size + 40, "<t>"), added(size + 2, "<u>")],
        "id_twice": [added(size, "<t>"), added(size, "<u>")],
        "token_twice": [added(size, "<t>"), added(size + 1, "<t>"), added(size + 1, "<u>")],
        "token_twice_alike": [added(size, "<t>"), added(size, "<t>")],
        "flags_change": [added(size, "<t>"), added(size, "<t>", special=False, lstrip=True), added(size + 1, "<u>", special=False), added(size + 1, "<u>", rstrip=True)],
        "piece_elsewhere": [added(size + 3, piece), added(300, "<t>")],
        "empty": [added(size, ""), added(size, "<t>")],
        "normalized": [added(5, "the", normalized=True, special=False, single_word=True), added(size, "<t>", normalized=True)],
    }
    documents = {}
    for name, tokens in lists.items():
        documents[name] = json.dumps({**base, "added_tokens": tokens})
    draw = random.Random(5)
    pool = ["<t>", "<u>", "<v>", "<pad>", "the", " the", "a", "ab", piece, "Ġ", "word"]
    for i in range(40):
        tokens = [
            added(draw.choice([0, 5, 300, size - 1, size, size + 1, size + 2, size + 50]), draw.choice(pool), **{flag: draw.random() < 0.4 for flag in ("special", "lstrip", "rstrip", "single_word", "normalized")})
            for _ in range(draw.randint(1, 7))
        ]
        documents[f"drawn_{i}"] = json.dumps({**base, "added_tokens": tokens})

    holes = bytes_document()
    holes["model"]["vocab"][piece] = size + 20
    documents["hole_in_vocabulary"] = json.dumps({**holes, "added_tokens": [added(size, "<t>"), added(size + 30, "<u>")]})
    documents["hole_and_piece"] = json.dumps({**holes, "added_tokens": [added(size + 20, piece), added(size, "<t>")]})
    documents["vocabulary_twice"] = json.dumps(base).replace(f'{json.dumps(piece)}: 300', f'{json.dumps(piece)}: 300, {json.dumps(piece)}: {size + 7}', 1)
    strange = {**base, "added_tokens": [added(300, "<t>")]}
    for number in (300, size, size + 9):
        strange["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<t>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<t>": {"id": "<t>", "ids": [number], "tokens": ["<t>"]}},
        }
        documents[f"post_processor_{number - size}"] = json.dumps(strange)
    for token in ("<none>", "<t>"):
        unknown = bytes_document()
        unknown["model"]["unk_token"] = token
        documents[f"bytes_unknown_{token[1]}"] = json.dumps({**unknown, "added_tokens": [added(size, "<t>")]})
    for fallback in (True, False):
        for fuse in (True, False):
            unknown = pieces_document(fallback)
            unknown["model"].update(unk_token="<none>", fuse_unk=fuse)
            documents[f"unknown_{fallback}_{fuse}"] = json.dumps(unknown)
            unknown["added_tokens"].append(added(9, "<none>"))
            documents[f"unknown_added_{fallback}_{fuse}"] = json.dumps(unknown)
            if fallback:
                del unknown["model"]["vocab"]["<0xB8>"]
                documents[f"unknown_byte_{fuse}"] = json.dumps(unknown)
    return documents


def doubled_gguf() -> tuple[dict, Tokenizer]:
    """A byte-level token list with tokens twice, read as `transformers` reads lists: the last counts."""
    document = json.loads(byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])).to_str())
    tokens = [token for token, _ in sorted(document["model"]["vocab"].items(), key=lambda item: item[1])]
    merges = document["model"]["merges"]
    tokens += ["<s>", tokens[300], "</s>", tokens[70], "<s>"]
    metadata = {
        "general.architecture": "llama",
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [1] * (len(tokens) - 5) + [3, 1, 3, 1, 3],
        "tokenizer.ggml.merges": [" ".join(pair) for pair in merges],
    }
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, [tuple(pair) for pair in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "</s>"])
    return metadata, tokenizer


def doubled_pieces() -> tuple[dict, Tokenizer]:
    """A SentencePiece list with scores and tokens twice, its merges implied, as `transformers` reads it."""
    from tokenizers import AddedToken, processors
    from transformers.integrations.gguf.gguf_tokenizer_mapping import convert_gguf_tokenizer

    metadata, _ = sentence_piece_gguf("llama")
    tokens, types, scores = (metadata[f"tokenizer.ggml.{key}"] for key in ("tokens", "token_type", "scores"))
    for number in (280, 300, 301, 400):
        tokens.append(tokens[number])
        types.append(1)
        scores.append(scores[number] - 37.0)
    tokenizer, _ = convert_gguf_tokenizer("llama", {"tokenizer_type": "llama", "tokens": tokens, "scores": scores, "token_type": types})
    tokenizer.add_special_tokens([AddedToken("<unk>", special=True, normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return metadata, tokenizer


def encoded(tokenizer: Tokenizer, texts: list[str]) -> tuple[list[dict], list[str]]:
    taken, refused = [], []
    for text in texts:
        try:
            tokenizer.encode(text)
            taken.append(text.encode())
        except Exception:  # noqa: BLE001 (what `tokenizers` raises has no type of its own)
            refused.append(text.encode().hex())
    return cases(tokenizer, taken), refused


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in odd_documents().items():
        found, refused = encoded(Tokenizer.from_str(text), TEXTS + UNKNOWN)
        (folder / f"{name}.json").write_text(json.dumps({"text": text, "cases": found, "refused": refused}))
    for name, (metadata, tokenizer) in (("gguf_bytes", doubled_gguf()), ("gguf_pieces", doubled_pieces())):
        found = [case for case in cases(tokenizer, [text.encode() for text in TEXTS + UNKNOWN]) if "text" in case]
        (folder / f"{name}.json").write_text(json.dumps({"gguf": metadata, "cases": found, "refused": []}))


if __name__ == "__main__":
    main()
