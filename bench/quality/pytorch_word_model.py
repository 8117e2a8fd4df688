"""The recipe of PyTorch's word_language_model example for a GRU, for a given time.

Two layers of 200 with dropout 0.2, twenty contiguous streams in windows of 35 with the state carried on,
gradients clipped to a norm of 0.25, plain SGD whose rate is divided by four after each epoch that does
not predict the validation text better than the best before it. The best model is what counts.

Only training counts as time, not the recipe's validations, and the model is also looked at when the time
is over, within an epoch. Prints one JSON object an epoch and one at the end, whose `validNatsPerToken` is
gru-lm's measure: the whole validation part as one stream, every token but the first, the state carried.
"""

import argparse
import copy
import json
import time

import numpy
import torch
import torch.nn.functional as F
from torch import nn

# B streams, T steps of a window, H units of a layer, V tokens of the vocabulary.
UNITS, LAYERS, DROPOUT = 200, 2, 0.2
STREAMS, VALIDATION_STREAMS, WINDOW = 20, 10, 35
CLIP_NORM, INITIAL_RANGE, DIVISOR = 0.25, 0.1, 4.0
FINAL_WINDOW = 1000


class WordModel(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.drop = nn.Dropout(DROPOUT)
        self.embedding = nn.Embedding(vocabulary, UNITS)
        self.gru = nn.GRU(UNITS, UNITS, LAYERS, dropout=DROPOUT)
        self.decoder = nn.Linear(UNITS, vocabulary)
        nn.init.uniform_(self.embedding.weight, -INITIAL_RANGE, INITIAL_RANGE)
        nn.init.uniform_(self.decoder.weight, -INITIAL_RANGE, INITIAL_RANGE)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, ids, state):
        """ids [T, B], state [layers, B, H] -> scores [T·B, V], state."""
        outputs, state = self.gru(self.drop(self.embedding(ids)), state)
        return self.decoder(self.drop(outputs)).flatten(0, 1), state


def streams_of(ids, count):
    """ids [N] -> [N // count, count]: contiguous streams, the rest trimmed."""
    length = len(ids) // count
    return ids[: length * count].view(count, length).t().contiguous()


def windows_of(streams, steps):
    """Each window of streams [N, B] with its targets: [T, B], [T·B]."""
    for start in range(0, len(streams) - 1, steps):
        length = min(steps, len(streams) - 1 - start)
        yield (
            streams[start : start + length],
            streams[start + 1 : start + 1 + length].reshape(-1),
        )


def initial_state(streams):
    return torch.zeros(LAYERS, streams.shape[1], UNITS)


@torch.inference_mode()
def evaluate(model, streams, steps):
    """Mean nats a token over all of streams [N, B] but their first tokens."""
    model.eval()
    state, nats, tokens = initial_state(streams), 0.0, 0
    for ids, targets in windows_of(streams, steps):
        scores, state = model(ids, state)
        nats += F.cross_entropy(scores, targets, reduction="sum").item()
        tokens += len(targets)
    model.train()
    return nats / tokens


class Training:
    """Epochs until the time is over, with the best model kept."""

    def __init__(self, model, train, valid, rate, seconds):
        self.model, self.rate, self.seconds_left = model, rate, seconds
        self.train = streams_of(train, STREAMS)
        self.valid = streams_of(valid, VALIDATION_STREAMS)
        self.parameters = list(model.parameters())
        self.steps = self.tokens = 0
        self.best_nats, self.best_weights = float("inf"), None

    def step(self, ids, targets, state):
        self.model.zero_grad()
        scores, state = self.model(ids, state)
        F.cross_entropy(scores, targets).backward()
        nn.utils.clip_grad_norm_(self.parameters, CLIP_NORM)
        with torch.no_grad():
            for parameter in self.parameters:
                parameter.add_(parameter.grad, alpha=-self.rate)
        self.steps += 1
        self.tokens += len(targets)
        return state.detach()

    def epoch(self):
        """Trains on the whole text, or until the time is over; returns the share that was trained on."""
        state, before = initial_state(self.train), self.tokens
        started = time.perf_counter()
        for ids, targets in windows_of(self.train, WINDOW):
            state = self.step(ids, targets, state)
            if time.perf_counter() - started >= self.seconds_left:
                break
        self.seconds_left -= time.perf_counter() - started
        return (self.tokens - before) / (self.train.numel() - STREAMS)

    def validate(self):
        """Keeps the model if it is the best; else lowers the rate. Returns its nats."""
        nats = evaluate(self.model, self.valid, WINDOW)
        if nats < self.best_nats:
            self.best_nats = nats
            self.best_weights = copy.deepcopy(self.model.state_dict())
        else:
            self.rate /= DIVISOR
        return nats


def read_ids(path):
    return torch.from_numpy(numpy.fromfile(path, dtype="<i4").astype(numpy.int64))


def say(**figures):
    print(json.dumps(figures), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", required=True, help="token ids, int32, little-endian")
    parser.add_argument("--valid", required=True, help="the same of the validation part")
    parser.add_argument("--vocabulary", type=int, required=True)
    parser.add_argument("--lr", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    model = WordModel(options.vocabulary)
    valid = read_ids(options.valid)
    training = Training(model, read_ids(options.train), valid, options.lr, options.seconds)
    epochs = 0.0
    while training.seconds_left > 0:
        rate = training.rate
        epochs += training.epoch()
        nats = training.validate()
        seconds = options.seconds - training.seconds_left
        say(event="epoch", epochs=epochs, lr=rate, seconds=seconds, validNatsPerToken=nats)

    if training.best_weights is not None:
        model.load_state_dict(training.best_weights)
    say(
        event="end",
        lr=options.lr,
        lastLr=training.rate,
        epochs=epochs,
        steps=training.steps,
        tokensPerSecond=training.tokens / (options.seconds - training.seconds_left),
        bestValidNatsPerToken=training.best_nats,
        validNatsPerToken=evaluate(model, valid.view(-1, 1), FINAL_WINDOW),
        pytorch=torch.__version__,
    )


main()
