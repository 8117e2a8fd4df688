"""Makes src/ops/fixtures/attend-to-past.json: attention of each step to the M steps before it, one step
after the other, and what PyTorch's autograd makes of it.

    python3 test/goldens/make-attention-goldens.py

Inputs and weights are float32 numbers; PyTorch computes in float64, so that the results are as good
as exact. The loss is the sum of contexts * contextGradient.
"""

import json
import math
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "attend-to-past.json"
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


torch.manual_seed(2017)
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
    "cases": [case(*sizes) for sizes in SIZES],
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes")
