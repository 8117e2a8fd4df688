"""The model in PyTorch: Embedding, nn.GRU, Linear."""

import torch
from torch import nn


class LanguageModel(nn.Module):
    def __init__(self, vocabulary, embedding, hidden, layers):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.gru = nn.GRU(embedding, hidden, layers)
        self.fc = nn.Linear(hidden, vocabulary)

    def forward(self, ids, state):
        """ids [T, B], state [layers, B, H] -> logits [T, B, V], state."""
        outputs, state = self.gru(self.embedding(ids), state)
        return self.fc(outputs), state


def model_of(work):
    """The model of a benchmark's settings, and as many threads as they say."""
    torch.set_num_threads(work.threads)
    torch.set_num_interop_threads(work.threads)
    torch.manual_seed(0)
    return LanguageModel(work.vocabulary, work.embedding, work.hidden, work.layers)
