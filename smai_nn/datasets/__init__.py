"""Data sets: from files to arrays. `sources` decides where a file comes from; the rest read it."""

import re

from smai_nn.datasets import sources
from smai_nn.datasets.border import BorderDataset
from smai_nn.datasets.images import blurred_sets
from smai_nn.datasets.lfw import lfw_candidates
from smai_nn.datasets.mnist import SHIPPED, find_mnist, mnist_copies

__all__ = ["BorderDataset", "overview"]


def overview():
    """Return [(data set, text)]: where each is taken from, what stands in for it, and what else was found.

    It looks where things are and decodes nothing, so a damaged file is the trouble of the section that reads it.
    Raises ValueError only for an $SMAI_DATA that names no folder.
    """
    rows = []
    for name in ("border.png", "smiley.png", "cat.jpg"):
        found, passed = sources.copies(re.escape(name))
        rows.append((name, _text([(source, source.label) for source in found], passed)))
    sets, passed = blurred_sets()
    blurred = [(group[min(group)], f"{group[min(group)].label} to {max(group)} ({len(group)} pictures)") for group in sets]
    mnist = find_mnist()[0]
    digits = [(None, mnist + ", A PART OF MNIST" * mnist.endswith(SHIPPED)),
              *((None, label) for label, _ in mnist_copies() if label != mnist)]
    faces = list(lfw_candidates())
    missing = "NOT FOUND, " + ("it will be downloaded" if sources.may_download() else "the shipped digits stand in for it")
    return [*rows, ("blurred pictures", _text(blurred, passed)), ("MNIST", _text(digits, [])),
            ("LFW", _text([(None, label) for label, _, reason in faces if not reason],
                          [f"{label} ({reason})" for label, _, reason in faces if reason], missing))]


def _text(found, passed, text="NOT FOUND", most=6):
    """Return a row's text for a list of (DataSource or None, name), of which the first is taken, and what was passed over."""
    if found:
        text = found[0][1] + (", A SUBSTITUTE for the course's" if found[0][0] and found[0][0].is_shipped else "")
    doubles = [name for source, name in found[1:] if not (source and source.is_shipped)]
    for what, names in (("also there, not used", doubles), ("passed over", passed)):
        if names:
            rest = [f"{len(names) - most} more"] * (len(names) > most)
            text += f"; {what}: {', '.join([*names[:most], *rest])}"
    return text
