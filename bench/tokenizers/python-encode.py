"""Encodes a text with Python's tokenizers, on one thread; prints what it took as one JSON object.

Usage: python-encode.py TOKENIZER TEXT BYTES, of whose beginning BYTES bytes are taken.
"""

import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
from tokenizers import Tokenizer, __version__  # noqa: E402

# Characters that are handed over at once: in larger pieces, and line by line, it is slower.
PIECE = 100_000

tokenizer = Tokenizer.from_file(sys.argv[1])
with open(sys.argv[2], "rb") as file:
    text = file.read(int(sys.argv[3])).decode("utf-8", "ignore")
pieces = [text[i : i + PIECE] for i in range(0, len(text), PIECE)]
tokenizer.encode(pieces[0])
started = time.perf_counter()
tokens = sum(len(tokenizer.encode(piece).ids) for piece in pieces)
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "tokens": tokens, "version": __version__}))
