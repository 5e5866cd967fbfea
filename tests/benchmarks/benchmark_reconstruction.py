"""Seconds of one epoch of section 2 on the cat, against PyTorch, and row-major against column-major features.

    python tests/benchmarks/benchmark_reconstruction.py [--repetitions 5] [--batch 128]

from the repository's root. It only measures and prints; without PyTorch its column stays empty. One thread each.

An epoch is 65,536 pixels in shuffled order through gamma-64-128-128-3 with ReLU, MSE and Adam in float32: shuffling,
gathering the batches, forward pass, loss as a float, backward pass, step. smai_nn: `Trainer.fit` for one epoch.
PyTorch: `randperm` and a loop over `index_select`, with the fused Adam. All take turns in every repetition; the figures
are medians, with the range of the ratio in brackets. The layouts differ in nothing but the order of the features in
memory: `column-major / row-major` is the time to gather all batches of an epoch from the one and from the other.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # before NumPy is imported
    os.environ[variable] = "1"
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # smai_nn need not be installed

import numpy as np  # noqa: E402

from smai_nn import Adam, Identity, Modular_Dataloader, ReLU, TrainConfig, Trainer  # noqa: E402
from smai_nn.model import build_network  # noqa: E402

HIDDEN = (64, 128, 128)
MAPPINGS = [("Raw", 1), *((method, size) for method in ("Polynomial", "Fourier") for size in (5, 15, 25))]


def main():
    """Read the command line, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--batch", type=int, default=128)
    options = parser.parse_args()
    print("| mapping | columns | smai_nn, s/epoch | PyTorch, s/epoch | PyTorch / smai_nn "
          "| gathering: column-major / row-major |")
    print("|---|---:|---:|---:|---:|---:|")
    for method, size in MAPPINGS:
        loader = Modular_Dataloader("cat.jpg", "RGB", method, size, size)
        contenders = {"own": own_epoch(loader, options.batch), "torch": torch_epoch(loader, options.batch),
                      "rows": gathering(np.ascontiguousarray(loader.features), options.batch),
                      "columns": gathering(np.asfortranarray(loader.features), options.batch)}
        seconds = {name: [] for name, function in contenders.items() if function}
        for repetition in range(options.repetitions + 1):
            for name in seconds:
                started = time.perf_counter()
                contenders[name]()
                if repetition:  # the first one warms up
                    seconds[name].append(time.perf_counter() - started)
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        torch = (f"{medians['torch']:.3f}", ratio(seconds["torch"], seconds["own"])) if "torch" in seconds else ("", "")
        print(f"| {loader.label} | {loader.feature_width} | {medians['own']:.3f} | {torch[0]} | {torch[1]} | "
              f"{ratio(seconds['columns'], seconds['rows'])} |", flush=True)


def ratio(one, other):
    """Return the median ratio with its range, as text."""
    ratios = [a / b for a, b in zip(one, other)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def own_epoch(loader, batch):
    """Return a function that trains smai_nn's network for one epoch."""
    rng = np.random.default_rng(0)
    model = build_network((loader.feature_width, *HIDDEN, loader.channels), ReLU, Identity, loss="mse",
                          optimizer=Adam(1e-3), rng=rng)
    trainer = Trainer(model, TrainConfig(batch_size=batch, max_epochs=1), rng=rng)
    return lambda: trainer.fit(loader)


def gathering(features, batch):
    """Return a function that gathers all batches of an epoch, shuffled, from features as they lie in memory."""
    order = np.random.default_rng(0).permutation(len(features))
    return lambda: [np.ascontiguousarray(features[order[i:i + batch]]).ndim for i in range(0, len(order), batch)]


def torch_epoch(loader, batch):
    """Return a function that trains PyTorch's network for one epoch; None if PyTorch is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    widths = (loader.feature_width, *HIDDEN, loader.channels)
    layers = [part for a, b in zip(widths, widths[1:]) for part in (torch.nn.Linear(a, b), torch.nn.ReLU())][:-1]
    model, loss_function = torch.nn.Sequential(*layers), torch.nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    x, y = torch.from_numpy(loader.features), torch.from_numpy(loader.targets)

    def epoch():
        total = 0.0
        for rows in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_function(model(x.index_select(0, rows)), y.index_select(0, rows))
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        return total / len(x)

    return epoch


if __name__ == "__main__":
    main()
