"""What of an execution is committed beside the notebook: its results.json, its figures and its finished run folders."""

import shutil
import tempfile
from pathlib import Path

from smai_nn.execution import submission
from smai_nn.runs import FINISHED, RunFolder

LIMIT = 25_000_000  # bytes
LEFT_OUT = ("frames",)  # how the names of files begin that are too large: the pictures of every epoch, which GIFs show


def publish(execution, write_notebook):
    """Replace the committed folder by the folder `execution`, then call `write_notebook()`; both happen or neither.

    Returns the number of bytes. Raises ValueError for a folder without results.json, or of more than LIMIT bytes.
    """
    folders = [path.parent for path in execution.glob("*/metrics.json") if RunFolder(path.parent).status in FINISHED]
    files = [path for folder in [execution / "figures", *folders] for path in folder.rglob("*") if path.is_file()]
    files = [path for path in [execution / "results.json", *files] if not path.name.startswith(LEFT_OUT)]
    if not files[0].is_file():
        raise ValueError(f"{execution}: expected an execution of the whole notebook, found no results.json")
    size = sum(path.stat().st_size for path in files)
    if size > LIMIT:
        raise ValueError(f"{execution}: expected at most {LIMIT / 1e6:.0f} MB to commit, got {size / 1e6:.1f} MB")
    target = submission()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        for path in files:
            (new / path.relative_to(execution)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, new / path.relative_to(execution))
        try:
            if target.exists():
                target.rename(old)
            new.rename(target)
            write_notebook()
        except BaseException:
            if old.exists():
                shutil.rmtree(target, ignore_errors=True)
                old.rename(target)
            raise
    return size
