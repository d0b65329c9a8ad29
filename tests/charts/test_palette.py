"""Colours that everybody can see: contrast by WCAG 2.2, and differences with each kind of colour blindness."""

from itertools import combinations, pairwise

import pytest

from guestsql.charts.palette import AXIS, BACKGROUND, DARK, HEAT, MUTED, SERIES, TEXT

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
VISIONS = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


def linear(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour):
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def lab(parts):
    weights = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    xyz = [sum(w * p for w, p in zip(row, parts, strict=True)) for row in weights]
    x, y, z = (
        value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
        for value in (xyz[0] / 0.9505, xyz[1], xyz[2] / 1.089)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def seen(colour, vision):
    parts = [sum(w * p for w, p in zip(row, linear(colour), strict=True)) for row in vision]
    return lab([min(1.0, max(0.0, part)) for part in parts])


def difference(one, other):
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5


@pytest.mark.parametrize("is_dark", [False, True])
def test_contrast_on_the_background(is_dark):
    def on(colour):
        return DARK[colour] if is_dark else colour

    background = on(BACKGROUND)
    assert all(contrast(on(colour), background) >= 3 for colour in (*SERIES, AXIS))
    assert all(contrast(on(colour), background) >= 4.5 for colour in (TEXT, MUTED))
    # The greatest class of a heatmap stands out, and each class differs from the next.
    assert contrast(on(HEAT[-1]), background) >= 3
    lights = [luminance(on(colour)) for colour in HEAT]
    assert lights == sorted(lights, reverse=not is_dark)
    assert all(contrast(on(a), on(b)) >= 1.3 for a, b in pairwise(HEAT))


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("is_dark", [False, True])
def test_each_series_differs_from_the_others(is_dark, vision):
    colours = [DARK[colour] if is_dark else colour for colour in SERIES]
    points = [seen(colour, VISIONS[vision]) for colour in colours]
    assert min(difference(a, b) for a, b in combinations(points, 2)) > 25
