"""Makes src/evaluation/fixtures/kenlm.json: perplexities by KenLM's lmplz and query.

    python3 test/goldens/make-kenlm-goldens.py LMPLZ QUERY

LMPLZ and QUERY are the programs that KenLM (https://github.com/kpu/kenlm) builds; the fixture says of which
commit. They learn from the beginning of corpora/tinyshakespeare.txt and score what follows it, both of which
they are given as a single line: one stream, as src/evaluation/ngram.ts has it. What is learned from has KenLM's <s>
before it and </s> after it, what is scored neither. The first token is not scored.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[2]
FIXTURE = ROOT / "src" / "evaluation" / "fixtures" / "kenlm.json"
COMMIT = "4cb443e60b7bf2c0ddf3c745378f76cb59e254e5"
TRAIN_CHARACTERS, HELD_OUT_CHARACTERS = 200_000, 20_000
CASES = [("characters", 2), ("characters", 5), ("characters", 6), ("words", 2), ("words", 3), ("words", 5)]
lmplz, query = sys.argv[1:]


def tokens_of(text, unit):
    """As words that hold no white space."""
    return text.split() if unit == "words" else [f"{ord(character):x}" for character in text]


def perplexity(model, tokens):
    """Of all tokens but the first; -n: no <s> stands before them, and no </s> after."""
    text = " ".join(tokens) + "\n"
    made = subprocess.run([query, "-n", "-v", "word", model], input=text, text=True, capture_output=True, check=True)
    scores = [float(entry.rsplit(" ", 1)[1]) for entry in made.stdout.split("\t") if entry.strip()]
    assert len(scores) == len(tokens)
    return 10 ** (-sum(scores[1:]) / (len(tokens) - 1))


def discounts_of(messages):
    """From the lines `ORDER COUNT D1=… D2=… D3+=…`."""
    lines = [line.split() for line in messages.splitlines() if "D3+=" in line and not line.startswith("Subst")]
    return [[float(field.split("=")[1]) for field in fields if field.startswith("D")] for fields in lines]


def case(unit, order):
    text = (ROOT / "corpora" / "tinyshakespeare.txt").read_text()
    train = tokens_of(text[:TRAIN_CHARACTERS], unit)
    held_out = tokens_of(text[TRAIN_CHARACTERS : TRAIN_CHARACTERS + HELD_OUT_CHARACTERS], unit)
    known = set(train)
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/model.arpa"
        made = subprocess.run(
            [lmplz, "-o", str(order), "-S", "1G", "-T", folder, "--discount_fallback", "--arpa", model],
            input=" ".join(train) + "\n", text=True, capture_output=True, check=True,
        )
        return {
            "unit": unit,
            "order": order,
            "discounts": discounts_of(made.stderr),
            "tokens": len(held_out) - 1,
            "unknown": sum(token not in known for token in held_out[1:]),
            "perplexity": perplexity(model, held_out),
        }


fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, KenLM {COMMIT}",
    "trainCharacters": TRAIN_CHARACTERS,
    "heldOutCharacters": HELD_OUT_CHARACTERS,
    "cases": [case(*each) for each in CASES],
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
for each in fixture["cases"]:
    print(each)
