"""Makes src/ops/fixtures/cudnn-layers.json: the flat parameters that Keras sends to cuDNN, and what the layer
computes.

    python3 test/goldens/make-cudnn-goldens.py

Keras runs its GRU and LSTM by TensorFlow's CudnnRNNV3 where there is a GPU. Here its own function for that is
called with the operation replaced by one that keeps what it was given, so that the buffer, attributes and
shapes are Keras's. Outputs are those of the same Keras layer on the processor. PyTorch's layer of the same
weights gives the gradients, and both libraries have to agree on the outputs, and on the buffer: that is
PyTorch's _flat_weights one after the other, the order in which it hands them to cuDNN. The loss is the sum of
outputs * outputGradient.
"""

import importlib
import json
import os
import pathlib
import unittest.mock

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
import torch

# By this way, since the package has a function of the module's name.
keras_rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")
FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "cudnn-layers.json"
# (steps, batch, inputs, hidden)
SIZES = [(1, 1, 3, 2), (4, 2, 3, 5), (6, 3, 5, 3)]


def flat(values):
    return [float(f"{value:.9g}") for value in np.asarray(values, np.float64).flatten()]


class Called(Exception):
    pass


def sent_to_cudnn(call):
    """The arguments with which Keras calls CudnnRNNV3."""
    kept = {}

    def keep(**arguments):
        kept.update(arguments)
        raise Called

    with unittest.mock.patch.object(tf.raw_ops, "CudnnRNNV3", keep), unittest.mock.patch.object(
        tf.sysconfig,
        "get_build_info",
        lambda: {"is_cuda_build": True, "is_rocm_build": False},
    ):
        try:
            call()
        except Called:
            return kept
    raise AssertionError("Keras did not call CudnnRNNV3")


def reordered(matrix, order):
    """Keras's [I, gates * H] as PyTorch's [gates * H, I], the gates in another order."""
    return np.concatenate([np.split(matrix, len(order), axis=-1)[gate].T for gate in order])


def case(mode, T, B, I, H, random):
    numbers = lambda *shape: random.normal(size=shape).astype(np.float32) * np.float32(0.7)
    inputs, state, cell = numbers(T, B, I), numbers(B, H), numbers(B, H)
    gates = 3 if mode == "gru" else 4
    kernel, recurrent = numbers(I, gates * H), numbers(H, gates * H)
    if mode == "gru":
        bias = numbers(2, 3 * H)
        layer = keras.layers.GRU(H, return_sequences=True, reset_after=True, use_cudnn=False)
        states = [state]
        order = (1, 0, 2)  # Keras has z, r, n
        bias_ih, bias_hh = (reordered(bias[row], order) for row in (0, 1))
        call = lambda: keras_rnn._cudnn_gru(
            tf.constant(inputs), state, kernel, recurrent, bias, None, True, False, True
        )
    else:
        bias = numbers(4 * H)
        layer = keras.layers.LSTM(H, return_sequences=True, use_cudnn=False)
        states = [state, cell]
        order = (0, 1, 2, 3)
        bias_ih, bias_hh = np.zeros_like(bias), bias  # Keras has one bias
        call = lambda: keras_rnn._cudnn_lstm(
            tf.constant(inputs), state, cell, kernel, recurrent, bias, None, True, False, True
        )
    sent = sent_to_cudnn(call)
    layer.build((B, T, I))
    layer.set_weights([kernel, recurrent, bias])
    outputs = np.transpose(layer(np.transpose(inputs, (1, 0, 2)), initial_state=states), (1, 0, 2))

    torch_layer = getattr(torch.nn, mode.upper())(I, H).double()
    names = ["weightIh", "weightHh", "biasIh", "biasHh"]
    with torch.no_grad():
        for parameter, values in zip(
            torch_layer._flat_weights,
            [reordered(kernel, order), reordered(recurrent, order), bias_ih, bias_hh],
        ):
            parameter.copy_(torch.from_numpy(values))
    given = [torch.from_numpy(values).double().requires_grad_() for values in (inputs, state, cell)]
    hidden = given[1][None] if mode == "gru" else (given[1][None], given[2][None])
    torch_outputs, _ = torch_layer(given[0], hidden)
    np.testing.assert_allclose(outputs, torch_outputs.detach(), atol=1e-5)
    buffer = torch.cat([weight.flatten() for weight in torch_layer._flat_weights])
    np.testing.assert_array_equal(sent["params"], buffer.detach().numpy().astype(np.float32))
    output_gradient = numbers(T, B, H)
    (torch_outputs * torch.from_numpy(output_gradient)).sum().backward()
    gradient = torch.cat([weight.grad.flatten() for weight in torch_layer._flat_weights])
    return {
        "mode": mode,
        "T": T,
        "B": B,
        "I": I,
        "H": H,
        "sent": {
            "input_h": list(sent["input_h"].shape),
            "sequence_lengths": [int(length) for length in sent["sequence_lengths"]],
            "rnn_mode": sent["rnn_mode"],
            "time_major": sent["time_major"],
            "is_training": sent["is_training"],
        },
        "inputs": flat(inputs),
        "state": flat(state),
        **({"cell": flat(cell)} if mode == "lstm" else {}),
        "tensors": dict(zip(names, [flat(w.detach()) for w in torch_layer._flat_weights])),
        "parameters": flat(sent["params"]),
        "outputs": flat(torch_outputs.detach()),
        "outputGradient": flat(output_gradient),
        "gradients": {
            "inputs": flat(given[0].grad),
            "state": flat(given[1].grad),
            **({"cell": flat(given[2].grad)} if mode == "lstm" else {}),
            "parameters": flat(gradient),
        },
    }


random = np.random.default_rng(20150601)
made_by = f"test/goldens/{pathlib.Path(__file__).name}, Keras {keras.__version__}, "
made_by += f"TensorFlow {tf.__version__}, PyTorch {torch.__version__}"
fixture = {
    "madeBy": made_by,
    "cases": [case(mode, *sizes, random) for mode in ("gru", "lstm") for sizes in SIZES],
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes")
