"""Makes src/ops/fixtures/lstm-sequence.json: what PyTorch's nn.LSTM does with small random numbers.

    python3 test/goldens/make-lstm-goldens.py

Inputs and weights are float32 numbers; PyTorch computes in float64, so that the results are as good
as exact. The loss is the sum of outputs * outputGradient and of finalCell * finalCellGradient.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "lstm-sequence.json"
# (steps, batch, inputs, hidden): single steps, batches of one, short and long sequences.
SIZES = [(1, 1, 3, 2), (2, 3, 4, 5), (3, 2, 5, 3), (4, 2, 3, 4), (9, 3, 2, 5), (17, 1, 4, 3)]


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def float32_exact(*shape, scale=1.0):
    """Numbers that both float32 and float64 hold."""
    return (torch.randn(*shape) * scale).double()


def case(T, B, I, H):
    lstm = torch.nn.LSTM(I, H).double()
    parameters = {
        "weightIh": lstm.weight_ih_l0,
        "weightHh": lstm.weight_hh_l0,
        "biasIh": lstm.bias_ih_l0,
        "biasHh": lstm.bias_hh_l0,
    }
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.copy_(float32_exact(*parameter.shape, scale=0.7))
    inputs = float32_exact(T, B, I).requires_grad_()
    initial_state = float32_exact(1, B, H).requires_grad_()
    initial_cell = float32_exact(1, B, H).requires_grad_()
    outputs, (final_state, final_cell) = lstm(inputs, (initial_state, initial_cell))
    assert torch.equal(outputs[-1], final_state[0])
    output_gradient = float32_exact(T, B, H)
    final_cell_gradient = float32_exact(1, B, H)
    ((outputs * output_gradient).sum() + (final_cell * final_cell_gradient).sum()).backward()
    tensors = {
        "inputs": inputs,
        "initialState": initial_state,
        "initialCell": initial_cell,
        **parameters,
    }
    return {
        "T": T,
        "B": B,
        "I": I,
        "H": H,
        "tensors": {name: flat(tensor) for name, tensor in tensors.items()},
        "outputs": flat(outputs),
        "finalCell": flat(final_cell),
        "outputGradient": flat(output_gradient),
        "finalCellGradient": flat(final_cell_gradient),
        "gradients": {name: flat(tensor.grad) for name, tensor in tensors.items()},
    }


torch.manual_seed(19971115)
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
    "cases": [case(*sizes) for sizes in SIZES],
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes")
