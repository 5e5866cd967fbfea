"""Data sets: from files to arrays. `sources` decides where a file comes from; the rest read it."""

import re

from smai_nn.datasets import sources
from smai_nn.datasets.border import BorderDataset
from smai_nn.datasets.images import blurred_sets
from smai_nn.datasets.lfw import lfw_candidates
from smai_nn.datasets.mnist import OPENML, SHIPPED, find_mnist, mnist_copies

__all__ = ["BorderDataset", "overview"]


def overview():
    """Return [(data set, text)]: where each is taken from, what stands in for it, and what else was found.

    It looks where things are and decodes nothing, so a damaged file is the trouble of the section that reads it.
    Raises ValueError only for an $SMAI_DATA that names no folder.
    """
    rows = []
    for name in ("border.png", "smiley.png", "cat.jpg"):
        found, passed = sources.copies(re.escape(name))
        rows.append((name, _text([source.label for source in found], passed, found[:1])))
    sets, passed = blurred_sets()
    names = [f"{group[min(group)].label} to {max(group)} ({len(group)} pictures)" for group in sets]
    rows.append(("blurred pictures", _text(names, passed, [group[min(group)] for group in sets[:1]])))
    label, _ = find_mnist()
    notes = {f"data/{SHIPPED}": ", A PART OF MNIST", OPENML: ", downloaded if not there yet" * sources.may_download()}
    rows.append(("MNIST", _text([label + notes.get(label, ""), *(other for other, _ in mnist_copies()[1:])])))
    faces = list(lfw_candidates())
    missing = "it will be downloaded" if sources.may_download() else "the shipped digits stand in for it"
    rows.append(("LFW", _text([label for label, _, reason in faces if not reason] or [f"NOT FOUND, {missing}"],
                              [f"{label} ({reason})" for label, _, reason in faces if reason])))
    return rows


def _text(names, passed=(), taken=()):
    """Return a row's text: the first name, whether the DataSource taken stands in for another, and all other names."""
    substitute = ", A SUBSTITUTE for the course's" * any(source.is_shipped for source in taken)
    parts = [(names or ["NOT FOUND"])[0] + substitute]
    for what, others in (("also there, not used", names[1:]), ("passed over", passed)):
        if others:
            parts.append(f"{what}: {', '.join(others[:6])}" + f" and {len(others) - 6} more" * (len(others) > 6))
    return "; ".join(parts)
