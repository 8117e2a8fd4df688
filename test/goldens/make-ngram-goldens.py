"""Makes src/evaluation/fixtures/ngram.json: probabilities by interpolated modified Kneser-Ney smoothing.

    python3 test/goldens/make-ngram-goldens.py

Written straight from Chen and Goodman (1999), equations 20 to 26, over sets of tuples and in exact
fractions; the fallback for discounts is the one that src/evaluation/ngram.ts documents.
"""

import functools
import json
import pathlib
import random
from collections import Counter
from fractions import Fraction

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "evaluation" / "fixtures" / "ngram.json"
VOCABULARY = 24  # the last two ids never occur in training
ORDERS = [1, 2, 3, 5]
FALLBACK = [Fraction(1, 2), Fraction(1), Fraction(3, 2)]


def markov_text(generator, length, successors):
    text = [0]
    while len(text) < length:
        text.append(successors[text[-1]][min(int(generator.expovariate(0.7)), 7)])
    return text


def count_tables(train, order):
    """By length: what each n-gram counts. Below the order, in how many tokens it is continued to the left."""
    grams = {k: [tuple(train[i : i + k]) for i in range(len(train) - k + 1)] for k in range(1, order + 1)}
    tables = {order: Counter(grams[order])}
    for k in range(1, order):
        tables[k] = Counter(gram[1:] for gram in set(grams[k + 1]))
    return tables


def discounts_of(table):
    n = [sum(1 for count in table.values() if count == j) for j in range(5)]
    if 0 in n[1:4]:
        return FALLBACK
    y = Fraction(n[1], n[1] + 2 * n[2])
    found = [j - (j + 1) * y * Fraction(n[j + 1], n[j]) for j in (1, 2, 3)]
    return found if min(found) > 0 else FALLBACK


def model_of(train, order):
    tables = count_tables(train, order)
    discounts = {k: discounts_of(table) for k, table in tables.items()}

    @functools.lru_cache(maxsize=None)
    def probability(word, context):
        k = len(context) + 1
        lower = probability(word, context[1:]) if context else Fraction(1, VOCABULARY)
        following = [tables[k][(*context, v)] for v in range(VOCABULARY)]
        total = sum(following)
        if total == 0:
            return lower
        discount = lambda count: discounts[k][min(count, 3) - 1] if count else 0
        gamma = sum(discount(count) for count in following) / Fraction(total)
        count = following[word]
        return max(count - discount(count), 0) / Fraction(total) + gamma * lower

    return probability, discounts


def case(train, held_out, order):
    probability, discounts = model_of(train, order)
    contexts = [tuple(held_out[max(0, i - order + 1) : i]) for i in range(len(held_out))]
    return {
        "order": order,
        "discounts": [[float(d) for d in discounts[k]] for k in range(1, order + 1)],
        "probabilities": [float(probability(w, h)) for w, h in zip(held_out, contexts)],
    }


generator = random.Random(1999)
successors = [generator.sample(range(VOCABULARY - 2), 8) for _ in range(VOCABULARY)]
train = markov_text(generator, 1500, successors)
held_out = markov_text(generator, 250, successors)
# Tokens that training lacks, and contexts with them.
for place in (60, 61, 150):
    held_out[place] = VOCABULARY - 1
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}",
    "vocabularySize": VOCABULARY,
    "train": train,
    "heldOut": held_out,
    "cases": [case(train, held_out, order) for order in ORDERS],
}
FIXTURE.parent.mkdir(exist_ok=True)
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes")
for each in fixture["cases"]:
    print(each["order"], each["discounts"])
