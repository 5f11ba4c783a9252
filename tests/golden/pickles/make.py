"""Writes the pickles that src/files/pickled.rs reads, and the small CIFAR files of src/data/cifar. `make.py [OUT]`; needs NumPy.

Files of Python 2 are written opcode by opcode, as its cPickle does: strings are byte strings, and pixels are one of them.
"""
import os
import pickle
import struct
import sys

import numpy as np

out = sys.argv[1] if len(sys.argv) > 1 else "tests/golden/pickles"


def string(value):
    """A string of Python 2."""
    value = value if isinstance(value, bytes) else value.encode()
    return (b"U" + bytes([len(value)]) if len(value) < 256 else b"T" + struct.pack("<i", len(value))) + value


def integer(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    return b"M" + struct.pack("<H", value) if 0 <= value < 65536 else b"J" + struct.pack("<i", value)


class Python2:
    """Enough of cPickle's protocol 2."""

    def __init__(self):
        self.memo = 0

    def put(self, opcodes):
        self.memo += 1
        return opcodes + b"q" + bytes([self.memo])

    def array(self, value):
        code = self.put(b"cnumpy.core.multiarray\n_reconstruct\n") + self.put(b"cnumpy\nndarray\n")
        code += self.put(integer(0) + b"\x85") + string("b") + self.put(b"\x87") + self.put(b"R")
        code += b"(" + integer(1) + b"".join(integer(size) for size in value.shape) + b"\x86"
        code += self.put(b"cnumpy\ndtype\n") + self.put(string("u1")) + integer(0) + integer(1) + self.put(b"\x87R")
        code += b"(" + integer(3) + self.put(string("|")) + b"NNN" + integer(-1) + integer(-1) + integer(0) + b"tb"
        return code + b"\x89" + string(value.tobytes()) + self.put(b"tb")

    def value(self, value):
        if isinstance(value, np.ndarray):
            return self.array(value)
        if isinstance(value, list):
            return self.put(b"]") + b"(" + b"".join(self.value(item) for item in value) + b"e"
        return self.put(string(value)) if isinstance(value, (str, bytes)) else integer(value)

    def dumps(self, entries):
        code = self.put(b"}") + b"("
        for key, value in entries.items():
            code += self.put(string(key)) + self.value(value)
        return b"\x80\x02" + code + b"u."


def write(name, data):
    path = os.path.join(out, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


entries = {
    "data": (np.arange(300) * 37 % 256).astype(np.uint8).reshape(3, 100), "labels": [2, 0, 300], "names": ["cat", "dog"],
}
write("python2.pickle", Python2().dumps(entries))
for protocol in 2, 3, 4, 5:
    write(f"protocol{protocol}.pickle", pickle.dumps(entries, protocol))
assert pickle.loads(Python2().dumps({"labels": [1]})) == {"labels": [1]}
back = pickle.loads(Python2().dumps(entries), encoding="bytes")
assert (back[b"data"] == entries["data"]).all() and back[b"labels"] == entries["labels"]


def images(count, tag):
    """Image i of file `tag`: value p (of three planes of 1024) is (p + 7 i + 31 tag) mod 256."""
    return ((np.arange(3072)[None] + 7 * np.arange(count)[:, None] + 31 * tag) % 256).astype(np.uint8)


def batch(tag, labels):
    return {
        "batch_label": f"batch {tag}", "labels": labels, "data": images(len(labels), tag),
        "filenames": [f"image{i}.png" for i in range(len(labels))],
    }


# As the originals: files of Python 2.
for tag in range(1, 6):
    write(f"cifar-10-batches-py/data_batch_{tag}", Python2().dumps(batch(tag, [tag, 0])))
write("cifar-10-batches-py/test_batch", Python2().dumps(batch(6, [9])))
names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
write("cifar-10-batches-py/batches.meta", Python2().dumps({"num_cases_per_batch": 2, "label_names": names, "num_vis": 3072}))
# As others save them again.
fine = [f"fine{i}" for i in range(100)]
for name, tag, labels in ("train", 7, [99, 3, 0]), ("test", 8, [77]):
    content = batch(tag, labels)
    content["fine_labels"] = content.pop("labels")
    content["coarse_labels"] = [0] * len(labels)
    write(f"cifar-100-python/{name}", pickle.dumps(content, 4))
write("cifar-100-python/meta", pickle.dumps({"fine_label_names": fine, "coarse_label_names": ["coarse"] * 20}, 4))
