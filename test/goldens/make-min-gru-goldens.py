"""Makes src/ops/fixtures/min-gru-sequence.json: the minGRU of Feng et al. 2024 (arXiv 2410.01201), one
step after the other as in its section 3.1.1, and what PyTorch's autograd makes of it.

    python3 test/goldens/make-min-gru-goldens.py

Inputs and weights are float32 numbers; PyTorch computes in float64, so that the results are as good
as exact. The loss is the sum of outputs * outputGradient.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "min-gru-sequence.json"
# (steps, batch, inputs, hidden): single steps, batches of one, powers of two and others.
SIZES = [(1, 1, 3, 2), (2, 3, 4, 5), (3, 2, 5, 3), (8, 2, 3, 4), (13, 2, 2, 3), (33, 1, 2, 2)]


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def float32_exact(*shape, scale=1.0):
    """Numbers that both float32 and float64 hold."""
    return (torch.randn(*shape) * scale).double()


def run(inputs, initialState, weightIh, biasIh):
    state, states = initialState, []
    for x in inputs:
        for_z, candidate = torch.nn.functional.linear(x, weightIh, biasIh).chunk(2, dim=1)
        z = torch.sigmoid(for_z)
        state = (1 - z) * state + z * candidate
        states.append(state)
    return torch.stack(states)


def case(T, B, I, H):
    tensors = {
        "inputs": float32_exact(T, B, I),
        "initialState": float32_exact(B, H),
        "weightIh": float32_exact(2 * H, I, scale=0.7),
        "biasIh": float32_exact(2 * H, scale=0.7),
    }
    for tensor in tensors.values():
        tensor.requires_grad_()
    outputs = run(**tensors)
    output_gradient = float32_exact(T, B, H)
    (outputs * output_gradient).sum().backward()
    return {
        "T": T,
        "B": B,
        "I": I,
        "H": H,
        "tensors": {name: flat(tensor) for name, tensor in tensors.items()},
        "outputs": flat(outputs),
        "outputGradient": flat(output_gradient),
        "gradients": {name: flat(tensor.grad) for name, tensor in tensors.items()},
    }


torch.manual_seed(20241002)
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
    "cases": [case(*sizes) for sizes in SIZES],
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes")
