"""Makes src/data/bpe/fixtures/goldens.json: byte-level BPE by Hugging Face's tokenizers.

    python3 test/goldens/bpe-goldens.py

Tokenizers are trained on each corpus of this project, and encode all of them. So that the file stays
small, it has hashes of merges and ids, and some of the merges.

src/data/bpe/fixtures/tokenizer.json is what gru-lm writes after training on tinyshakespeare with a
vocabulary of 512; a test holds it against what gru-lm writes now. It is read here, and its ids, also of
a text that has every code point, are in the goldens as well.
"""

import hashlib
import json
import pathlib
import struct

import tokenizers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

ROOT = pathlib.Path(__file__).parents[2]
FIXTURES = ROOT / "src" / "data" / "bpe" / "fixtures"
CORPORA = [
    "human-rights-chinese",
    "human-rights-multilingual",
    "presidential-addresses",
    "tinyshakespeare",
]
# (corpus, vocabulary size, lowest count, lowercase, whether each line is a document)
CASES = [
    ("human-rights-chinese", 512, 2, False, False),
    ("human-rights-chinese", 4096, 2, False, False),
    ("human-rights-multilingual", 512, 2, False, False),
    ("human-rights-multilingual", 4096, 2, False, False),
    ("human-rights-multilingual", 4096, 5, True, True),
    ("presidential-addresses", 512, 2, False, False),
    ("presidential-addresses", 4096, 2, False, False),
    ("tinyshakespeare", 512, 2, False, False),
    ("tinyshakespeare", 4096, 2, False, False),
    ("tinyshakespeare", 1000, 0, False, True),
]


def read(corpus):
    return (ROOT / "corpora" / f"{corpus}.txt").read_bytes().decode()


def every_code_point():
    before = ["a", "1", "!", " ", "\n", "'"]
    code_points = (c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF)
    return "".join(before[c % len(before)] + chr(c) for c in code_points)


def train(documents, size, lowest_count, lowercase):
    tokenizer = Tokenizer(models.BPE())
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=lowest_count,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def encode_all(tokenizer, texts):
    tokenizer.encode_special_tokens = True
    found = {}
    for name, text in texts.items():
        ids = tokenizer.encode(text).ids
        data = struct.pack(f"<{len(ids)}i", *ids)
        found[name] = {"tokens": len(ids), "sha256": hashlib.sha256(data).hexdigest()}
    return found


def case(corpus, size, lowest_count, lowercase, by_line):
    text = read(corpus)
    tokenizer = train(
        text.splitlines(keepends=True) if by_line else [text], size, lowest_count, lowercase
    )
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    lines = "\n".join(" ".join(merge) for merge in merges)
    return {
        "corpus": corpus,
        "vocabularySize": size,
        "minCount": lowest_count,
        "lowercase": lowercase,
        "byLine": by_line,
        "merges": len(merges),
        "firstMerges": merges[:5],
        "lastMerges": merges[-5:],
        "mergesSha256": hashlib.sha256(lines.encode()).hexdigest(),
        "encoded": encode_all(tokenizer, TEXTS),
    }


TEXTS = {corpus: read(corpus) for corpus in CORPORA}
written = Tokenizer.from_file(str(FIXTURES / "tokenizer.json"))
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, tokenizers {tokenizers.__version__}",
    "cases": [case(*settings) for settings in CASES],
    "written": encode_all(written, TEXTS | {"every code point": every_code_point()}),
}
target = FIXTURES / "goldens.json"
target.write_text(json.dumps(fixture, ensure_ascii=False, indent=1) + "\n")
print(target, target.stat().st_size, "bytes")
