#!/usr/bin/env python3
"""Makes a data set of the letters A to J in the fonts of this machine: 28 x 28 grey pixels, bright on black, turned,
sheared, scaled, moved and warped at random. Every fifth family of fonts is kept for the test images alone.
Needs numpy, Pillow and fonts, for example those of Debian's packages fonts-dejavu, fonts-urw-base35, fonts-liberation,
fonts-freefont-ttf, fonts-lato, fonts-linuxlibertine, fonts-junicode, fonts-quicksand and fonts-comic-neue.
The files are read with --data TARGET. The same fonts and seed give the same files."""
import os
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import data_set

LETTERS = "ABCDEFGHIJ"
SIZE, LARGE = 28, 112  # pixels of an image, and of the picture that it is reduced from
FEWEST = 10  # families of fonts


def families(folder):
    """The files of each family that has the letters, by name."""
    found = {}
    for path in sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names):
        if not path.endswith((".ttf", ".otf", ".t1", ".pfb")):
            continue
        try:
            font = ImageFont.truetype(path, 24)
            drawn = {bytes(font.getmask(letter)) for letter in LETTERS}
        except (OSError, ValueError):
            continue
        if len(drawn) == len(LETTERS) and len(set("".join(font.getname()[0]))) > 1:
            found.setdefault(font.getname()[0], []).append(path)
    return found


def warped(picture, rng):
    """The picture under a random affine map and a smooth random displacement."""
    turn, shear = rng.uniform(-0.25, 0.25), rng.uniform(-0.25, 0.25)
    scale = rng.uniform(0.85, 1.2, 2)
    cos, sin = np.cos(turn), np.sin(turn)
    back = np.linalg.inv(np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, shear], [0, 1]]) @ np.diag(scale))
    middle, moved = (LARGE - 1) / 2, rng.uniform(-6, 6, 2)
    rows, columns = np.mgrid[0:LARGE, 0:LARGE] - middle
    places = np.einsum("ij,jhw->ihw", back, np.stack([columns - moved[0], rows - moved[1]])) + middle
    for axis in range(2):
        coarse = Image.fromarray(rng.normal(0, 2.5, (4, 4)).astype(np.float32))
        places[axis] += np.asarray(coarse.resize((LARGE, LARGE), Image.BICUBIC))
    x, y = (np.clip(p, 0, LARGE - 1.001) for p in places)
    left, top = x.astype(int), y.astype(int)
    right, down = x - left, y - top
    upper = picture[top, left] * (1 - right) + picture[top, left + 1] * right
    lower = picture[top + 1, left] * (1 - right) + picture[top + 1, left + 1] * right
    return upper * (1 - down) + lower * down


def letter(path, text, rng):
    """One image."""
    font = ImageFont.truetype(path, 72)
    picture = Image.new("L", (LARGE, LARGE))
    left, top, right, bottom = font.getbbox(text)
    ImageDraw.Draw(picture).text(((LARGE - left - right) / 2, (LARGE - top - bottom) / 2), text, 255, font)
    image = Image.fromarray(warped(np.asarray(picture, np.float64), rng).astype(np.float32))
    pixels = np.asarray(image.resize((SIZE, SIZE), Image.BOX))
    return np.clip(pixels * rng.uniform(0.7, 1.0), 0, 255).round().astype(np.uint8)


def part(fonts, count, rng):
    """`count` images and labels, each class equally often."""
    labels = np.arange(count) % len(LETTERS)
    names = sorted(fonts)
    images = []
    for label in labels:
        files = fonts[names[rng.integers(len(names))]]
        images.append(letter(files[rng.integers(len(files))], LETTERS[label], rng))
    order = rng.permutation(count)
    return np.stack(images)[order], labels[order].astype(np.uint8)


def main():
    given = data_set.arguments(__doc__, len(LETTERS), "letter", fonts="/usr/share/fonts")
    fonts = families(given.fonts)
    if len(fonts) < FEWEST:
        sys.exit(f"{given.fonts} has {len(fonts)} families of fonts with the letters {LETTERS}; {FEWEST} are needed. "
                 "Install some, for example Debian's fonts-dejavu, fonts-urw-base35, fonts-lato, fonts-junicode.")
    kept = set(sorted(fonts)[::5])

    def make(name, count, rng):
        chosen = kept if name == "test" else set(fonts) - kept
        return *part({family: fonts[family] for family in chosen}, count, rng), f"{len(chosen)} families of fonts"

    data_set.write(given, make)


main()
