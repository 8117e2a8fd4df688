"""Runs exported ONNX models by onnxruntime and compares what they say with what is expected.

    python check-onnx.py DIRECTORY...

Each directory has model.onnx and expected.json: tokens, logits and states after the last token. The text is
read in two chunks, the second from the states after the first, and once more with each stream by itself in
chunks of one token. Prints one JSON object a directory: the largest differences.
"""

import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime


def run(session, tokens, states):
    inputs = {"tokens": tokens, **{f"state_{kind}": state for kind, state in states.items()}}
    logits, *after = session.run(["logits", *(f"next_state_{kind}" for kind in states)], inputs)
    return logits, dict(zip(states, after))


def difference(found, expected):
    if found.shape != expected.shape:
        raise ValueError(f"expected shape {expected.shape}, found {found.shape}")
    return float(numpy.abs(found - expected).max())


def check(directory):
    path = directory / "model.onnx"
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = json.loads((directory / "expected.json").read_text())
    tokens = numpy.array(expected["tokens"], dtype=numpy.int64)
    logits = numpy.array(expected["logits"], dtype=numpy.float32)
    after = {kind: numpy.array(s, dtype=numpy.float32) for kind, s in expected["states"].items()}
    zeros = {kind: numpy.zeros_like(state) for kind, state in after.items()}

    first, states = run(session, tokens[:, :3], zeros)
    second, states = run(session, tokens[:, 3:], states)
    found = {"logits": difference(numpy.concatenate([first, second], axis=1), logits)}
    found |= {kind: difference(states[kind], after[kind]) for kind in after}

    singly = []
    for stream in range(len(tokens)):
        states = {kind: state[:, stream : stream + 1] for kind, state in zeros.items()}
        for step in range(tokens.shape[1]):
            scores, states = run(session, tokens[stream : stream + 1, step : step + 1], states)
            singly.append(scores)
    found["singly"] = difference(numpy.concatenate(singly, axis=1), logits.reshape(1, -1, logits.shape[2]))
    model = onnx.load(str(path))
    operations = sorted({node.op_type for node in model.graph.node})
    metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    return {"name": directory.name, **found, "operations": operations, "metadata": metadata}


for argument in sys.argv[1:]:
    print(json.dumps(check(pathlib.Path(argument))))
