"""Makes src/ops/fixtures/gpu-kernels.json: for which types TensorFlow has GPU kernels of the operations used here.

    python3 test/goldens/make-gpu-kernels.py DIRECTORY

DIRECTORY has the libraries of TensorFlow's build for CUDA, as they lie in the wheel `tensorflow`. What they
register can be asked for on a machine without a GPU. An operation without a kernel for it would run on the
processor, and what it works on would be copied there and back.
"""

import collections
import ctypes
import json
import pathlib
import sys

FIXTURE = pathlib.Path(__file__).parents[2] / "src" / "ops" / "fixtures" / "gpu-kernels.json"
# DT_FLOAT, DT_INT32, DT_BOOL, DT_BFLOAT16, DT_HALF: the types that anything here is of.
TYPES = {1, 3, 10, 14, 19}


class Buffer(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("free", ctypes.c_void_p)]


def fields(message):
    """The fields of a protocol buffer: (number, value)."""
    position = 0

    def varint():
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while position < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            length = varint() if key & 7 == 2 else {1: 8, 5: 4}[key & 7]
            yield key >> 3, message[position : position + length]
            position += length


def all_kernels(library):
    library.TF_NewStatus.restype = ctypes.c_void_p
    library.TF_GetAllRegisteredKernels.argtypes = [ctypes.c_void_p]
    library.TF_GetAllRegisteredKernels.restype = ctypes.POINTER(Buffer)
    buffer = library.TF_GetAllRegisteredKernels(library.TF_NewStatus()).contents
    for _, kernel in fields(ctypes.string_at(buffer.data, buffer.length)):  # KernelList.kernel
        yield list(fields(kernel))


def types_of(constraint):
    """The name and types of KernelDef.AttrConstraint."""
    name, types = "", []
    for number, value in fields(constraint):
        if number == 1:
            name = value.decode()
        for _, listed in fields(value) if number == 2 else ():  # AttrValue.list
            for number_in_list, packed in fields(listed):
                if number_in_list == 6:  # ListValue.type
                    types += [packed] if isinstance(packed, int) else list(packed)
    return name, types


directory = pathlib.Path(sys.argv[1])
for name in ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2"):
    library = ctypes.CDLL(str(directory / name), mode=ctypes.RTLD_GLOBAL)
library.TF_Version.restype = ctypes.c_char_p
wanted = json.loads(FIXTURE.read_text())["operations"] if FIXTURE.exists() else {}
wanted = set(sys.argv[2:]) or set(wanted)
operations = collections.defaultdict(list)
for kernel in all_kernels(library):
    by_number = dict(kernel)
    name, device = by_number[1].decode(), by_number[2].decode()
    if name not in wanted or device not in ("GPU", "DEFAULT") or by_number.get(5):
        continue
    constraints = dict(types_of(value) for number, value in kernel if number == 3)
    if any(types and not TYPES & set(types) for types in constraints.values()):
        continue
    types = {attr: sorted(TYPES & set(types)) for attr, types in constraints.items() if types}
    if types not in operations[name]:
        operations[name].append(types)
fixture = {
    "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, TensorFlow {library.TF_Version().decode()}",
    "operations": {name: operations[name] for name in sorted(wanted)},
}
FIXTURE.write_text(json.dumps(fixture, indent=1) + "\n")
print(FIXTURE, FIXTURE.stat().st_size, "bytes")
print("without a GPU kernel:", *(name for name in sorted(wanted) if not operations[name]))
