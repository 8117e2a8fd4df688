"""Shows that a checkpoint's weights are PyTorch's own: same file, same class, same numbers.

    python3 scripts/check-pytorch.py <run or checkpoint> [--ids 3,1,4 | --text 'To be']
                                     [--backend cpu|wasm]

Loads weights.safetensors into Embedding -> nn.GRU -> Linear, or AdaptiveLogSoftmaxWithLoss for the last if
the checkpoint has an adaptive softmax, as it is (load_state_dict, strict), runs
both models over the same tokens, and prints the largest differences of the logits and of the final
state. Exits with 1 if one of them is above 1e-4. Needs PyTorch, and Node for this project's side.
The checkpoint must be of the variant reset-after, which is PyTorch's, and of plain layers.
"""

import argparse
import json
import pathlib
import struct
import subprocess
import sys

import torch

TOLERANCE = 1e-4
PROJECT = pathlib.Path(__file__).resolve().parents[1]


class LanguageModel(torch.nn.Module):
    """Embedding(V, E) -> nn.GRU(E, H, layers) -> Linear(H, V), or an adaptive softmax cut at `cutoffs`."""

    def __init__(self, vocab_size, embedding_dim, hidden_dim, layers, cutoffs):
        super().__init__()
        self.embedding = torch.nn.Embedding(vocab_size, embedding_dim)
        self.gru = torch.nn.GRU(embedding_dim, hidden_dim, layers)
        if cutoffs:
            self.fc = torch.nn.AdaptiveLogSoftmaxWithLoss(
                hidden_dim, vocab_size, cutoffs, div_value=4, head_bias=True
            )
        else:
            self.fc = torch.nn.Linear(hidden_dim, vocab_size)

    def forward(self, x, hidden):
        output, hidden = self.gru(self.embedding(x), hidden)
        if isinstance(self.fc, torch.nn.Linear):
            return self.fc(output), hidden
        return self.fc.log_prob(output.flatten(0, 1)).reshape(*output.shape[:2], -1), hidden


def cutoffs_of(state_dict):
    """Where an adaptive softmax cuts the vocabulary; none: it is a full one."""
    sizes = []
    while f"fc.tail.{len(sizes)}.1.weight" in state_dict:
        sizes.append(len(state_dict[f"fc.tail.{len(sizes)}.1.weight"]))
    vocab_size = len(state_dict["embedding.weight"])
    return [vocab_size - sum(sizes[i:]) for i in range(len(sizes))]


def read_safetensors(path):
    """The tensors of a safetensors file by name: 8 bytes of header length, JSON, then the data."""
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F32", f"{name}: expected F32, found {entry['dtype']}"
        begin, end = entry["data_offsets"]
        data = torch.frombuffer(
            content, dtype=torch.float32, count=(end - begin) // 4, offset=8 + length + begin
        )
        tensors[name] = data.reshape(entry["shape"]).clone()
    return tensors


def our_side(checkpoint, arguments):
    command = ["npx", "tsx", "scripts/logits.ts", str(checkpoint), "--backend", arguments.backend]
    command += ["--ids", arguments.ids] if arguments.ids else ["--text", arguments.text]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("--ids", default="")
    parser.add_argument("--text", default="The first words of a text")
    parser.add_argument("--backend", default="cpu", choices=["cpu", "wasm"])
    arguments = parser.parse_args()
    ours = our_side(arguments.checkpoint.resolve(), arguments)
    state_dict = read_safetensors(pathlib.Path(ours["path"]) / "weights.safetensors")
    if "gru.bias_hh_l0" not in state_dict:
        sys.exit("expected a checkpoint of the variant reset-after, found one without gru.bias_hh_l0")
    config = json.loads((pathlib.Path(ours["path"]) / "config.json").read_text())
    if config.get("residual") or config.get("norm", "none") != "none" or config.get("attention"):
        sys.exit("expected a checkpoint of plain layers, found one of --residual, --norm or --attention")

    vocab_size, embedding_dim = state_dict["embedding.weight"].shape
    hidden_dim = state_dict["gru.weight_hh_l0"].shape[1]
    layers = sum(name.startswith("gru.weight_hh_l") for name in state_dict)
    model = LanguageModel(vocab_size, embedding_dim, hidden_dim, layers, cutoffs_of(state_dict))
    model.load_state_dict(state_dict)  # strict: every name and shape must be there, and no other
    model.eval()
    with torch.no_grad():
        ids = torch.tensor(ours["ids"]).reshape(-1, 1)  # [T, B = 1]
        logits, state = model(ids, torch.zeros(layers, 1, hidden_dim))

    largest = 0.0
    for name, found, expected in [
        ("logits", torch.tensor(ours["logits"]), logits[:, 0]),
        ("final state", torch.tensor(ours["state"]), state[:, 0]),
    ]:
        assert found.shape == expected.shape, (name, found.shape, expected.shape)
        difference = (found - expected).abs().max().item()
        # Not max() of both: that would pass over a NaN.
        largest = difference if not difference <= largest else largest
        print(f"{name} {tuple(found.shape)}: largest difference {difference:.2e}")
    if not largest <= TOLERANCE:
        sys.exit(f"expected at most {TOLERANCE:.0e}, found {largest:.2e}")
    print(f"{len(ours['ids'])} tokens on {arguments.backend}: as PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
