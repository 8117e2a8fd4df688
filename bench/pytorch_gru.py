"""Training speed of the same model in PyTorch: Embedding, nn.GRU, Linear; Adam, clipped by norm.

Usage: pytorch_gru.py VOCABULARY EMBEDDING HIDDEN LAYERS BATCH STEPS RUNS
Prints one JSON object: tokens a second by the median step, and the versions.
"""

import json
import statistics
import sys
import time

import torch
from torch import nn

vocabulary, embedding, hidden, layers, batch, steps, runs = (int(a) for a in sys.argv[1:8])
torch.manual_seed(0)


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.gru = nn.GRU(embedding, hidden, layers)
        self.fc = nn.Linear(hidden, vocabulary)

    def forward(self, ids, state):
        outputs, state = self.gru(self.embedding(ids), state)
        return self.fc(outputs), state


model = LanguageModel()
parameters = list(model.parameters())
optimizer = torch.optim.Adam(parameters, 1e-3, fused=True)
criterion = nn.CrossEntropyLoss()
inputs = torch.randint(0, vocabulary, (steps, batch))
targets = torch.randint(0, vocabulary, (steps, batch))
state = torch.zeros(layers, batch, hidden)


def train_step(state):
    optimizer.zero_grad()
    logits, state = model(inputs, state.detach())
    loss = criterion(logits.view(-1, vocabulary), targets.view(-1))
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    loss.item()
    return state


seconds = []
for _ in range(runs + 2):
    started = time.perf_counter()
    state = train_step(state)
    seconds.append(time.perf_counter() - started)
median = statistics.median(seconds[2:])
print(
    json.dumps(
        {
            "tokensPerSecond": batch * steps / median,
            "version": torch.__version__,
            "threads": torch.get_num_threads(),
        }
    )
)
