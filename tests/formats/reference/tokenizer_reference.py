# SPDX-License-Identifier: GPL-3.0-or-later
"""What Python's `tokenizers` makes of difficult text, for tokenizers of every family, trained here.

Usage: tokenizer_reference.py FOLDER [GGUF]. Writes one JSON file a tokenizer: the document (a tokenizer.json, or a GGUF's
metadata), and cases with text (hex) and the ids and texts expected. With GGUF: that file's tokenizer as well.
"""

import json
import random
import sys
import unicodedata
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

PROSE = [
    "The quick brown fox doesn't jump over the lazy dog's back; it's 12345 times 67890, isn't it? We'll see, I'd say.",
    "def add(a, b):\n    return a + b  # adds\n\nfor i in range(10):\n\tprint(f\"{i:03d}\", end='')\r\n",
    "int main(void) { std::vector<int> v{1, 2, 3}; return v[0] != 0x1F ? 1 : 0; } // done /* x */ <tag attr=\"1\"/>",
    "Ünïcödé naïve café coöperate straße Ærø łódź İstanbul ǅungla Ελληνικά γλώσσα Русский язык Ўзбек",
    "中文分词测试，這是繁體中文。日本語のテキスト、カタカナとひらがな。한국어 텍스트입니다 가나다",
    "العربية نص تجريبي ١٢٣ עברית טקסט हिन्दी में पाठ १२३ ภาษาไทยไม่มีเว้นวรรค தமிழ் বাংলা ગુજરાતી",
    "👩‍👩‍👧‍👦 👍🏽 🇩🇪🇫🇷 ❤️ 🧑🏿‍🚀 e\u0301 a\u030a\u0323 \u1100\u1161\u11a8 ﬁ ﬂ ℌ ① Ⅳ ½ ² x₂ ﷺ ǆ",
    "a\u00a0b\u3000c\u2003d\u2028e\u2029f\u200bg\u200ch\u200di\ufeffj\u180ek\u0085l\x0bm\x0cn\x1cx",
]

TEXTS = PROSE + [
    "", " ", "  ", "   ", "\n", "\r\n", "\r\n\r\n", "\t", "\t\t x", " \n ", "\n\n\n", "a", " a", "a ", "  a  ", "\n a\n",
    "a  b", "a   b", "a\n\n  b", "x \t\n y", " \u00a0 x", "\u3000\u3000x", "\u2028", "\u180e", "a\u180eb", "\x00", "a\x00b\x00",
    "\x01\x02\x7f\x80\x9f", "'s'S'T'RE'Ll'd'D ' s \u2019s '\u017f", "I'M YOU'RE we'Ve", "1234567890", "1 22 333 4444 55555",
    "3.14159e-10", "٣٤٥ ४५६ Ⅷ ¾ ①② 一二三", "x" * 100, "ab" * 100, " " * 300, "\n" * 50, " \n" * 30, "." * 77, "=" * 33 + "\n",
    "-->", "<|endoftext|>", "<|im_start|>user\nhi<|im_end|>\n", "a<|endoftext|>b", " <|endoftext|> x", "<|endoftext|><|endoftext|>",
    "<|endof", "<s>hi</s>", "<mask>", "x<mask>y", "x <mask> y", "a wörd word words sword word.", " word ", "WORD Word",
    "<one>", "<one><one>", "x<one>", "<longest token><longest", "<longer>", "<long>", "<unk>", "<0x0A>", "▁", "▁▁ ▁", "a▁b", " ▁x",
    "Ġ", "Ċ", "ĠĠhello", "Āā", "http://example.com/a?b=c&d=%20#frag", "foo_bar __init__ CamelCase snake_case SCREAMING",
    "\u0301abc", "e\u0301e\u0301", "\u212b \u00c5 A\u030a", "\u1e9b\u0323", "\uac00 \u1100\u1161", "\ufb01", "\u0344", "\u0958",
    "\U0001d15e", "\u2126", "\u0130I\u0131i", "ΑΣ ΑΣΑ", "ẞ", "\U0010ffff", "\ue000", "\ufffd", "\ufffe", "\U000e0001",
]
BYTES = [
    b"\xff", b"a\xffb", b"\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82a", b"\xf0\x9f\x98", b"\xf0\x9f\x98 x", b"\xed\xa0\x80",
    b"\xc0\x80", b"\xe0\x80\x80", b"\xf5\x80\x80\x80", b"\xf4\x90\x80\x80", b"\x80\x80\x80", b"ok \xfe\xfe ok", b"\xe2\x28\xa1",
    b"\xf0\x80\x80\x80", b"\xf0\x90\x28\xbc", b"\xf8\xa1\xa1\xa1\xa1",
]


def fuzz(count: int, seed: int) -> list[bytes]:
    """Random text: pieces of the prose, white space, and assigned characters of all kinds."""
    draw = random.Random(seed)
    pool = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    spaces = [" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2028", "    "]
    marks = ["<|endoftext|>", "<s>", "</s>", "<mask>", "word", "<one>", "<long>", "<longest token>", "▁"]
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(draw.randint(1, 12)):
            kind = draw.random()
            if kind < 0.35:
                prose = draw.choice(PROSE)
                begin = draw.randrange(len(prose))
                parts.append(prose[begin : begin + draw.randint(1, 12)])
            elif kind < 0.55:
                parts.append(draw.choice(spaces))
            elif kind < 0.62:
                parts.append(draw.choice(marks))
            elif kind < 0.7:
                parts.append(str(draw.randint(0, 10**9)))
            elif kind < 0.8:
                parts.append(chr(draw.randrange(0x20, 0x7F)) * draw.randint(1, 5))
            else:
                parts.append("".join(draw.choice(pool) for _ in range(draw.randint(1, 4))))
        data = "".join(parts).encode()
        if draw.random() < 0.1 and data:
            cut = draw.randrange(len(data))
            data = data[:cut] + bytes([draw.randrange(256)]) + data[cut + 1 :]
        texts.append(data)
    return texts


ADDED = [
    AddedToken("<|endoftext|>", special=True, normalized=False),
    AddedToken("<|im_start|>", special=True, normalized=False),
    AddedToken("<|im_end|>", special=True, normalized=False),
    AddedToken("<mask>", special=True, normalized=False, lstrip=True),
    AddedToken("<one>", special=False, normalized=False, rstrip=True),
    AddedToken("<long>", special=False, normalized=False),
    AddedToken("<longer>", special=False, normalized=False),
    AddedToken("<longest token>", special=True, normalized=False),
    AddedToken("word", special=False, normalized=True, single_word=True),
]


def train(tokenizer: Tokenizer, **options) -> Tokenizer:
    trainer = trainers.BpeTrainer(vocab_size=1200, show_progress=False, **options)
    tokenizer.train_from_iterator([text for text in PROSE for _ in range(4)], trainer)
    tokenizer.add_tokens(ADDED)
    return tokenizer


def byte_level(pre_tokenizer, normalizer=None, **model) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return train(tokenizer, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def split_then_bytes(*patterns: str):
    splits = [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns]
    return pre_tokenizers.Sequence(splits + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def sentence_piece(normalizer=None, pre_tokenizer=None, decoder=None, byte_fallback=True, **model) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=byte_fallback, **model))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    special = ["<unk>", "<s>", "</s>"] + ([f"<0x{b:02X}>" for b in range(256)] if byte_fallback else [])
    train(tokenizer, special_tokens=special, limit_alphabet=150)
    document = json.loads(tokenizer.to_str())
    document["added_tokens"] = [t for t in document["added_tokens"] if not t["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(document))
    tokenizer.decoder = decoder or decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    bos = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", bos), ("</s>", bos + 1)])
    return tokenizer


def families() -> dict[str, Tokenizer]:
    prepend = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    byte_pieces = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made = {
        "gpt2": byte_level(byte_pieces),
        "gpt2_prefix": byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)),
        "smollm": byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_pieces])),
        "digits": byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), byte_pieces])),
        "llama3": byte_level(split_then_bytes(LLAMA3), ignore_merges=True),
        "qwen2": byte_level(split_then_bytes(QWEN2), normalizers.NFC()),
        "tekken": byte_level(split_then_bytes(TEKKEN), ignore_merges=True),
        "posix": byte_level(split_then_bytes(r"[[:alpha:]]+|[[:digit:]]|[[:punct:][:^print:]]+|[[:space:]]+|[\w]|[^[:word:][:space:]]+")),
        "nfkc": byte_level(byte_pieces, normalizers.Sequence([normalizers.NFKC(), normalizers.Strip(True, True)])),
        "lowercase": byte_level(byte_pieces, normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase()])),
        "nfkd": byte_level(byte_pieces, normalizers.NFKD()),
        "punctuation": byte_level(
            pre_tokenizers.Sequence([pre_tokenizers.Punctuation("merged_with_next"), pre_tokenizers.WhitespaceSplit(), byte_pieces])
        ),
        "llama2": sentence_piece(prepend, fuse_unk=True),
        "llama2_unknown": sentence_piece(prepend, byte_fallback=False, fuse_unk=True),
        "unknown_apart": sentence_piece(prepend, byte_fallback=False, fuse_unk=False),
        "gemma": sentence_piece(
            normalizers.Replace(" ", "▁"),
            pre_tokenizers.Split(" ", "merged_with_previous"),
            decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]),
            fuse_unk=True,
        ),
    }
    for scheme in ("first", "always", "never"):
        for split in (True, False):
            made[f"metaspace_{scheme}_{split}"] = sentence_piece(
                pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split),
                decoder=decoders.Metaspace(prepend_scheme=scheme) if split else None,
                fuse_unk=True,
            )
    for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        for invert in (True, False):
            pattern = pre_tokenizers.Split(Regex(r"[\s\d]|ab*|(?i:THE)|\w\b|\p{Han}\W"), behavior, invert)
            made[f"split_{behavior}_{invert}"] = byte_level(
                pre_tokenizers.Sequence([pattern, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
            )
    return made


def cases(tokenizer: Tokenizer, texts: list[bytes]) -> list[dict]:
    out = []
    for data in texts:
        text = data.decode("utf-8", errors="replace")
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        added = tokenizer.encode(text).ids
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = False
        out.append(
            {
                "text": data.hex(),
                "ids": ids,
                "added": added,
                "plain": plain,
                "decoded": tokenizer.decode(ids, skip_special_tokens=False).encode().hex(),
                "skipped": tokenizer.decode(added, skip_special_tokens=True).encode().hex(),
            }
        )
    # Ids in any order: bytes that are no text, tokens out of their place.
    draw = random.Random(7)
    for _ in range(200):
        ids = [draw.randrange(tokenizer.get_vocab_size() + 3) for _ in range(draw.randint(0, 12))]
        out.append({"decode": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False).encode().hex()})
    return out


def of_gguf(path: str) -> tuple[dict, Tokenizer]:
    """The metadata, and the tokenizer it describes when "smollm" splits every digit off."""
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    metadata = {name: field.contents() for name, field in fields.items() if name.startswith(("tokenizer.", "general.arch"))}
    assert metadata["tokenizer.ggml.pre"] == "smollm"
    tokens = metadata["tokenizer.ggml.tokens"]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, [tuple(m.split(" ")) for m in metadata["tokenizer.ggml.merges"]]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens(
        [AddedToken(t, special=True, normalized=False) for t, kind in zip(tokens, metadata["tokenizer.ggml.token_type"]) if kind == 3]
    )
    return metadata, tokenizer


def sentence_piece_gguf(architecture: str) -> tuple[dict, Tokenizer]:
    """A SentencePiece vocabulary with scores, as a GGUF holds it, and `transformers`' reading of it."""
    from transformers.integrations.gguf.gguf_tokenizer_mapping import convert_gguf_tokenizer

    gemma = architecture == "gemma3"
    trained = sentence_piece(normalizers.Replace(" ", "▁") if gemma else normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]))
    vocab = sorted(json.loads(trained.to_str())["model"]["vocab"].items(), key=lambda item: item[1])
    tokens = [token for token, _ in vocab]
    types = [2 if t == "<unk>" else 3 if t in ("<s>", "</s>") else 6 if t.startswith("<0x") and len(t) == 6 else 1 for t in tokens]
    # User-defined tokens; Gemma writes runs of spaces plain.
    for token in ["\n\n", "<one>"] + ["▁" * length for length in range(2, 6) if gemma]:
        if token not in tokens:
            tokens.append(token)
            types.append(4)
        index = tokens.index(token)
        types[index] = 4
        tokens[index] = token.replace("▁", " ") if gemma else token
    if gemma:  # `transformers`' class for it would add those that are missing.
        tokens += ["<bos>", "<eos>", "<pad>", "<mask>"]
        types += [3, 3, 3, 3]
    # Scores in steps, so that some tie.
    scores = [0.0 if kind != 1 else -float(index // 3) for index, kind in enumerate(types)]
    metadata = {
        "general.architecture": architecture,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": scores,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
    }
    tokenizer, _ = convert_gguf_tokenizer(architecture, {"tokenizer_type": "llama", "tokens": tokens, "scores": scores, "token_type": types})
    tokenizer.add_special_tokens([AddedToken("<unk>", special=True, normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return metadata, tokenizer


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    texts = [text.encode() for text in TEXTS] + BYTES + fuzz(int(sys.argv[3]) if len(sys.argv) > 3 else 500, 2024)

    def write(name: str, kind: str, document: dict, tokenizer: Tokenizer) -> None:
        content = {"kind": kind, "document": document, "cases": cases(tokenizer, texts)}
        (folder / f"{name}.json").write_text(json.dumps(content))

    for name, tokenizer in families().items():
        document = json.loads(tokenizer.to_str())
        write(name, "json", document, Tokenizer.from_str(json.dumps(document)))
        if name == "gpt2":  # The older spelling of merges.
            document["model"]["merges"] = [" ".join(pair) for pair in document["model"]["merges"]]
            write("gpt2_old", "json", document, tokenizer)
    for architecture in ("llama", "gemma3"):
        write(f"gguf_{architecture}", "gguf", *sentence_piece_gguf(architecture))
    if len(sys.argv) > 2 and sys.argv[2]:
        write("gguf_file", "gguf", *of_gguf(sys.argv[2]))


if __name__ == "__main__":
    main()
