#!/usr/bin/env python3
"""Writes values.json: the points that auto-PGD (arXiv 2003.01690, algorithm 1) visits while it climbs two hills, by numpy in float64,
straight from the paper. Needs numpy. A hill is sum(a x - b (x - c)^2): along some axes the top lies beyond the ball, along others
within it, where a step that does not shrink swings."""
import json
import os

import numpy as np

STEPS, EPSILON = 40, 0.2


def projected(x, clean, norm):
    change = x - clean
    if norm == "linf":
        change = np.clip(change, -EPSILON, EPSILON)
    else:
        length = np.linalg.norm(change)
        change *= min(1.0, EPSILON / length) if length > 0 else 1.0
    return np.clip(clean + change, 0, 1)


def stepped(x, size, gradient, norm):
    return x + size * (np.sign(gradient) if norm == "linf" else gradient / np.linalg.norm(gradient))


def checkpoints():
    """Times to look, with percentages in whole steps as in the paper's code."""
    first, less, least = (max(p * STEPS // 100, 1) for p in (22, 3, 6))
    at, between = [0], first
    while at[-1] <= STEPS:
        at.append(at[-1] + between)
        between = max(between - less, least)
    return at


def climbed(clean, a, b, c, norm):
    value = lambda x: float((a * x - b * (x - c) ** 2).sum())
    slope = lambda x: a - 2 * b * (x - c)
    x, before, size = clean.copy(), clean.copy(), 2 * EPSILON
    best, best_value, last, grown = x, -np.inf, -np.inf, 0
    then, halved, looks, points = -np.inf, False, checkpoints(), []
    for step in range(STEPS):
        now = value(x)
        grown += int(step > 0 and now > last)
        last = now
        if now > best_value:
            best, best_value = x.copy(), now
        if step > 0 and step in looks:
            since = step - looks[looks.index(step) - 1]
            halve = grown < 0.75 * since or (not halved and best_value <= then)
            grown, then, halved = 0, best_value, halve
            if halve:
                size, x, last = size / 2, best.copy(), best_value
        aim = projected(stepped(x, size, slope(x), norm), clean, norm)
        share = 1.0 if step == 0 else 0.75
        x, before = projected(x + share * (aim - x) + (1 - share) * (x - before), clean, norm), x
        points.append([float(v) for v in x])
    return {"points": points, "size": size}


def main():
    rng, cases = np.random.default_rng(5), []
    for norm in ("linf", "l2"):
        clean, a, b, c = (rng.uniform(low, high, 6) for low, high in ((0.1, 0.9), (-1, 1), (2, 9), (0.2, 0.8)))
        b[:2] = 0
        found = climbed(clean, a, b, c, norm)
        assert found.pop("size") < 2 * EPSILON / 3
        cases.append({"norm": norm, "clean": clean.tolist(), "a": a.tolist(), "b": b.tolist(), "c": c.tolist(), **found})
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "values.json"), "w") as file:
        json.dump({"steps": STEPS, "epsilon": EPSILON, "cases": cases}, file)
        file.write("\n")


main()
