"""Makes src/data/bpe/fixtures/file-tokenizers.json: small tokenizers of other kinds, and their ids.

    python3 test/goldens/bpe-file-tokenizers.py

Each is trained by Hugging Face's tokenizers on a part of human-rights-multilingual, in the make of a
well-known model, and encodes another part of it, without special tokens.
"""

import json
import pathlib

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, trainers
from tokenizers import pre_tokenizers as pre

ROOT = pathlib.Path(__file__).parents[2]
TARGET = ROOT / "src" / "data" / "bpe" / "fixtures" / "file-tokenizers.json"
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

text = (ROOT / "corpora" / "human-rights-multilingual.txt").read_bytes().decode()
lines = text.splitlines(keepends=True)
training = [line for line in lines if line.isascii()][:150]
sample = "".join(lines[:12]) + "Jeder hat das Recht, 1948. 人人生而自由 😀\n"


def bert():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=specials, show_progress=False)
    return tokenizer, trainer


def t5():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre.Sequence([pre.WhitespaceSplit(), pre.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=400, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>",
        show_progress=False,
    )
    return tokenizer, trainer


def llama_2():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=specials, show_progress=False, max_token_length=12
    )
    return tokenizer, trainer


def llama_3():
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre.Sequence(
        [pre.Split(Regex(LLAMA_3), "isolated"), pre.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<|begin_of_text|>", "<|end_of_text|>"],
        initial_alphabet=pre.ByteLevel.alphabet(),
        show_progress=False,
    )
    return tokenizer, trainer


def words():
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre.Whitespace()
    trainer = trainers.WordLevelTrainer(
        vocab_size=300, special_tokens=["[UNK]", "<eos>"], show_progress=False
    )
    return tokenizer, trainer


def case(name, make):
    tokenizer, trainer = make()
    tokenizer.train_from_iterator(training, trainer)
    if name == "llama-2":
        # Its bytes are tokens of the model, not special ones.
        written = json.loads(tokenizer.to_str())
        written["added_tokens"] = written["added_tokens"][:3]
        tokenizer = Tokenizer.from_str(json.dumps(written))
    if name == "llama-3":
        tokenizer.add_tokens([AddedToken("Menschenrechte", normalized=False)])
    tokenizer.encode_special_tokens = True
    ids = tokenizer.encode(sample, add_special_tokens=False).ids
    return {
        "name": name,
        "ids": ids,
        "decoded": tokenizer.decode(ids, skip_special_tokens=False),
        "json": json.loads(tokenizer.to_str()),
    }


makers = {"bert": bert, "t5": t5, "llama-2": llama_2, "llama-3": llama_3, "words": words}
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, tokenizers {tokenizers.__version__}",
    "sample": sample,
    "cases": [case(name, make) for name, make in makers.items()],
}
TARGET.write_text(json.dumps(fixture, ensure_ascii=False) + "\n")
print(TARGET, TARGET.stat().st_size, "bytes")
