"""Makes src/ops/fixtures/muon.json: matrices after each of a few updates by torch.optim.Muon.

    python3 test/goldens/make-muon-goldens.py

PyTorch iterates in bfloat16: its updates are right to a hundredth. The matrices of `stacked` are
parameters of their own here; in this project they lie one below the other.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "muon.json"
SHAPES = {"tall": [(9, 4)], "wide": [(4, 7)], "stacked": [(6, 6), (6, 6), (6, 6)]}
STEPS = 4
RATE = 0.05
DECAY = 0.3


def flat(matrices):
    values = torch.cat([matrix.detach().flatten() for matrix in matrices]).tolist()
    return [float(f"{value:.9g}") for value in values]


def case(name, shapes):
    first = [torch.randn(shape) for shape in shapes]
    parameters = [torch.nn.Parameter(matrix.clone()) for matrix in first]
    optimizer = torch.optim.Muon(
        parameters,
        lr=RATE,
        weight_decay=DECAY,
        momentum=0.95,
        nesterov=True,
        ns_coefficients=(3.4445, -4.775, 2.0315),
        ns_steps=5,
        adjust_lr_fn="match_rms_adamw",
    )
    gradients, after = [], []
    for _ in range(STEPS):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape)
        gradients.append(flat([parameter.grad for parameter in parameters]))
        optimizer.step()
        after.append(flat(parameters))
    rows, columns = shapes[0]
    return {
        "name": name,
        "gates": len(shapes),
        "shape": [len(shapes) * rows, columns],
        "first": flat(first),
        "gradients": gradients,
        "after": after,
    }


torch.manual_seed(1733)
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
    "learningRate": RATE,
    "weightDecay": DECAY,
    "cases": [case(name, shapes) for name, shapes in SHAPES.items()],
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes")
