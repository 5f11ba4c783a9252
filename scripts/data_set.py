"""What the programs that make a data set share: their arguments and files. Needs numpy."""
import argparse
import os

import numpy as np


def arguments(description, classes, thing, **more):
    """The arguments of a program that makes images of so many classes, at least one of each; `more` have defaults."""
    def count(text):
        number = int(text)
        if number < classes:
            raise argparse.ArgumentTypeError(f"{number}: at least {classes} images are needed, one of each {thing}")
        return number

    def seed(text):
        number = int(text)
        if number < 0:
            raise argparse.ArgumentTypeError(f"{number}: a seed is not negative")
        return number

    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("target", help="folder to write")
    parser.add_argument("training", nargs="?", type=count, default=6000, help="training images [6000]")
    parser.add_argument("test", nargs="?", type=count, default=2000, help="test images [2000]")
    parser.add_argument("seed", nargs="?", type=seed, default=0, help="seed [0]")
    for name, default in more.items():
        parser.add_argument(name, nargs="?", default=default, help=f"[{default}]")
    given = parser.parse_args()
    if os.path.exists(given.target) and not os.path.isdir(given.target):
        parser.error(f"{given.target} is no folder")
    return given


def write(given, make):
    """Writes the training and the test images: `make(name, count, rng)` gives pixels, labels and what they are of."""
    os.makedirs(given.target, exist_ok=True)
    for number, (name, count) in enumerate((("train", given.training), ("test", given.test))):
        pixels, labels, source = make(name, count, np.random.default_rng([given.seed, number]))
        np.save(os.path.join(given.target, f"x_{name}.npy"), pixels)
        np.save(os.path.join(given.target, f"y_{name}.npy"), labels)
        print(f"{name}: {count} images of {source}")
