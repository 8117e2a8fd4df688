"""Makes src/evaluation/fixtures/word-model.json: a small GRU word model in PyTorch, and its validation loss.

    python3 test/goldens/make-word-model-goldens.py

Model, corpus, batches, training and evaluation are those of PyTorch's word_language_model example
(https://github.com/pytorch/examples/tree/main/word_language_model, data.py, model.py and main.py), but for
their sizes, and for words that are not among the 98 most frequent, which are <unk> as in the example's own
texts. Weights are float32 in base64, by the names that the example gives them.
"""

import base64
import json
import math
import pathlib
from collections import Counter

import torch
from torch import nn

PROJECT = pathlib.Path(__file__).parents[2]
FIXTURE = PROJECT / "src" / "evaluation" / "fixtures" / "word-model.json"
TEXT = "corpora/tinyshakespeare.txt"
TRAIN_LINES, VALID_LINES = (0, 4000), (4000, 4700)
WORDS, UNITS, LAYERS = 98, 16, 2
BATCH, EVAL_BATCH, BPTT = 20, 10, 35
EPOCHS, RATE, CLIP_NORM = 2, 5.0, 0.25


class Dictionary:
    def __init__(self):
        self.word2idx = {}
        self.idx2word = []

    def add_word(self, word):
        if word not in self.word2idx:
            self.idx2word.append(word)
            self.word2idx[word] = len(self.idx2word) - 1
        return self.word2idx[word]


def tokenize(dictionary, lines, known):
    ids = []
    for line in lines:
        for word in line.split() + ["<eos>"]:
            word = word if word in known or word == "<eos>" else "<unk>"
            ids.append(dictionary.add_word(word))
    return torch.tensor(ids)


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, nlayers):
        super().__init__()
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.GRU(ninp, nhid, nlayers)
        self.decoder = nn.Linear(nhid, ntoken)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)
        self.ntoken, self.nhid, self.nlayers = ntoken, nhid, nlayers

    def forward(self, input, hidden):
        output, hidden = self.rnn(self.encoder(input), hidden)
        decoded = self.decoder(output).view(-1, self.ntoken)
        return nn.functional.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        return torch.zeros(self.nlayers, bsz, self.nhid)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    data = data.narrow(0, 0, nbatch * bsz)
    return data.view(bsz, -1).t().contiguous()


def get_batch(source, i):
    seq_len = min(BPTT, len(source) - 1 - i)
    return source[i : i + seq_len], source[i + 1 : i + 1 + seq_len].view(-1)


def evaluate(model, criterion, data_source):
    model.eval()
    total_loss = 0.0
    hidden = model.init_hidden(EVAL_BATCH)
    with torch.no_grad():
        for i in range(0, data_source.size(0) - 1, BPTT):
            data, targets = get_batch(data_source, i)
            output, hidden = model(data, hidden)
            total_loss += len(data) * criterion(output, targets).item()
    return total_loss / (len(data_source) - 1)


def train(model, criterion, train_data):
    model.train()
    hidden = model.init_hidden(BATCH)
    for i in range(0, train_data.size(0) - 1, BPTT):
        data, targets = get_batch(train_data, i)
        model.zero_grad()
        output, hidden = model(data, hidden.detach())
        criterion(output, targets).backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-RATE)


torch.manual_seed(1111)
torch.set_num_threads(1)
lines = (PROJECT / TEXT).read_text().split("\n")
train_lines, valid_lines = lines[slice(*TRAIN_LINES)], lines[slice(*VALID_LINES)]
counts = Counter(word for line in train_lines for word in line.split())
known = {word for word, _ in counts.most_common(WORDS)}
dictionary = Dictionary()
train_ids = tokenize(dictionary, train_lines, known)
valid_ids = tokenize(dictionary, valid_lines, known)
model = RNNModel(len(dictionary.idx2word), UNITS, UNITS, LAYERS)
criterion = nn.NLLLoss()
train_data, valid_data = batchify(train_ids, BATCH), batchify(valid_ids, EVAL_BATCH)
before = evaluate(model, criterion, valid_data)
for _ in range(EPOCHS):
    train(model, criterion, train_data)
loss = evaluate(model, criterion, valid_data)
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
    "text": {"file": TEXT, "firstLine": VALID_LINES[0], "lines": VALID_LINES[1] - VALID_LINES[0]},
    "words": dictionary.idx2word,
    "units": UNITS,
    "layers": LAYERS,
    "evalBatchSize": EVAL_BATCH,
    "tokens": len(valid_ids),
    "scoredTokens": EVAL_BATCH * (len(valid_data) - 1),
    "loss": loss,
    "perplexity": math.exp(loss),
    "weights": {
        name: {
            "shape": list(tensor.shape),
            "data": base64.b64encode(tensor.numpy().astype("<f4").tobytes()).decode(),
        }
        for name, tensor in model.state_dict().items()
    },
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes; loss", before, "->", loss, "vocabulary", model.ntoken)
