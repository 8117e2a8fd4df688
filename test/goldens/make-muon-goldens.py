"""Makes src/ops/fixtures/muon.json: matrices after each of a few updates by torch.optim.Muon.

    python3 test/goldens/make-muon-goldens.py

Momentum, decay and how large an update is are PyTorch's. What it makes of a matrix is this project's, by the
matrix's singular values, which are found here as such, in float64. The matrices of `stacked` are parameters of
their own here; in this project they lie one below the other.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "muon.json"
SHAPES = {"tall": [(9, 4)], "wide": [(4, 7)], "stacked": [(6, 6), (6, 6), (6, 6)]}
STEPS = 4
RATE = 0.05
DECAY = 0.3
# ax + bx³ + cx⁵, one after the other.
POLYNOMIALS = [
    (7.64178, -21.491012, 15.481631),
    (3.199772, -2.355871, 0.479919),
    (2.217897, -1.572988, 0.397052),
]


def orthogonal(matrix, *_):
    left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    values = values / values.norm()
    for a, b, c in POLYNOMIALS:
        values = a * values + b * values**3 + c * values**5
    return (left * values @ right).to(matrix.dtype)


# What it would iterate in bfloat16.
torch.optim._muon._zeropower_via_newtonschulz = orthogonal


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
