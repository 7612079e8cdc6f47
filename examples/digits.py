"""Handwritten digits under differential privacy: 1,797 real images of 8 x 8, and as many made-up ones, as a picture.

    python examples/digits.py [--epsilon 10] [--out digits.svg]

A table is a table: each image is a row of 64 pixels in four shades and its label. So few rows and so many columns are
hard for any private generator; the picture shows what is left of the strokes at a given epsilon.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import dpsynth

SHADES = 4
LABEL = "digit"
EACH = 6  # images of each digit in the picture
_PIXEL = 4


def images() -> dict[str, npt.NDArray[np.int64]]:
    """The digits that scikit-learn ships: one column for each pixel, and the label."""
    from sklearn.datasets import load_digits

    found = load_digits()
    shades = np.minimum(found.data.astype(int) * SHADES // 16, SHADES - 1)
    return {**{f"pixel {place}": shades[:, place] for place in range(64)}, LABEL: found.target.astype(np.int64)}


def schema() -> dpsynth.Schema:
    """Public facts: shades, and ten digits."""
    pixels = [dpsynth.Categorical(f"pixel {place}", values=range(SHADES), ordered=True) for place in range(64)]
    return dpsynth.Schema([*pixels, dpsynth.Categorical(LABEL, values=range(10))])


def made(synthesizer: str, epsilon: float, delta: float, settings: dict[str, Any] | None = None) -> Any:
    """As many made-up images as there are real ones."""
    table = images()
    release = dpsynth.synthesize(
        table, schema(), epsilon=epsilon, delta=delta, synthesizer=synthesizer, settings=settings, seed=0
    )
    return release.sample(len(table[LABEL]), seed=0)


def picture(tables: dict[str, Any]) -> str:
    """Rows of images by digit, a block for each table, as SVG."""
    side, gap, head = 8 * _PIXEL + 4, 24, 22
    width, height = EACH * side + gap, 10 * side + head
    parts = [f'<rect width="{len(tables) * width}" height="{height}" fill="white"/>']
    for block, (title, table) in enumerate(tables.items()):
        left = block * width
        parts.append(f'<text x="{left}" y="14" font-family="sans-serif" font-size="13">{title}</text>')
        labels = np.asarray(table[LABEL]).astype(int)
        pixels = np.stack([np.asarray(table[f"pixel {place}"]).astype(int) for place in range(64)], axis=1)
        squares: list[list[str]] = [[] for _ in range(SHADES)]
        for digit in range(10):
            for place, row in enumerate(np.flatnonzero(labels == digit)[:EACH]):
                x, y = left + place * side, head + digit * side
                parts.append(f'<rect x="{x}" y="{y}" width="{8 * _PIXEL}" height="{8 * _PIXEL}" fill="#f4f4f4"/>')
                for pixel in np.flatnonzero(pixels[row]):
                    corner = f"M{x + pixel % 8 * _PIXEL} {y + pixel // 8 * _PIXEL}"
                    squares[pixels[row, pixel]].append(f"{corner}h{_PIXEL}v{_PIXEL}h-{_PIXEL}z")
        for shade, paths in enumerate(squares):
            grey = 230 - shade * 230 // (SHADES - 1)
            parts.append(f'<path fill="rgb({grey},{grey},{grey})" d="{"".join(paths)}"/>')
    size = f'width="{len(tables) * width}" height="{height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n' + "\n".join(parts) + "\n</svg>\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epsilon", type=float, default=10.0)
    parser.add_argument("--delta", type=float, default=1e-5)
    parser.add_argument("--out", type=Path, default=Path("digits.svg"))
    asked = parser.parse_args()
    tables: dict[str, Any] = {"real": images()}
    for name in ("vae", "gan"):
        settings = {"label": LABEL} if name == "gan" else {}
        tables[f"{name}, epsilon {asked.epsilon:g}"] = made(name, asked.epsilon, asked.delta, settings)
        print(f"{name}: done", flush=True)
    asked.out.write_text(picture(tables), encoding="utf-8")
    print(f"written: {asked.out}")


if __name__ == "__main__":
    main()
