"""Data sets: from files to arrays. `sources` decides where a file comes from; the rest read it."""

from smai_nn.datasets import sources
from smai_nn.datasets.images import blurred_sets
from smai_nn.datasets.lfw import lfw_candidates
from smai_nn.datasets.mnist import FILES, SHIPPED

PART = "A PART OF MNIST (with SMAI_DOWNLOAD=1 it is downloaded)"
NO_FACES = "NOT FOUND, the shipped digits stand in for it (with SMAI_DOWNLOAD=1 it is downloaded)"


def overview():
    """Return [(data set, text)]: where each is taken from, what stands in for it, and what else was found."""
    def text(source, more=""):
        return source.label + more + ", A SUBSTITUTE for the course's" * (source.sha256 in sources.SHIPPED)

    rows = {name: [text(source) for source in sources.copies(name)] for name in ("border.png", "smiley.png", "cat.jpg")}
    rows["blurred pictures"] = [text(files[min(files)], f" to {max(files)} ({len(files)} pictures)")
                                for files in blurred_sets()]
    rows["MNIST"] = [text(source) for source in sources.copies(FILES)] or [f"data/{SHIPPED}, {PART}"]
    faces = lfw_candidates()
    rows["LFW"] = [label for label, _, reason in faces if not reason] or [NO_FACES]
    if passed := [f"{label} ({reason})" for label, _, reason in faces if reason]:
        rows["LFW"][0] += f"; passed over: {', '.join(passed)}"
    doubles = {name: "; also there, not used: " + ", ".join(labels[1:]) for name, labels in rows.items() if labels[1:]}
    return [(name, labels[0] + doubles.get(name, "")) for name, labels in rows.items()]
