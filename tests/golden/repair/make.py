#!/usr/bin/env python3
"""Writes values.json: noise and impulse noise of a few images by numpy, in float64, straight from their definitions.
Needs numpy. The images are smooth spots with normal noise, salt and pepper, or both, in one and three channels."""
import json
import os

import numpy as np


def neighbours(image):
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="reflect")
    height, width = image.shape[:2]
    return np.stack([padded[1 + a:1 + a + height, 1 + b:1 + b + width]
                     for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b])


def isolation(image, nearest):
    return np.sort(np.abs(neighbours(image) - image), 0)[:nearest].mean(0)


def dark(image):
    return (neighbours(image) <= np.median(image) + deviation(image)).sum(0) >= 7


def deviation(image):
    across, down = np.diff(image, axis=1), np.diff(image, axis=0)
    return np.median(np.abs(np.concatenate([across.ravel(), down.ravel()]))) / (0.6745 * 2 ** 0.5)


def quiet(image):
    rows = image[:-2] - 2 * image[1:-1] + image[2:]
    energy = (((rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]) / 6) ** 2).mean(2)
    windows = np.lib.stride_tricks.sliding_window_view(energy, (5, 5)).mean((2, 3)).ravel()
    return float(np.sqrt(np.quantile(windows, 0.1, method="lower")))


def calibrated(images):
    lower = lambda values, share: float(np.quantile(np.asarray(values), share, method="lower"))
    alone = [np.sort(np.where(dark(i), isolation(i, 2), 0).ravel())[-3] for i in images]
    isolated = [lower(np.concatenate([isolation(i, n).ravel() for i in images]), 0.999) for n in (2, 3)]
    return {"noise": lower([quiet(i) for i in images], 0.99), "isolated": isolated, "alone": lower(alone, 0.997)}


def repaired_once(image, nearest, limit):
    bad = isolation(image, nearest) > limit
    count, image, left = int(bad.sum()), image.copy(), bad.copy()
    while left.any():
        good = np.where(neighbours(left.astype(float)) > 0.5, np.nan, neighbours(image))
        some = left & ~np.isnan(good).all(0)
        if not some.any():
            break
        image[some] = np.nanmedian(good[:, some], axis=0)
        left &= ~some
    return image, count


def repaired(image, clean):
    noise = deviation(image)
    limits = [max(clean["isolated"][0], 3 * noise), max(clean["isolated"][1], 2 * noise)]
    if ((isolation(image, 2) > max(clean["alone"], limits[0])) & dark(image)).sum() <= 2:
        return image
    total = 0
    for _ in range(3):
        image, count = repaired_once(image, 2, limits[0])
        total += count
    if total > 0.05 * image.size:
        for _ in range(3):
            image, _ = repaired_once(image, 3, limits[1])
    return image


def spots(rng, count, height, width, channels):
    y, x = np.mgrid[0:height, 0:width]
    for _ in range(count):
        at, wide = rng.uniform(4, [height - 4, width - 4]), rng.uniform(4, 14)
        spot = np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / wide)
        yield np.round(spot[..., None] * rng.uniform(0.4, 1, channels) * 255) / 255


def salted(rng, image, share):
    u = rng.random(image.shape)
    return np.where(u < share / 2, 0, np.where(u > 1 - share / 2, 1, image))


def main():
    cases = []
    for seed, (height, width, channels) in enumerate([(18, 20, 1), (14, 13, 3)]):
        rng = np.random.default_rng(seed)
        training = list(spots(rng, 24, height, width, channels))
        clean = calibrated(training)
        tests = list(spots(rng, 5, height, width, channels))
        noisy = [tests[0], tests[1] + 0.1 * rng.standard_normal(tests[1].shape), salted(rng, tests[2], 0.12),
                 salted(rng, tests[3], 0.3), salted(rng, tests[4] + 0.03 * rng.standard_normal(tests[4].shape), 0.1)]
        # As float32, which is what the program is given.
        f32 = lambda image: np.asarray(image, np.float32).astype(np.float64)
        training, noisy = [f32(i) for i in training], [f32(i) for i in noisy]
        clean = calibrated(training)
        after = [repaired(i, clean) for i in noisy]
        assert [bool((a != b).any()) for a, b in zip(noisy, after)] == [False, False, True, True, True]
        flat = lambda images: [round(float(v), 9) for image in images for v in image.ravel()]
        cases.append({"size": [height, width, channels], "training": [round(float(v) * 255) for image in training for v in image.ravel()], "clean": clean,
                      "noisy": flat(noisy), "repaired": flat(after), "quiet": [quiet(i) for i in noisy]})
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "values.json"), "w") as file:
        json.dump(cases, file)
        file.write("\n")


main()
