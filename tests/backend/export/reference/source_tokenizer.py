# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a tokenizer into a model's folder. Usage: source_tokenizer.py FOLDER KIND TOKENIZER_CONFIG

KIND: "spaces", a SentencePiece vocabulary whose spaces a normaliser makes (Mistral 7B v0.1), or "bytes", a byte-level one that
splits digits, with Qwen's pattern where it is "qwen-bytes". TOKENIZER_CONFIG is the text of tokenizer_config.json; "": none.
"""

import pathlib
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def special(*tokens):
    return [AddedToken(token, special=True, normalized=False) for token in tokens]


def spaces():
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), "\u2581", *"abcdefghijklmnopqrstuvwxyz[]/INST<>"]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    merges = [("\u2581", "t"), ("t", "w"), ("\u2581", "s"), ("d", "s")]
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(special("<unk>", "<s>", "</s>"))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return tokenizer


def byte_level(qwen):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(alphabet)}
    merges = [("h", "e"), ("l", "l"), ("1", "2"), ("2", "3"), ("Ġ", "w")]
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    first = pre_tokenizers.Split(Regex(QWEN), "isolated") if qwen else pre_tokenizers.Digits(individual_digits=True)
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not qwen)
    if qwen:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Sequence([first, last]), decoders.ByteLevel()
    tokenizer.add_special_tokens(special("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    return tokenizer


folder, kind = pathlib.Path(sys.argv[1]), sys.argv[2]
(spaces() if kind == "spaces" else byte_level(kind == "qwen-bytes")).save(str(folder / "tokenizer.json"))
if sys.argv[3]:
    (folder / "tokenizer_config.json").write_text(sys.argv[3])
