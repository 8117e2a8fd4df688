"""Makes src/ops/fixtures/gru-sequence.json: what PyTorch's nn.GRU does with small random numbers,
and what its autograd makes of GRUs that nn.GRU lacks: other activations, and reset-before.

    python3 test/goldens/make-gru-goldens.py

Inputs and weights are float32 numbers; PyTorch computes in float64, so that the results are as good
as exact. The loss is the sum of outputs * outputGradient.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "gru-sequence.json"
# (steps, batch, inputs, hidden): single steps, batches of one, short and long sequences.
SIZES = [(1, 1, 3, 2), (2, 3, 4, 5), (3, 2, 5, 3), (4, 2, 3, 4), (9, 3, 2, 5), (17, 1, 4, 3)]


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def float32_exact(*shape, scale=1.0):
    """Numbers that both float32 and float64 hold."""
    return (torch.randn(*shape) * scale).double()


def case(T, B, I, H):
    gru = torch.nn.GRU(I, H).double()
    parameters = {
        "weightIh": gru.weight_ih_l0,
        "weightHh": gru.weight_hh_l0,
        "biasIh": gru.bias_ih_l0,
        "biasHh": gru.bias_hh_l0,
    }
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.copy_(float32_exact(*parameter.shape, scale=0.7))
    inputs = float32_exact(T, B, I).requires_grad_()
    initial_state = float32_exact(1, B, H).requires_grad_()
    outputs, final_state = gru(inputs, initial_state)
    assert torch.equal(outputs[-1], final_state[0])
    output_gradient = float32_exact(T, B, H)
    (outputs * output_gradient).sum().backward()
    tensors = {"inputs": inputs, "initialState": initial_state, **parameters}
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


def run(variant, activation, inputs, initialState, weightIh, weightHh, biasIh, biasHh=None):
    """The definitions of src/ops/gru-sequence-reference.ts, step by step."""
    linear, state, states = torch.nn.functional.linear, initialState, []
    W_r, W_z, W_n = weightHh.chunk(3)
    b_r, b_z, b_n = (0, 0, 0) if biasHh is None else biasHh.chunk(3)
    for x in inputs:
        i_r, i_z, i_n = linear(x, weightIh, biasIh).chunk(3, dim=1)
        r = torch.sigmoid(i_r + state @ W_r.T + b_r)
        z = torch.sigmoid(i_z + state @ W_z.T + b_z)
        if variant == "reset-after":
            n = activation(i_n + r * (state @ W_n.T + b_n))
            state = (1 - z) * n + z * state
        else:
            n = activation(i_n + (r * state) @ W_n.T)
            state = (1 - z) * state + z * n
        states.append(state)
    return torch.stack(states)


def activated_case(variant, name, activation, T, B, I, H):
    tensors = {
        "inputs": float32_exact(T, B, I),
        "initialState": float32_exact(B, H),
        "weightIh": float32_exact(3 * H, I, scale=0.7),
        "weightHh": float32_exact(3 * H, H, scale=0.7),
        "biasIh": float32_exact(3 * H, scale=0.7),
    }
    if variant == "reset-after":
        tensors["biasHh"] = float32_exact(3 * H, scale=0.7)
    for tensor in tensors.values():
        tensor.requires_grad_()
    outputs = run(variant, activation, **tensors)
    output_gradient = float32_exact(T, B, H)
    (outputs * output_gradient).sum().backward()
    return {
        "variant": variant,
        "activation": name,
        "T": T,
        "B": B,
        "I": I,
        "H": H,
        "tensors": {name: flat(tensor) for name, tensor in tensors.items()},
        "outputs": flat(outputs),
        "outputGradient": flat(output_gradient),
        "gradients": {name: flat(tensor.grad) for name, tensor in tensors.items()},
    }


def assert_definition_is_that_of_nn_gru():
    gru = torch.nn.GRU(4, 5).double()
    inputs, state = float32_exact(6, 3, 4), float32_exact(1, 3, 5)
    weights = [gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_ih_l0, gru.bias_hh_l0]
    found = run("reset-after", torch.tanh, inputs, state[0], *weights)
    assert torch.allclose(found, gru(inputs, state)[0], rtol=0, atol=1e-12)


torch.manual_seed(20140603)
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
    "cases": [case(*sizes) for sizes in SIZES],
    "activated": [
        activated_case(variant, name, activation, *sizes)
        for variant in ("reset-after", "reset-before")
        for name, activation in (
            ("relu", torch.relu),
            ("leaky-relu", torch.nn.functional.leaky_relu),
        )
        for sizes in [(2, 2, 3, 4), (7, 2, 3, 3)]
    ],
}
assert_definition_is_that_of_nn_gru()
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes")
