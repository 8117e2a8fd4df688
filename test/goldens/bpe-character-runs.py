"""Makes src/data/bpe/character-runs.ts: the class that each code point has for Hugging Face's ByteLevel.

    python3 test/goldens/bpe-character-runs.py

Every code point is pre-tokenized beside a letter, a number and another sign: it is of the class with
whose sample it makes one pre-token, or white space if it makes one with none. Surrogates, which a
text cannot have, count as other.
"""

import itertools
import pathlib

import tokenizers
from tokenizers.pre_tokenizers import ByteLevel

TARGET = pathlib.Path(__file__).parents[2] / "src" / "data" / "bpe" / "character-runs.ts"
SAMPLES = {"L": "a", "N": "1", "O": "!"}
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
WIDTH = 92

byte_level = ByteLevel(add_prefix_space=False, use_regex=True)


def character_class(code_point):
    if 0xD800 <= code_point <= 0xDFFF:
        return "O"
    for name, sample in SAMPLES.items():
        if len(byte_level.pre_tokenize_str(sample + chr(code_point))) == 1:
            return name
    return "S"


def base36(number):
    return (base36(number // 36) if number >= 36 else "") + DIGITS[number % 36]


runs = [
    name + base36(len(list(run)))
    for name, run in itertools.groupby(character_class(c) for c in range(0x110000))
]
encoded = "".join(runs[:-1])
lines = [encoded[i : i + WIDTH] for i in range(0, len(encoded), WIDTH)]
joined = " +\n".join(f"  '{line}'" for line in lines)
TARGET.write_text(
    f"""/**
 * The classes of all code points from U+0000 on, as Hugging Face's ByteLevel pre-tokenizer has them:
 * letters (L), numbers (N), white space (S) and others (O). A run of code points of one class is its
 * letter and its length in base 36; after the last run all are others.
 *
 * Made by test/goldens/bpe-character-runs.py with tokenizers {tokenizers.__version__} (Unicode 16).
 */
export const CHARACTER_RUNS =
{joined};
"""
)
print(TARGET, TARGET.stat().st_size, "bytes")
