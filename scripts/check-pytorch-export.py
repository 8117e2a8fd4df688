"""Loads exported PyTorch directories by their own model.py and compares what they say with what is expected.

    python check-pytorch-export.py DIRECTORY...

Each directory has the export and expected.json: tokens, logits and states after the last token. The text is read
in two chunks, the second from the states after the first. Exits with 1 above 1e-4.
"""

import importlib.util
import json
import pathlib
import sys
import warnings

import torch

TOLERANCE = 1e-4
warnings.simplefilter("error")


def load(directory):
    spec = importlib.util.spec_from_file_location("model", directory / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()


def by_kind(state):
    """States as expected.json has them, of nn.GRU, nn.LSTM, or of a list of layers of either."""
    if isinstance(state, list):
        layers = [by_kind(each) for each in state]
        return [torch.cat(kind) for kind in zip(*layers)]
    return list(state) if isinstance(state, tuple) else [state]


def check(directory):
    model = load(directory)
    expected = json.loads((directory / "expected.json").read_text())
    tokens = torch.tensor(expected["tokens"])
    with torch.no_grad():
        first, state = model(tokens[:, :3])
        second, state = model(tokens[:, 3:], state)
    found = [torch.cat([first, second], dim=1), *by_kind(state)]
    wanted = [torch.tensor(expected["logits"]), *map(torch.tensor, expected["states"].values())]
    differences = []
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape, (one.shape, other.shape)
        differences.append((one - other).abs().max().item())
    model.train()(tokens)  # with dropout
    lines = sum(line.strip() != "" for line in (directory / "model.py").read_text().splitlines())
    print(f"{directory.name}: largest difference {max(differences):.1e}; {lines} lines of Python")
    return all(difference <= TOLERANCE for difference in differences)


results = [check(pathlib.Path(argument)) for argument in sys.argv[1:]]
print(f"{sum(results)} of {len(results)} as expected, PyTorch {torch.__version__}")
sys.exit(0 if all(results) else 1)
