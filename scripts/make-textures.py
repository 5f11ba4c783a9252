#!/usr/bin/env python3
"""Makes a data set of crops of ten photographs that scikit-image and scikit-learn bring along: 32 x 32 RGB pixels, the
class is the photograph. Photographs are halved and cut into tiles; every third tile is kept for the test images alone.
Needs numpy, Pillow, scikit-image and scikit-learn.
The files are read with --data TARGET. The same versions of the packages and seed give the same files."""
import os
import sys

import numpy as np
import skimage
import sklearn.datasets
from PIL import Image

import data_set

OF_SKIMAGE = ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "ihc.png", "retina.jpg",
              "hubble_deep_field.jpg"]
OF_SKLEARN = ["china.jpg", "flower.jpg"]
SIZE, TILE = 32, 48
PLAIN = 8.0  # Crops whose pixels deviate less than this from their mean show nothing.


def photographs():
    folders = [os.path.join(os.path.dirname(skimage.__file__), "data"),
               os.path.join(os.path.dirname(sklearn.datasets.__file__), "images")]
    for folder, names in zip(folders, (OF_SKIMAGE, OF_SKLEARN)):
        for name in names:
            picture = Image.open(os.path.join(folder, name)).convert("RGB")
            if max(picture.size) > 1000:
                picture = picture.reduce(2)
            yield np.asarray(picture.reduce(2))


def tiles(picture):
    """Tiles of a photograph: those for training, those for testing."""
    height, width = (side // TILE for side in picture.shape[:2])
    parts = [], []
    for row in range(height):
        for column in range(width):
            tile = picture[row * TILE:(row + 1) * TILE, column * TILE:(column + 1) * TILE]
            parts[(row + column) % 3 == 0].append(tile)
    return parts


def crop(tiles, rng):
    """A crop of one of the tiles that shows something, mirrored half of the time."""
    for _ in range(1000):
        tile = tiles[rng.integers(len(tiles))]
        top, left = rng.integers(0, TILE - SIZE + 1, 2)
        found = tile[top:top + SIZE, left:left + SIZE]
        if found.reshape(-1, 3).std(0).max() >= PLAIN:
            return found[:, ::-1] if rng.integers(2) else found
    sys.exit("a photograph is too plain")


def main():
    given = data_set.arguments(__doc__, len(OF_SKIMAGE) + len(OF_SKLEARN), "photograph")
    cut = [tiles(picture) for picture in photographs()]

    def make(name, count, rng):
        labels = rng.permutation(np.arange(count) % len(cut)).astype(np.uint8)
        pixels = np.stack([crop(cut[label][name == "test"], rng) for label in labels])
        return pixels, labels, f"{len(cut)} photographs"

    data_set.write(given, make)


main()
