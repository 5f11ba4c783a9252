#!/usr/bin/env python3
"""Writes assets/fashion-mnist from the files of Debian's package dataset-fashion-mnist: the first 1,000 training and
the first 200 test images of each class, in their original order, as gzipped IDX.
Usage: make-fashion-subset.py [SOURCE [TARGET [TRAINING_IMAGES_A_CLASS [TEST_IMAGES_A_CLASS]]]]"""
import gzip, os, struct, sys

assets = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "assets", "fashion-mnist")
defaults = ["/usr/share/datasets/fashion-mnist", assets, "1000", "200"]
source, target, training, test = sys.argv[1:] + defaults[len(sys.argv) - 1:]
os.makedirs(target, exist_ok=True)


def write(name, content):
    with open(os.path.join(target, name), "wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=9, mtime=0) as zipped:
            zipped.write(content)


for part, each in (("train", int(training)), ("t10k", int(test))):
    images = gzip.open(f"{source}/{part}-images-idx3-ubyte.gz").read()[16:]
    labels = gzip.open(f"{source}/{part}-labels-idx1-ubyte.gz").read()[8:]
    left, chosen = {c: each for c in range(10)}, []
    for i, label in enumerate(labels):
        if left[label]:
            left[label] -= 1
            chosen.append(i)
    pixels = b"".join(images[784 * i:784 * (i + 1)] for i in chosen)
    write(f"{part}-images-idx3-ubyte.gz", struct.pack(">4B3I", 0, 0, 8, 3, len(chosen), 28, 28) + pixels)
    write(f"{part}-labels-idx1-ubyte.gz", struct.pack(">4BI", 0, 0, 8, 1, len(chosen)) + bytes(labels[i] for i in chosen))
