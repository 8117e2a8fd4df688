"""Makes src/ops/fixtures/language-model.json, a tiny Embedding -> nn.GRU -> Linear in PyTorch, and
src/ops/fixtures/language-model-lstm.json, -rnn.json and -mingru.json, the same with nn.LSTM, nn.RNN and a
minGRU (Feng et al. 2024).

    python3 test/goldens/make-language-model-goldens.py

Each has a state dict, token ids, states, logits, mean cross-entropy and the gradient of each parameter;
and the logits and final state of one stream of text that begins with a state of zeros. The states of an
LSTM are those of h, then those of c. Numbers are float32; PyTorch computes in float64.
"""

import json
import pathlib

import torch

FIXTURES = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures"
V, E, H, LAYERS = 7, 4, 5, 2
T, B = 6, 3


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


class MinGRU(torch.nn.Module):
    """As make-min-gru-goldens.py has it, in layers named as those of nn.GRU."""

    def __init__(self, inputs, hidden, layers):
        super().__init__()
        self.layers = layers
        for k in range(layers):
            size = inputs if k == 0 else hidden
            setattr(self, f"weight_ih_l{k}", torch.nn.Parameter(torch.empty(2 * hidden, size)))
            setattr(self, f"bias_ih_l{k}", torch.nn.Parameter(torch.empty(2 * hidden)))

    def forward(self, x, states):
        final_states = []
        for k in range(self.layers):
            weight, bias = getattr(self, f"weight_ih_l{k}"), getattr(self, f"bias_ih_l{k}")
            outputs = [states[k]]
            for step in torch.nn.functional.linear(x, weight, bias):
                z, candidate = step.chunk(2, dim=1)
                z = torch.sigmoid(z)
                outputs.append((1 - z) * outputs[-1] + z * candidate)
            final_states.append(outputs[-1])
            x = torch.stack(outputs[1:])
        return x, torch.stack(final_states)


class LanguageModel(torch.nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.embedding = torch.nn.Embedding(V, E)
        kind = MinGRU if cell == "MinGRU" else getattr(torch.nn, cell)
        setattr(self, cell.lower(), kind(E, H, LAYERS))
        self.recurrent = [getattr(self, cell.lower())]  # a list: it is not registered twice
        self.fc = torch.nn.Linear(H, V)

    def forward(self, x, hidden):
        output, hidden = self.recurrent[0](self.embedding(x), hidden)
        return self.fc(output), hidden


def given(states):
    """States as the module takes them."""
    return states[0] if len(states) == 1 else tuple(states)


def stacked(states):
    return torch.stack(states if isinstance(states, tuple) else (states,))


def make(cell, state_count, file_name):
    model = LanguageModel(cell).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((torch.randn(parameter.shape) * 0.6).double())
    ids = torch.randint(V, (T, B))
    targets = torch.randint(V, (T, B))
    state = [torch.randn(LAYERS, B, H).double() for _ in range(state_count)]
    logits, final_state = model(ids, given(state))
    loss = torch.nn.functional.cross_entropy(logits.reshape(T * B, V), targets.reshape(T * B))
    loss.backward()
    stream_ids = torch.randint(V, (9, 1))
    zeros = [torch.zeros(LAYERS, 1, H).double()] * state_count
    stream_logits, stream_state = model(stream_ids, given(zeros))
    fixture = {
        "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
        "sizes": {"V": V, "E": E, "H": H, "layers": LAYERS, "T": T, "B": B},
        "stateDict": {
            name: {"shape": list(value.shape), "data": flat(value)}
            for name, value in model.state_dict().items()
        },
        "ids": ids.flatten().tolist(),
        "targets": targets.flatten().tolist(),
        "state": flat(torch.stack(state)),
        "logits": flat(logits),
        "finalState": flat(stacked(final_state)),
        "loss": loss.item(),
        "stream": {
            "ids": stream_ids.flatten().tolist(),
            "logits": flat(stream_logits),
            "finalState": flat(stacked(stream_state)),
        },
        "gradients": {name: flat(parameter.grad) for name, parameter in model.named_parameters()},
    }
    path = FIXTURES / file_name
    path.write_text(json.dumps(fixture) + "\n")
    print(path.name, path.stat().st_size, "bytes")


torch.manual_seed(512)
make("GRU", 1, "language-model.json")
make("LSTM", 2, "language-model-lstm.json")
make("RNN", 1, "language-model-rnn.json")
make("MinGRU", 1, "language-model-mingru.json")
