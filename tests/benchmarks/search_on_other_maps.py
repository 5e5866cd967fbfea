"""The search for the smallest network on the map as it is, flipped and turned: what it finds does not hang on one map.

    python tests/benchmarks/search_on_other_maps.py [number of seeds, by default 1]

Prints a row for each map and seed: the winner, its pixels, the CPU seconds of the search.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported

import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[2]))

from smai_nn.datasets.border import BorderDataset  # noqa: E402
from smai_nn.experiments.search import Search, SearchSetting  # noqa: E402
from smai_nn.runs import run_sweep  # noqa: E402

MAPS = {"as it is": np.copy, "upside down": np.flipud, "mirrored": np.fliplr, "turned by 90": np.rot90,
        "turned by 180": lambda mask: np.rot90(mask, 2), "turned by 270": lambda mask: np.rot90(mask, 3)}


def search(task):
    """Return a row of the table for (name of the map, seed); the map is square."""
    (name, seed), dataset = task, BorderDataset()
    dataset.mask = np.ascontiguousarray(MAPS[name](dataset.mask))
    dataset.targets = dataset.mask.reshape(-1, 1).astype(np.float32)
    found, start = Search(dataset, SearchSetting(seed=seed)), time.process_time()
    found.run()
    winner = found.winner
    return (f"{name:<14}{seed:>5}{winner.architecture.parameter_count:>12}{winner.correct:>8} of {len(dataset)}"
            f"{sum(found.starts.values()):>9,}{time.process_time() - start:>8.1f}  {winner.architecture.label}")


if __name__ == "__main__":
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    rows = run_sweep(search, [(name, seed) for name in MAPS for seed in seeds], description="searches")
    print(f"{'map':<14}{'seed':>5}{'parameters':>12}{'pixels':>8}{'starts':>17}{'CPU s':>8}  network", *rows, sep="\n")
