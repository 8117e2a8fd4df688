"""Writes a file of requirements: exact versions with their hashes.

Usage: pin-requirements.py                      requirements.txt: the peers and all that they need
       pin-requirements.py FILE PACKAGE...      these packages alone, without what they ask for

Run it with a Python that can run them. Of each package, the wheels for Linux x86-64 on every Python in
PYTHONS are pinned. pip is asked, and downloads no more than metadata.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

PEERS = ["torch==2.15.0", "keras==3.15.1", "tensorflow-cpu==2.21.0", "numpy", "setuptools"]
PYTHONS = ["3.11", "3.12", "3.13"]
TAGS = [*(f"manylinux_2_{n}" for n in range(28, 4, -1)), "manylinux2014", "manylinux2010", "manylinux1"]

# PyTorch's published wheel is linked to CUDA's libraries and loads them at import, GPU or none. What
# it only loads on a GPU, or to compile for one, is left out.
UNUSED = {
    "cuda-bindings",
    "cuda-pathfinder",
    "cuda-toolkit",
    "nvidia-cuda-cccl",
    "nvidia-cusolver",
    "nvidia-nvtx",
    "triton",
}


def resolve(*arguments):
    """What pip would install, as a list of (name, version, sha256)."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"]
    command += ["--report", "-", *arguments]
    report = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return [
        (
            found["metadata"]["name"].lower().replace("_", "-"),
            found["metadata"]["version"],
            found["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for found in json.loads(report.stdout)["install"]
    ]


file, *packages = sys.argv[1:] or [pathlib.Path(__file__).with_name("requirements.txt")]
if packages:
    title = ", ".join(packages) + ", without what they ask for"
    found = resolve("--no-deps", *packages)
else:
    title = "The peers of the benchmark and all that they need"
    found = [package for package in resolve(*PEERS) if package[0] not in UNUSED]
closure = sorted((name, version) for name, version, _ in found)
exact = [f"{name}=={version}" for name, version in closure]
platforms = [f"--platform={tag}_x86_64" for tag in TAGS]
hashes = {}
with tempfile.TemporaryDirectory() as target:
    for python in PYTHONS:
        where = [f"--python-version={python}", "--only-binary=:all:", f"--target={target}"]
        for name, _, sha256 in resolve("--no-deps", *where, *platforms, *exact):
            hashes.setdefault(name, set()).add(sha256)

lines = [
    f"# {title}, for Linux x86-64 and CPython {', '.join(PYTHONS)}.",
    "# Written by bench/pin-requirements.py.",
]
for name, version in closure:
    lines.append(f"{name}=={version} \\")
    lines.append(" \\\n".join(f"    --hash=sha256:{sha256}" for sha256 in sorted(hashes[name])))
pathlib.Path(file).write_text("\n".join(lines) + "\n")
