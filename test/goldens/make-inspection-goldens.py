"""Makes src/ops/fixtures/inspection.json: what tiny models in PyTorch say of a text and do as they read it.

    python3 test/goldens/make-inspection-goldens.py

Each case is two layers, stepped by hand with its cell's formulas, and checked against nn.GRU or nn.LSTM where
there is one. It has the surprise of each token, gates, cells and states by layer [N][H], and for one place
x * d log p / dx summed over each embedding x before it, and the length of that gradient, by autograd. Numbers are
float32; PyTorch computes in float64.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "inspection.json"
V, E, H, LAYERS = 6, 3, 4, 2
N, PLACE, SPAN = 11, 9, 5


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def parameter(*shape):
    return (torch.randn(*shape) * 0.6).double()


def gates_of(p, k, x, h, count):
    sums = p[f"weight_ih_l{k}"] @ x + p[f"bias_ih_l{k}"] + p[f"weight_hh_l{k}"] @ h
    if f"bias_hh_l{k}" in p:
        sums = sums + p[f"bias_hh_l{k}"]
    return sums.chunk(count)


def reset_after(p, k, x, state):
    (h,) = state
    r, z, _ = (torch.sigmoid(each) for each in gates_of(p, k, x, h, 3))
    rows = slice(2 * H, 3 * H)
    inner = p[f"weight_hh_l{k}"][rows] @ h + p[f"bias_hh_l{k}"][rows]
    n = torch.tanh(p[f"weight_ih_l{k}"][rows] @ x + p[f"bias_ih_l{k}"][rows] + r * inner)
    h = (1 - z) * n + z * h
    return (h,), {"update": z, "reset": r, "state": h}


def reset_before(p, k, x, state):
    (h,) = state
    r, z, _ = (torch.sigmoid(each) for each in gates_of(p, k, x, h, 3))
    rows = slice(2 * H, 3 * H)
    n = torch.tanh(
        p[f"weight_ih_l{k}"][rows] @ x + p[f"bias_ih_l{k}"][rows] + p[f"weight_hh_l{k}"][rows] @ (r * h)
    )
    h = (1 - z) * h + z * n
    return (h,), {"update": z, "reset": r, "state": h}


def lstm(p, k, x, state):
    h, c = state
    i, f, g, o = gates_of(p, k, x, h, 4)
    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
    c = f * c + i * g
    h = o * torch.tanh(c)
    return (h, c), {"input": i, "forget": f, "output": o, "cell": c, "state": h}


def min_gru(p, k, x, state):
    (h,) = state
    z, n = (p[f"weight_ih_l{k}"] @ x + p[f"bias_ih_l{k}"]).chunk(2)
    z = torch.sigmoid(z)
    h = (1 - z) * h + z * n
    return (h,), {"update": z, "state": h}


def read(step, p, embeddings, state):
    """The logits after each embedding, the states before each, and what the units do."""
    logits, states, activities = [], [], []
    for x in embeddings:
        states.append(state)
        state, at = list(state), []
        for k in range(LAYERS):
            state[k], does = step(p, k, x, state[k])
            x = state[k][0]
            at.append(does)
        activities.append(at)
        logits.append(p["fc.weight"] @ x + p["fc.bias"])
    return torch.stack(logits), states, activities


def check(module, p, embeddings, activities):
    """That the formulas are PyTorch's own."""
    with torch.no_grad():
        for name, value in module.named_parameters():
            value.copy_(p[name])
        outputs, _ = module(embeddings.unsqueeze(1))
    states = torch.stack([at[-1]["state"] for at in activities])
    assert torch.allclose(outputs[:, 0], states, atol=1e-12)


def case(cell, variant, gates, step, state_count, module=None):
    p = {"embedding.weight": parameter(V, E)}
    for k in range(LAYERS):
        p[f"weight_ih_l{k}"] = parameter(gates * H, E if k == 0 else H)
        if cell != "mingru":
            p[f"weight_hh_l{k}"] = parameter(gates * H, H)
        p[f"bias_ih_l{k}"] = parameter(gates * H)
        if cell != "mingru" and variant != "reset-before":
            p[f"bias_hh_l{k}"] = parameter(gates * H)
    p["fc.weight"], p["fc.bias"] = parameter(V, H), parameter(V)
    ids = torch.randint(V, (N,))
    zeros = [tuple(torch.zeros(H).double() for _ in range(state_count))] * LAYERS
    embeddings = p["embedding.weight"][ids]
    logits, states, activities = read(step, p, embeddings, zeros)
    if module:
        check(module.double(), p, embeddings, activities)
    surprises = torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="none")
    start = PLACE - SPAN
    weighed = embeddings[start:PLACE].clone().requires_grad_()
    after, _, _ = read(step, p, weighed, states[start])
    torch.log_softmax(after[-1], 0)[ids[PLACE]].backward()
    return {
        "cell": cell,
        "gruVariant": variant,
        "parameters": {
            (name if "." in name else f"{cell}.{name}"): {"shape": list(value.shape), "data": flat(value)}
            for name, value in p.items()
        },
        "ids": ids.tolist(),
        "surprises": flat(surprises),
        "layers": [
            {name: flat(torch.stack([at[k][name] for at in activities])) for name in activities[0][k]}
            for k in range(LAYERS)
        ],
        "contributions": flat((weighed * weighed.grad).sum(1)),
        "gradients": flat(weighed.grad.norm(dim=1)),
    }


torch.manual_seed(2016)
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, PyTorch {torch.__version__}",
    "sizes": {"V": V, "E": E, "H": H, "layers": LAYERS},
    "place": PLACE,
    "span": SPAN,
    "cases": [
        case("gru", "reset-after", 3, reset_after, 1, torch.nn.GRU(E, H, LAYERS)),
        case("gru", "reset-before", 3, reset_before, 1),
        case("lstm", "reset-after", 4, lstm, 2, torch.nn.LSTM(E, H, LAYERS)),
        case("mingru", "reset-after", 2, min_gru, 1),
    ],
}
FIXTURE.write_text(json.dumps(fixture) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes")
