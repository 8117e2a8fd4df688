"""Makes src/ops/fixtures/attend-to-past.json: attention of each step to the M steps before it, one step
after the other, and what PyTorch's autograd makes of it; and language-model-attention.json: the same in a
tiny language model, between its layers.

    python3 test/goldens/make-attention-goldens.py

Inputs and weights are float32 numbers; PyTorch computes in float64, so that the results are as good
as exact. The loss is the sum of contexts * contextGradient.
"""

import json
import math
import pathlib

import torch

FIXTURES = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures"
# (steps, batch, hidden, memory, keys): single steps, windows shorter and longer than the memory.
SIZES = [(1, 1, 3, 1, 2), (1, 2, 3, 4, 2), (2, 3, 4, 5, 4), (5, 2, 3, 3, 2), (7, 2, 4, 2, 3), (4, 1, 2, 1, 1)]


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def float32_exact(*shape, scale=1.0):
    """Numbers that both float32 and float64 hold."""
    return (torch.randn(*shape) * scale).double()


def run(inputs, memory, query, key, value, distance):
    past = list(memory.unbind(1))  # each [B, H]
    contexts = []
    for x in inputs:
        seen = torch.stack(past[-memory.shape[1] :], 1)  # [B, M, H]
        scores = ((x @ query.T)[:, None] * (seen @ key.T)).sum(2) / math.sqrt(len(query)) + distance
        weights = torch.softmax(scores, 1)  # [B, M]
        contexts.append((weights[:, :, None] * (seen @ value.T)).sum(1))
        past.append(x)
    return torch.stack(contexts)


def case(T, B, H, M, D):
    tensors = {
        "inputs": float32_exact(T, B, H),
        "memory": float32_exact(B, M, H),
        "query": float32_exact(D, H),
        "key": float32_exact(D, H),
        "value": float32_exact(H, H, scale=0.7),
        "distance": float32_exact(M),
    }
    for tensor in tensors.values():
        tensor.requires_grad_()
    contexts = run(**tensors)
    context_gradient = float32_exact(T, B, H)
    (contexts * context_gradient).sum().backward()
    return {
        "T": T,
        "B": B,
        "H": H,
        "M": M,
        "D": D,
        "tensors": {name: flat(tensor) for name, tensor in tensors.items()},
        "contexts": flat(contexts),
        "contextGradient": flat(context_gradient),
        "gradients": {name: flat(tensor.grad) for name, tensor in tensors.items()},
    }


class LanguageModel(torch.nn.Module):
    """Three GRUs with layer normalisation and residual connections, of which the upper two attend."""

    def __init__(self, V, H, M):
        super().__init__()
        self.embedding = torch.nn.Embedding(V, H)
        self.gru = torch.nn.ModuleList(torch.nn.GRU(H, H) for _ in range(3))
        self.norm = torch.nn.ModuleList(torch.nn.LayerNorm(H) for _ in range(3))
        self.attention = torch.nn.ModuleDict({"1": Attention(H, M), "2": Attention(H, M)})
        self.fc = torch.nn.Linear(H, V)

    def forward(self, x, hidden, memory):
        """ids [T, B], hidden [3, B, H], memory [2, B, M, H]; logits, and both after the last step."""
        x = self.embedding(x)
        last_hidden, last_memory = [], []
        for layer in range(3):
            if layer > 0:
                before = memory[layer - 1]
                last = torch.cat([before, x.transpose(0, 1)], 1)[:, -before.shape[1] :]
                last_memory.append(last)
                x = x + self.attention[str(layer)](x, before)
            output, last = self.gru[layer](x, hidden[layer : layer + 1])
            last_hidden.append(last[0])
            x = x + self.norm[layer](output)
        return self.fc(x), torch.stack(last_hidden), torch.stack(last_memory)


class Attention(torch.nn.Module):
    def __init__(self, H, M):
        super().__init__()
        self.query = torch.nn.Linear(H, H, bias=False)
        self.key = torch.nn.Linear(H, H, bias=False)
        self.value = torch.nn.Linear(H, H, bias=False)
        self.distance = torch.nn.Parameter(torch.zeros(M))

    def forward(self, inputs, memory):
        return run(inputs, memory, self.query.weight, self.key.weight, self.value.weight, self.distance)


def name_of(name):
    """`gru.1.weight_ih_l0` is `gru.weight_ih_l1` in one nn.GRU of all layers."""
    parts = name.split(".")
    return f"gru.{parts[2][:-1]}{parts[1]}" if parts[0] == "gru" else name


def language_model(V=7, H=5, M=4, T=6, B=3):
    model = LanguageModel(V, H, M).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(float32_exact(*parameter.shape, scale=0.6))
    ids = torch.randint(V, (T, B))
    targets = torch.randint(V, (T, B))
    hidden = float32_exact(3, B, H)
    memory = float32_exact(2, B, M, H)
    logits, last_hidden, last_memory = model(ids, hidden, memory)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    loss.backward()
    return {
        "sizes": {"V": V, "H": H, "M": M, "T": T, "B": B},
        "stateDict": {
            name_of(name): {"shape": list(value.shape), "data": flat(value)}
            for name, value in model.state_dict().items()
        },
        "ids": ids.flatten().tolist(),
        "targets": targets.flatten().tolist(),
        "hidden": flat(hidden),
        "memory": flat(memory),
        "logits": flat(logits),
        "lastHidden": flat(last_hidden),
        "lastMemory": flat(last_memory),
        "loss": loss.item(),
        "gradients": {
            name_of(name): flat(parameter.grad) for name, parameter in model.named_parameters()
        },
    }


def write(name, content):
    made_by = f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}"
    path = FIXTURES / f"{name}.json"
    path.write_text(json.dumps({"madeBy": made_by, **content}) + "\n")
    print(path.name, path.stat().st_size, "bytes")


torch.manual_seed(2017)
write("attend-to-past", {"cases": [case(*sizes) for sizes in SIZES]})
write("language-model-attention", language_model())
