"""What of an execution is committed beside the notebook: runs/submission/, at most 25 MB of its folder.

In full: `results.json`, the figures and the GIFs, every run's settings and metrics, and the searches of section 1.5
with all checkpoints. Of all other files first the pictures, then the arrays, the smallest first, as long as there is
room. Left out are W&B's records, which repeat the others, each run's loss plot, which its history draws again, and the
pictures of every epoch, which the GIFs show. `contents.json` counts the files of each kind, here and in the execution.
"""

import collections
import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image

from smai_nn.datasets.sources import ROOT
from smai_nn.files import save_json

SUBMISSION = ROOT / "runs" / "submission"
LIMIT = 24_500_000  # bytes, a little less than 25 MB: folders take room too
LEFT_OUT = ("loss-", "frames", "checkpoint", "assignment3", "contents")  # how these files' names begin
ALWAYS = ("settings.json", "metrics.json", "results.json", "ancestors.json", "shapes.json")


def collect(execution, destination=SUBMISSION, limit=LIMIT):
    """Copy what is to be committed of the folder `execution` to `destination`, which is replaced as a whole.

    Returns the number of bytes. Raises ValueError for a folder without results.json, or one of which the files that are
    always kept are too large already; `destination` is then as it was.
    """
    execution, destination = Path(execution), Path(destination)
    if not (execution / "results.json").is_file():
        raise ValueError(f"{execution}: expected the folder of an execution, with results.json in it, found none; run "
                         "python -m smai_nn")
    files = [path for path in sorted(execution.rglob("*")) if path.is_file()]
    kinds = collections.Counter(_kind(path) for path in files)
    candidates = [p for p in files if "wandb" not in p.parts and not p.name.startswith(LEFT_OUT)]
    candidates.sort(key=lambda path: (_order(path, execution), path.stat().st_size, path))
    destination.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=destination.parent, prefix=".submission-"))
    try:
        total, kept = 0, collections.Counter()
        for path in candidates:
            content = _smaller(path, execution)
            if total + len(content) > limit:
                if _order(path, execution) == 0:
                    raise ValueError(f"{execution}: expected at most {limit:,} bytes of figures and settings, got more")
                continue
            copy = scratch / path.relative_to(execution)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
            total += len(content)
            kept[_kind(path)] += 1
        save_json(scratch / "contents.json", {"bytes": total, "files of the execution": dict(sorted(kinds.items())),
                                              "files here": dict(sorted(kept.items()))})
        if destination.exists():
            shutil.rmtree(destination)
        scratch.chmod(0o755)
        scratch.rename(destination)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return total


def _order(path, execution):
    """Return the turn of a file: 0 what is always kept, then pictures, then arrays."""
    run = path.relative_to(execution).parts[0]
    if path.name in ALWAYS or run == "figures" or "-search-s" in run:
        return 0
    return 1 if path.suffix == ".png" else 2


def _kind(path):
    """Return the name under which a file is counted, the same for all runs."""
    if "wandb" in path.parts:
        return "W&B"
    if path.suffix in (".png", ".gif") or path.name[:2].isdigit():
        return f"{path.parent.name if path.parent.name == 'figures' else 'a run'}: *{path.suffix}"
    return path.name


def _smaller(path, execution):
    """Return a file's bytes; a run's picture with 64 colours, which is enough for maps and takes a third."""
    content = path.read_bytes()
    if path.suffix != ".png" or path.parent == execution / "figures":
        return content
    buffer = io.BytesIO()
    Image.open(path).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(buffer, format="png", optimize=True)
    return min(content, buffer.getvalue(), key=len)
