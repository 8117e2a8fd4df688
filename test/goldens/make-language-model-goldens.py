"""Makes src/ops/fixtures/language-model.json: a tiny Embedding -> nn.GRU -> Linear in PyTorch.

    python3 test/goldens/make-language-model-goldens.py

Its state dict, token ids, states, logits, mean cross-entropy and the gradient of each parameter; and
the logits and final state of one stream of text that begins with a state of zeros.
Numbers are float32; PyTorch computes in float64.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "language-model.json"
V, E, H, LAYERS = 7, 4, 5, 2
T, B = 6, 3


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


class LanguageModel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(V, E)
        self.gru = torch.nn.GRU(E, H, LAYERS)
        self.fc = torch.nn.Linear(H, V)

    def forward(self, x, hidden):
        output, hidden = self.gru(self.embedding(x), hidden)
        return self.fc(output), hidden


torch.manual_seed(512)
model = LanguageModel().double()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_((torch.randn(parameter.shape) * 0.6).double())
ids = torch.randint(V, (T, B))
targets = torch.randint(V, (T, B))
state = torch.randn(LAYERS, B, H).double()
logits, final_state = model(ids, state)
loss = torch.nn.functional.cross_entropy(logits.reshape(T * B, V), targets.reshape(T * B))
loss.backward()
stream_ids = torch.randint(V, (9, 1))
stream_logits, stream_state = model(stream_ids, torch.zeros(LAYERS, 1, H).double())
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
    "sizes": {"V": V, "E": E, "H": H, "layers": LAYERS, "T": T, "B": B},
    "stateDict": {
        name: {"shape": list(value.shape), "data": flat(value)}
        for name, value in model.state_dict().items()
    },
    "ids": ids.flatten().tolist(),
    "targets": targets.flatten().tolist(),
    "state": flat(state),
    "logits": flat(logits),
    "finalState": flat(final_state),
    "loss": loss.item(),
    "stream": {
        "ids": stream_ids.flatten().tolist(),
        "logits": flat(stream_logits),
        "finalState": flat(stream_state),
    },
    "gradients": {name: flat(parameter.grad) for name, parameter in model.named_parameters()},
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes")
