"""Makes src/ops/fixtures/optimizer.json: parameters after each of a few updates by torch.optim.

    python3 test/goldens/make-optimizer-goldens.py

As in this project, beta2 is 0.99 and only matrices decay. Adam's epsilon is 1e-8 in both; PyTorch
adds it to the root of the corrected variance, this project (as TensorFlow) to that of the variance
itself, which for gradients far larger than epsilon makes no difference that float32 shows.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "optimizer.json"
SHAPES = {"matrix": (4, 3), "bias": (4,)}
STEPS = 6
RATE = 0.05
DECAY = 0.3
# (optimizer, clip norm, clip value[, momentum]); 0: off
CASES = [
    ("adam", 0, 0),
    ("adamw", 0, 0),
    ("sgd", 0, 0),
    ("sgd", 1.5, 0),
    ("sgd", 0, 0.4),
    ("adam", 1.5, 0.8),
    ("sgd", 0, 0, 0.9),
    ("rmsprop", 0, 0),
]


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def optimizer_of(kind, parameters, momentum):
    if kind == "sgd":
        return torch.optim.SGD(parameters.values(), lr=RATE, momentum=momentum)
    if kind == "rmsprop":
        return torch.optim.RMSprop(parameters.values(), lr=RATE, alpha=0.99, eps=1e-8)
    if kind == "adam":
        return torch.optim.Adam(parameters.values(), lr=RATE, betas=(0.9, 0.99), eps=1e-8)
    groups = [
        {"params": [parameters["matrix"]], "weight_decay": DECAY},
        {"params": [parameters["bias"]], "weight_decay": 0},
    ]
    return torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99), eps=1e-8)


def case(first, gradients, kind, clip_norm, clip_value, momentum=0):
    parameters = {name: torch.nn.Parameter(value.clone()) for name, value in first.items()}
    optimizer = optimizer_of(kind, parameters, momentum)
    after, norms = [], []
    for step in gradients:
        for name, parameter in parameters.items():
            parameter.grad = step[name].clone()
        if clip_value:
            torch.nn.utils.clip_grad_value_(parameters.values(), clip_value)
        limit = clip_norm or float("inf")
        norms.append(float(torch.nn.utils.clip_grad_norm_(parameters.values(), limit)))
        optimizer.step()
        after.append({name: flat(parameter) for name, parameter in parameters.items()})
    return {
        "optimizer": kind,
        "clipNorm": clip_norm,
        "clipValue": clip_value,
        "momentum": momentum,
        "gradientNorms": norms,
        "after": after,
    }


torch.manual_seed(1412)
first = {name: torch.randn(shape).double() for name, shape in SHAPES.items()}
gradients = [
    {name: torch.randn(shape).double() for name, shape in SHAPES.items()} for _ in range(STEPS)
]
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
    "learningRate": RATE,
    "weightDecay": DECAY,
    "shapes": SHAPES,
    "first": {name: flat(value) for name, value in first.items()},
    "gradients": [{name: flat(value) for name, value in step.items()} for step in gradients],
    "cases": [case(first, gradients, *settings) for settings in CASES],
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes")
