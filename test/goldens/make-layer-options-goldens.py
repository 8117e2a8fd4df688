"""Makes src/ops/fixtures/language-model-options.json: tiny language models in PyTorch, with what
options put around their recurrent layers.

    python3 test/goldens/make-layer-options-goldens.py

Each case has its options, a state dict, token ids, states, and what comes of them: logits, final states,
mean cross-entropy and the gradient of each parameter, all in training; the running statistics after
that; and logits in evaluation, by those that were before. Numbers are float32; PyTorch computes in float64.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "language-model-options.json"
V, H, LAYERS = 7, 5, 2
T, B = 6, 3


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


class LanguageModel(torch.nn.Module):
    def __init__(self, E, residual=False, norm=None):
        super().__init__()
        self.residual = residual
        self.embedding = torch.nn.Embedding(V, E)
        sizes = [E] + [H] * (LAYERS - 1)
        self.gru = torch.nn.ModuleList(torch.nn.GRU(size, H) for size in sizes)
        if norm:
            kind = {"layer": torch.nn.LayerNorm, "batch": torch.nn.BatchNorm1d}[norm]
            self.norm = torch.nn.ModuleList(kind(H) for _ in sizes)
        else:
            self.norm = [torch.nn.Identity()] * LAYERS
        self.fc = torch.nn.Linear(H, V)

    def forward(self, x, hidden):
        x = self.embedding(x)
        final = []
        for layer, gru in enumerate(self.gru):
            output, last = gru(x, hidden[layer : layer + 1])
            final.append(last[0])
            output = self.norm[layer](output.flatten(0, 1)).unflatten(0, x.shape[:2])
            x = x + output if self.residual and x.shape == output.shape else output
        return self.fc(x), torch.stack(final)


def name_of(name):
    """`gru.1.weight_ih_l0` is `gru.weight_ih_l1` in one nn.GRU of all layers."""
    parts = name.split(".")
    return f"gru.{parts[2][:-1]}{parts[1]}" if parts[0] == "gru" else name


def tensors_of(model):
    return {
        name_of(name): {"shape": list(value.shape), "data": flat(value)}
        for name, value in model.state_dict().items()
        if "num_batches" not in name
    }


def make(E=H, **options):
    model = LanguageModel(E, **options).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((torch.randn(parameter.shape) * 0.6).double())
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(H).double() * 0.3)
            elif name.endswith("running_var"):
                buffer.copy_(torch.rand(H).double() + 0.2)
    before = tensors_of(model)
    ids = torch.randint(V, (T, B))
    targets = torch.randint(V, (T, B))
    state = torch.randn(LAYERS, B, H).double()
    evaluated = model.eval()(ids, state)[0]
    logits, final_state = model.train()(ids, state)
    loss = torch.nn.functional.cross_entropy(logits.reshape(T * B, V), targets.reshape(T * B))
    loss.backward()
    return {
        "options": options,
        "E": E,
        "stateDict": before,
        "ids": ids.flatten().tolist(),
        "targets": targets.flatten().tolist(),
        "state": flat(state),
        "logits": flat(logits),
        "evaluatedLogits": flat(evaluated),
        "statistics": {
            name: value for name, value in tensors_of(model).items() if "running" in name
        },
        "finalState": flat(final_state),
        "loss": loss.item(),
        "gradients": {
            name_of(name): flat(parameter.grad) for name, parameter in model.named_parameters()
        },
    }


torch.manual_seed(2016)
cases = {
    "residual": make(residual=True),
    "residual, embeddings of another size": make(E=4, residual=True),
    "layer normalisation": make(E=4, norm="layer"),
    "layer normalisation and residual": make(norm="layer", residual=True),
    "batch normalisation": make(E=4, norm="batch"),
    "batch normalisation and residual": make(norm="batch", residual=True),
}
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
    "sizes": {"V": V, "H": H, "layers": LAYERS, "T": T, "B": B},
    "cases": cases,
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE.name, FIXTURE.stat().st_size, "bytes")
