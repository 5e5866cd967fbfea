"""Data sets: from files to arrays. `sources` decides where a file comes from; the rest read it."""

import re

from smai_nn.datasets import sources
from smai_nn.datasets.border import BorderDataset
from smai_nn.datasets.images import blurred_sets
from smai_nn.datasets.lfw import lfw_candidates
from smai_nn.datasets.mnist import SHIPPED, mnist_copies

__all__ = ["BorderDataset", "overview"]
SUBSTITUTE = ", A SUBSTITUTE for the course's"
DOWNLOAD = "NOT FOUND, it will be downloaded"
PART = f"data/{SHIPPED}, A PART OF MNIST"


def overview():
    """Return [(data set, text)]: where each is taken from, what stands in for it, and what else was found.

    It looks where things are and decodes nothing. Raises ValueError only for an $SMAI_DATA that names no folder.
    """
    rows = {name: [source.label + SUBSTITUTE * source.is_shipped for source in sources.copies(re.escape(name))]
            for name in ("border.png", "smiley.png", "cat.jpg")}
    rows["blurred pictures"] = [
        f"{files[min(files)].label} to {max(files)} ({len(files)} pictures)" + SUBSTITUTE * files[min(files)].is_shipped
        for files in blurred_sets()]
    rows["MNIST"] = [label for label, _ in mnist_copies()] or [DOWNLOAD if sources.may_download() else PART]
    faces = lfw_candidates()
    rows["LFW"] = [label for label, _, reason in faces if not reason] or [
        DOWNLOAD if sources.may_download() else "NOT FOUND, the shipped digits stand in for it"]
    others = {name: "; also there, not used: " + ", ".join(labels[1:]) for name, labels in rows.items() if labels[1:]}
    passed = ", ".join(f"{label} ({reason})" for label, _, reason in faces if reason)
    return [(name, (labels or ["NOT FOUND"])[0] + others.get(name, "")
             + f"; passed over: {passed}" * (name == "LFW" and passed != "")) for name, labels in rows.items()]
