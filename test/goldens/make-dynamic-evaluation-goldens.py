"""Makes src/evaluation/fixtures/dynamic-evaluation.json: dynamic evaluation (Krause et al. 2018) in PyTorch.

    python3 test/goldens/make-dynamic-evaluation-goldens.py

A tiny Embedding -> nn.GRU -> Linear, the roots of its gradients' mean squares over a training text, and the
losses of another text while the model learns from it by the rule that src/evaluation/dynamic.ts documents.
PyTorch computes in float64; all numbers but the losses are rounded to float32 before it begins.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "evaluation" / "fixtures" / "dynamic-evaluation.json"
V, E, H, LAYERS = 7, 4, 5, 2
SEGMENT, RATE, DECAY, EPSILON = 5, 0.03, 0.1, 0.05


class LanguageModel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(V, E)
        self.gru = torch.nn.GRU(E, H, LAYERS)
        self.fc = torch.nn.Linear(H, V)

    def forward(self, ids, hidden):
        output, hidden = self.gru(self.embedding(ids), hidden)
        return self.fc(output), hidden


def segments(ids):
    for start in range(0, len(ids) - 1, SEGMENT):
        inputs = ids[start : min(start + SEGMENT, len(ids) - 1)]
        yield inputs, ids[start + 1 : start + 1 + len(inputs)]


def learn(model, inputs, targets, hidden):
    """The losses of a segment [T] and the state after it; gradients are left with the parameters."""
    model.zero_grad()
    logits, hidden = model(inputs, hidden)
    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    losses.mean().backward()
    return losses.detach(), hidden.detach()


def gradient_sizes(model, ids):
    """Of all segments but the first, which only leaves a state."""
    squares = [torch.zeros_like(parameter) for parameter in model.parameters()]
    hidden = torch.zeros(LAYERS, H).double()
    counted = 0
    for i, (inputs, targets) in enumerate(segments(ids)):
        _, hidden = learn(model, inputs, targets, hidden)
        if i == 0:
            continue
        counted += 1
        for square, parameter in zip(squares, model.parameters()):
            square += parameter.grad**2
    return [(square / counted).sqrt() for square in squares]


def dynamic_losses(model, sizes, ids):
    trained = [parameter.detach().clone() for parameter in model.parameters()]
    mean = torch.cat([size.flatten() for size in sizes]).mean()
    hidden = torch.zeros(LAYERS, H).double()
    found = []
    for inputs, targets in segments(ids):
        losses, hidden = learn(model, inputs, targets, hidden)
        found += losses.tolist()
        with torch.no_grad():
            for parameter, first, size in zip(model.parameters(), trained, sizes):
                back = (DECAY * size / mean).clamp(max=1)
                step = RATE * parameter.grad / (size + EPSILON * mean)
                parameter += back * (first - parameter) - step
    return found


torch.manual_seed(1709)
model = LanguageModel()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_(torch.randn(parameter.shape) * 0.6)
state_dict = {
    name: {"shape": list(value.shape), "data": value.flatten().tolist()}
    for name, value in model.state_dict().items()
}
model = model.double()
train = torch.randint(V, (6 * SEGMENT + 1,))
text = torch.randint(V, (9 * SEGMENT + 3,))
static = []
hidden = torch.zeros(LAYERS, H).double()
for inputs, targets in segments(text):
    losses, hidden = learn(model, inputs, targets, hidden)
    static += losses.tolist()
sizes = gradient_sizes(model, train)
names = [name for name, _ in model.named_parameters()]
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
    "sizes": {"V": V, "E": E, "H": H, "layers": LAYERS},
    "rule": {"segment": SEGMENT, "rate": RATE, "decay": DECAY, "epsilon": EPSILON},
    "stateDict": state_dict,
    "train": train.tolist(),
    "text": text.tolist(),
    "gradientSizes": {name: size.flatten().tolist() for name, size in zip(names, sizes)},
    "staticLosses": static,
    "losses": dynamic_losses(model, sizes, text),
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE.name, FIXTURE.stat().st_size, "bytes")
print("static", sum(static) / len(static), "dynamic", sum(fixture["losses"]) / len(static))
