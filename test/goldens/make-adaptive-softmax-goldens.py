"""Makes src/ops/fixtures/adaptive-softmax.json: torch.nn.AdaptiveLogSoftmaxWithLoss on random numbers.

    python3 test/goldens/make-adaptive-softmax-goldens.py

Numbers are float32; PyTorch computes in float64, so that the results are as good as exact. Each case has
a state dict, features, labels, the loss of each row, their mean, its gradients, and the logarithms of
all probabilities.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "adaptive-softmax.json"
# (features, vocabulary, cutoffs, div_value, labels): all clusters, one alone, one row, clusters without one.
CASES = [
    (32, 23, [5, 11], 4, [0, 22, 4, 5, 10, 11, 3, 22, 7, 1, 15]),
    (9, 7, [3], 4, [2, 3, 0, 6, 6]),
    (16, 12, [2, 4, 9], 2, [8]),
    (16, 12, [2, 4, 9], 2, [0, 1, 1, 10, 11, 2]),
    (4, 5, [4], 4, [0, 3, 2]),
]


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def float32_exact(*shape, scale=1.0):
    """Numbers that both float32 and float64 hold."""
    return (torch.randn(*shape) * scale).double()


def case(H, V, cutoffs, div_value, labels):
    module = torch.nn.AdaptiveLogSoftmaxWithLoss(H, V, cutoffs, div_value, head_bias=True)
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(float32_exact(*parameter.shape, scale=0.7))
    features = float32_exact(len(labels), H).requires_grad_()
    output, loss = module(features, torch.tensor(labels))
    loss.backward()
    return {
        "H": H,
        "V": V,
        "cutoffs": cutoffs,
        "stateDict": {
            name: {"shape": list(value.shape), "data": flat(value)}
            for name, value in module.state_dict().items()
        },
        "features": flat(features),
        "labels": labels,
        "losses": flat(-output),
        "loss": loss.item(),
        "logProbabilities": flat(module.log_prob(features)),
        "gradients": {
            "features": flat(features.grad),
            **{
                name: flat(torch.zeros_like(value) if value.grad is None else value.grad)
                for name, value in module.named_parameters()
            },
        },
    }


def main():
    torch.manual_seed(4)
    fixture = {
        "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
        "cases": [case(*sizes) for sizes in CASES],
    }
    FIXTURE.write_text(json.dumps(fixture) + "\n")
    print(FIXTURE.name, FIXTURE.stat().st_size, "bytes")


main()
