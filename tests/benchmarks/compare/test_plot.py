from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree

import numpy as np

from benchmarks.compare import plot
from benchmarks.compare.table import Row

NAMES = "{http://www.w3.org/2000/svg}"


def row(label: str, error: float | None, seconds: float | None, status: str = "ok") -> Row:
    values = {"error3": error, "seconds": seconds}
    return Row(label, {key: (value, value, value) for key, value in values.items() if value is not None}, status)


def test_every_row_is_in_the_picture_or_named_below_it() -> None:
    rows = [
        row("not private: resampled", 0.04, None),
        row("ours:mst", 0.117, 0.9),
        row("dpmm:mst", 0.144, 91.0),
        row("dpmm:aim", None, None, "failed in fit: <no> & no"),
    ]
    root = ElementTree.fromstring(plot.plot_svg(rows, "tiny & small"))
    texts = [element.text for element in root.iter(f"{NAMES}text")]
    assert {"tiny & small", "ours:mst", "dpmm:mst", "dpmm:aim: failed in fit: <no> & no"} <= set(texts)
    (ours,), (peer,) = root.findall(f"{NAMES}circle"), root.findall(f"{NAMES}rect")[1:]
    assert float(ours.attrib["cx"]) < float(peer.attrib["x"])  # quicker is further left
    assert float(ours.attrib["cy"]) > float(peer.attrib["y"])  # less error is lower


def test_nothing_to_draw_is_still_a_picture() -> None:
    ElementTree.fromstring(plot.plot_svg([], "empty"))
    ElementTree.fromstring(plot.plot_svg([row("dpmm:aim", None, None, "failed")], "failed"))


def test_labels_of_crowded_points_do_not_overlap() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal((300.0, 300.0), 25.0, (12, 2))
    taken = [(x - 7, y - 7, x + 7, y + 7) for x, y in points]
    labels = []
    for x, y in points:
        labels.append(plot.place_label(110.0, x, y, taken))
        taken.append(labels[-1])
    for one, other in itertools.combinations(labels, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart
