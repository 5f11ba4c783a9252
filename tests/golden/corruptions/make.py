"""Golden values of the corruptions of CIFAR-10-C, by the libraries that its authors used (OpenCV, scikit-image, SciPy, Pillow and
ImageMagick through Wand), from random numbers that are stored beside them.

    pip install numpy scipy scikit-image opencv-python-headless pillow wand safetensors   (and ImageMagick)
    python make.py          writes corruptions.safetensors

The definitions and constants are those of ImageNet-C/create_c/make_cifar_c.py in hendrycks/robustness, for images of any size, grey
or in colour. Values are not rounded, but where a definition goes through bytes.
"""
import ctypes
import io
import math
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from safetensors.numpy import save_file
from scipy.ndimage import map_coordinates, zoom
from skimage.color import hsv2rgb, rgb2hsv
from skimage.filters import gaussian
from wand.api import library
from wand.image import Image as Magick

library.MagickMotionBlurImage.argtypes = [ctypes.c_void_p] + 3 * [ctypes.c_double]

DEFOCUS = [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)]
GLASS = [(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)]
MOTION = [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)]
ZOOM = [1.06, 1.11, 1.16, 1.21, 1.26]
FOG = [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)]
SNOW = [
    (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
    (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
    (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
    (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
    (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
]
BRIGHTNESS = [0.05, 0.1, 0.15, 0.2, 0.3]
CONTRAST = [0.75, 0.5, 0.4, 0.3, 0.15]
ELASTIC = [(0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)]
PIXELATE = [0.95, 0.9, 0.85, 0.75, 0.65]
JPEG = [80, 65, 58, 50, 40]

rng = np.random.default_rng(5)
stored = {}


def keep(name, values):
    """Stores what was drawn, as numbers that float32 holds, and returns these."""
    stored[name] = np.asarray(values, np.float32)
    return stored[name].astype(np.float64)


def as_bytes(x):
    return np.uint8(np.round(np.clip(x, 0, 1) * 255))


def defocus_blur(x, c, tag):
    radius, edge = c
    places = np.arange(-8, 9)
    across, down = np.meshgrid(places, places)
    disk = np.array(across**2 + down**2 <= radius**2, np.float64)
    disk = cv2.GaussianBlur(disk / disk.sum(), (3, 3), edge)
    return np.stack([cv2.filter2D(x[..., i], -1, disk) for i in range(x.shape[2])], -1)


def glass_blur(x, c, tag):
    sigma, reach, rounds = c
    h, w, _ = x.shape
    count = rounds * (h - 2 * reach) * (w - 2 * reach)
    offsets = iter(keep(f"{tag}.offsets", rng.integers(-reach, reach, (count, 2))))
    y = np.uint8(gaussian(x, sigma, channel_axis=-1) * 255)
    for _ in range(rounds):
        for i in range(h - reach, reach, -1):
            for j in range(w - reach, reach, -1):
                dx, dy = (int(v) for v in next(offsets))
                # Both pixels of a colour image are views of it, so that the published swap copies.
                y[i, j] = y[i + dy, j + dx]
    return gaussian(y / 255.0, sigma, channel_axis=-1)


def moved(x, radius, sigma, angle):
    y = as_bytes(x)
    buffer = io.BytesIO()
    Image.fromarray(y.squeeze()).save(buffer, "PNG")
    image = Magick(blob=buffer.getvalue())
    library.MagickMotionBlurImage(image.wand, radius, sigma, angle)
    # The published program reads them back from a PNG file, for which they are rounded down.
    pixels = image.export_pixels(channel_map="I" if x.shape[2] == 1 else "RGB", storage="double")
    return np.array(pixels).reshape(x.shape)


def motion_blur(x, c, tag):
    return moved(x, *c, float(keep(f"{tag}.angle", [rng.uniform(-45, 45)])[0]))


def zoomed(x, factor):
    h, w, _ = x.shape
    sizes = [math.ceil(side / factor) for side in (h, w)]
    top, left = [(side - size) // 2 for side, size in zip((h, w), sizes)]
    y = zoom(x[top : top + sizes[0], left : left + sizes[1]], (factor, factor, 1), order=1, mode="nearest")
    top, left = (y.shape[0] - h) // 2, (y.shape[1] - w) // 2
    return y[top : top + h, left : left + w]


def zoom_blur(x, most, tag):
    factors = np.arange(1, most, 0.01)
    return (x + sum(zoomed(x, factor) for factor in factors)) / (len(factors) + 1)


def snow(x, c, tag):
    mean, deviation, factor, least, length, trail, kept = c
    noise = keep(f"{tag}.noise", rng.normal(size=x.shape[:2]))
    layer = zoomed((mean + deviation * noise)[..., None], factor)
    layer[layer < least] = 0
    layer = np.uint8(np.clip(layer, 0, 1) * 255) / 255.0
    layer = moved(layer, length, trail, float(keep(f"{tag}.angle", [rng.uniform(-135, -45)])[0]))
    grey = x if x.shape[2] == 1 else (x @ [0.299, 0.587, 0.114])[..., None]
    pale = kept * x + (1 - kept) * np.maximum(x, grey * 1.5 + 0.5)
    return pale + layer + np.rot90(layer, 2)


def clouds(size, roughness, draws):
    """The diamond-square algorithm, array by array, in the order of the published program."""
    height = np.zeros((size, size))
    step, wibble = size, 100.0

    def noisy(total):
        count = total.size
        taken = np.array([next(draws) for _ in range(count)]).reshape(total.shape)
        return total / 4 + wibble * wibble * taken

    while step >= 2:
        half = step // 2
        corners = height[::step, ::step]
        rows = corners + np.roll(corners, -1, 0)
        height[half::step, half::step] = noisy(rows + np.roll(rows, -1, 1))
        middles, corners = height[half::step, half::step], height[::step, ::step]
        height[::step, half::step] = noisy(middles + np.roll(middles, 1, 0) + corners + np.roll(corners, -1, 1))
        height[half::step, ::step] = noisy(middles + np.roll(middles, 1, 1) + corners + np.roll(corners, -1, 0))
        step, wibble = half, wibble / roughness
    height -= height.min()
    return height / height.max()


def fog(x, c, tag):
    strength, roughness = c
    draws = iter(keep(f"{tag}.draws", rng.uniform(-1, 1, 32 * 32 - 1)))
    cloud = clouds(32, roughness, draws)[: x.shape[0], : x.shape[1], None]
    return (x + strength * cloud) * x.max() / (x.max() + strength)


def brightness(x, more, tag):
    hsv = rgb2hsv(np.repeat(x, 3, -1) if x.shape[2] == 1 else x)
    hsv[..., 2] = np.clip(hsv[..., 2] + more, 0, 1)
    return hsv2rgb(hsv)[..., : x.shape[2]]


def contrast(x, kept, tag):
    means = x.mean((0, 1), keepdims=True)
    return (x - means) * kept + means


def elastic(x, c, tag):
    h, w, channels = x.shape
    side = min(h, w)
    size, smoothness, pull = (share * side for share in c)
    center, reach = np.float32([w, h]) // 2, side // 3
    corners = np.float32([center + reach, [center[0] + reach, center[1] - reach], center - reach])
    to = corners + np.float32(pull * keep(f"{tag}.corners", rng.uniform(-1, 1, (3, 2))))
    matrix = cv2.getAffineTransform(corners, to)
    y = cv2.warpAffine(x.astype(np.float32), matrix, (w, h), borderMode=cv2.BORDER_REFLECT_101).reshape(x.shape)
    fields = keep(f"{tag}.fields", rng.uniform(-1, 1, (2, h, w)))
    dy, dx = (gaussian(field, smoothness, mode="reflect", truncate=3) * size for field in fields)
    rows, columns = np.meshgrid(np.arange(h), np.arange(w), indexing="ij")
    at = np.stack([rows + dy, columns + dx])
    return np.stack([map_coordinates(y[..., i], at, order=1, mode="reflect") for i in range(channels)], -1)


def pixelate(x, share, tag):
    h, w, _ = x.shape
    image = Image.fromarray(as_bytes(x).squeeze())
    image = image.resize((int(w * share), int(h * share)), Image.BOX).resize((w, h), Image.BOX)
    return np.array(image).reshape(x.shape) / 255.0


def jpeg(x, quality, tag):
    buffer = io.BytesIO()
    Image.fromarray(as_bytes(x).squeeze()).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer)).reshape(x.shape) / 255.0


KINDS = {
    "defocus-blur": (defocus_blur, DEFOCUS),
    "glass-blur": (glass_blur, GLASS),
    "motion-blur": (motion_blur, MOTION),
    "zoom-blur": (zoom_blur, ZOOM),
    "snow": (snow, SNOW),
    "fog": (fog, FOG),
    "brightness": (brightness, BRIGHTNESS),
    "contrast": (contrast, CONTRAST),
    "elastic": (elastic, ELASTIC),
    "pixelate": (pixelate, PIXELATE),
    "jpeg": (jpeg, JPEG),
}


def picture(height, width, channels):
    """Waves, a disk and a slope, in bytes."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    waves = 0.4 + 0.25 * np.sin(0.7 * x + 0.3 * c) * np.cos(0.45 * y - 0.5 * c)
    disk = 0.35 * ((x - 0.6 * width) ** 2 + (y - 0.4 * height) ** 2 < (0.22 * width + c) ** 2)
    return np.uint8(255 * np.clip(waves + disk - 0.2 * y / height, 0, 1))


for tag, image, severities in [("grey", picture(28, 26, 1), (1, 3, 5)), ("colour", picture(32, 32, 3), (2, 4))]:
    stored[tag] = image.astype(np.float32)
    for name, (corrupt, constants) in KINDS.items():
        for severity in severities:
            key = f"{tag}.{name}.{severity}"
            out = corrupt(image / 255.0, constants[severity - 1], key)
            stored[key] = (np.clip(out, 0, 1) * 255).astype(np.float32)

save_file(stored, Path(__file__).with_name("corruptions.safetensors"))
print(len(stored), "tensors")
