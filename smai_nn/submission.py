"""What of an execution is committed beside the notebook: runs/submission/, at most 25 MB of its folder.

In full: `results.json`, the figures and the GIFs, every run's settings and metrics, the searches of section 1.5 with
all checkpoints, and the final parameters of the runs on the border. As long as there is room, these runs' maps and loss
plots, then other runs' pictures, then arrays, the smallest first. Left out are W&B's records, which repeat the others,
and the pictures of every epoch, which the GIFs show. `contents.json` counts the files of each kind, here and in the
execution.
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
LIMIT = 24_900_000  # bytes, a little less than 25 MB: folders take room too
LEFT_OUT = ("frames", "checkpoint", "assignment3", "contents")  # how these files' names begin
BORDER = "-border-"  # in the names of these runs' folders
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
    """Return the turn of a file: 0 what is always kept, then the border's pictures, other pictures, arrays."""
    run = path.relative_to(execution).parts[0]
    if path.name in ALWAYS or run == "figures" or "-search-s" in run or (BORDER in run and path.stem == "parameters"):
        return 0
    return 3 if path.suffix != ".png" else 1 if BORDER in run else 2


def _kind(path):
    """Return the name under which a file is counted, the same for all runs."""
    if "wandb" in path.parts:
        return "W&B"
    if path.suffix in (".png", ".gif") or path.name[:2].isdigit():
        return f"{path.parent.name if path.parent.name == 'figures' else 'a run'}: *{path.suffix}"
    return path.name


def _smaller(path, execution):
    """Return a file's bytes; figures packed tighter, runs' pictures with 64 or 16 colours, which is enough."""
    content = path.read_bytes()
    if path.suffix != ".png":
        return content
    picture = Image.open(path).convert("RGB")
    if path.parent != execution / "figures":
        picture = picture.quantize(64 if path.name.startswith("reconstruction") else 16, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    return min(content, buffer.getvalue(), key=len)
