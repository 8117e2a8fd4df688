"""Makes src/ops/fixtures/rnn-sequence.json: what PyTorch's nn.RNN does with small random numbers, and
what its autograd makes of the same recurrence where nn.RNN lacks the activation.

    python3 test/goldens/make-rnn-goldens.py

Inputs and weights are float32 numbers; PyTorch computes in float64, so that the results are as good
as exact. The loss is the sum of outputs * outputGradient.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "rnn-sequence.json"
# (steps, batch, inputs, hidden): single steps, batches of one, short and long sequences.
SIZES = [(1, 1, 3, 2), (2, 3, 4, 5), (4, 2, 3, 4), (13, 2, 2, 3)]
ACTIVATIONS = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky-relu": torch.nn.functional.leaky_relu,
}


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def float32_exact(*shape, scale=1.0):
    """Numbers that both float32 and float64 hold."""
    return (torch.randn(*shape) * scale).double()


def run(tensors, activation):
    states = [tensors["initialState"]]
    for x in tensors["inputs"]:
        input_side = torch.nn.functional.linear(x, tensors["weightIh"], tensors["biasIh"])
        recurrent = torch.nn.functional.linear(states[-1], tensors["weightHh"], tensors["biasHh"])
        states.append(ACTIVATIONS[activation](input_side + recurrent))
    return torch.stack(states[1:])


def run_module(tensors, activation):
    I, H = tensors["weightIh"].shape[1], tensors["weightIh"].shape[0]
    rnn = torch.nn.RNN(I, H, nonlinearity=activation).double()
    names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    weights = [tensors[name] for name in ("weightIh", "weightHh", "biasIh", "biasHh")]
    inputs = (tensors["inputs"], tensors["initialState"][None])
    return torch.func.functional_call(rnn, dict(zip(names, weights)), inputs)[0]


def case(activation, T, B, I, H):
    tensors = {
        "inputs": float32_exact(T, B, I),
        "initialState": float32_exact(B, H),
        "weightIh": float32_exact(H, I, scale=0.7),
        "weightHh": float32_exact(H, H, scale=0.5),
        "biasIh": float32_exact(H, scale=0.7),
        "biasHh": float32_exact(H, scale=0.7),
    }
    for tensor in tensors.values():
        tensor.requires_grad_()
    outputs = (run if activation == "leaky-relu" else run_module)(tensors, activation)
    assert torch.allclose(outputs, run(tensors, activation), rtol=0, atol=1e-12)
    output_gradient = float32_exact(T, B, H)
    (outputs * output_gradient).sum().backward()
    return {
        "activation": activation,
        "T": T,
        "B": B,
        "I": I,
        "H": H,
        "tensors": {name: flat(tensor) for name, tensor in tensors.items()},
        "outputs": flat(outputs),
        "outputGradient": flat(output_gradient),
        "gradients": {name: flat(tensor.grad) for name, tensor in tensors.items()},
    }


torch.manual_seed(19900301)
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
    "cases": [case(activation, *sizes) for activation in ACTIVATIONS for sizes in SIZES],
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes")
