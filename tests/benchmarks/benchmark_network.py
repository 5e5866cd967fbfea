"""Time of one training step: smai_nn against PyTorch, scikit-learn and the bare matrix products.

    python tests/benchmarks/benchmark_network.py [--repetitions 9] [--threads 1 2]

from the repository's root. It only measures and prints. A peer that is not installed is left out.

A step is forward pass, loss as a float, backward pass, one Adam step and gradients set to zero,
on one batch in float32: fully connected layers, ReLU after the hidden ones, mean squared error.
All start from the same parameters and train on the same batch.

- smai_nn: `Model.train` and `Model.update`.
- PyTorch, eager, CPU: `nn.Sequential`, `nn.MSELoss`, `Adam(fused=True)`, the fastest of its Adams,
  `zero_grad(set_to_none=True)`; `loss.item()` is read in every step, as smai_nn returns the loss.
- scikit-learn: `MLPRegressor.partial_fit` without shuffling and regularisation. One call gets many
  copies of the batch, one below the other, and takes a step on each, so that the checks which
  every call makes are shared by many steps. Its loss is half the mean squared error.
- GEMM: only the step's matrix products, with `np.dot` into arrays allocated before: x W in every
  layer, x^T g in every layer, g W^T in every layer but the first. Their time divided by smai_nn's
  is the share of the machine's GEMM rate that smai_nn's step reaches.

Each repetition gives every contender the same time, in turns, so that a change of the machine's
speed meets all of them; ratios are taken within a repetition. Medians and ranges are over repetitions.
Each number of threads has a process of its own, since BLAS libraries read it when they are loaded.
"""

import argparse
import importlib
import importlib.metadata
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # smai_nn need not be installed

import numpy as np  # noqa: E402

from smai_nn.activations import Identity, ReLU  # noqa: E402
from smai_nn.model import build_network  # noqa: E402
from smai_nn.optim import Adam  # noqa: E402

NETWORKS = [  # widths, rows of a batch
    ((2, 32, 32, 1), 64),
    ((2, 64, 64, 64, 64, 1), 64),
    ((101, 64, 128, 128, 3), 256),
    ((101, 64, 128, 128, 3), 1024),
    ((101, 64, 128, 128, 3), 4096),
    ((784, 256, 64, 256, 784), 256),
]
LEARNING_RATE = 1e-3
TURNS = 4  # of each contender in a repetition
TURN_SECONDS = 0.04  # so that a repetition times each contender for about 0.16 s
WARM_UP_SECONDS = 0.004  # before each turn: refills the caches that the contender before it used
REST_SECONDS = 0.03  # before each turn, if threads > 1: the last library's idle threads keep spinning about so long
STACK_BYTES = 1 << 21  # size of the data for one partial_fit: small enough for the cache, as one batch is
STACK_BATCHES = 64
OURS, TORCH, SKLEARN, GEMM = "smai_nn", "PyTorch", "scikit-learn", "GEMM"
PEERS = {TORCH: "torch", SKLEARN: "sklearn"}


def main():
    """Read the command line; measure and print everything, or one thread count as a worker."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=9, help="timings of each contender (default 9)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="thread counts (default 1 2)")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if min(arguments.repetitions, *arguments.threads) < 1:
        parser.error("expected repetitions and threads of at least 1")
    if arguments.worker:
        work(arguments.worker, arguments.repetitions)
        return
    print_machine()
    rows = [row for threads in arguments.threads for row in print_table(threads, arguments.repetitions)]
    print_demands(rows)


# The worker: measures with one number of threads and prints JSON, a line for the settings, one for each network.


def work(threads, repetitions):
    """Print the thread settings that hold, then each network's times, as lines of JSON."""
    own_blas = {library["filepath"] for library in blas_libraries()}  # before the peers bring libraries of their own
    peers = {name: import_or_none(module) for name, module in PEERS.items()}
    if peers[TORCH]:
        peers[TORCH].set_num_threads(threads)
    settings = {"blas": [f"{library['internal_api']} {library['version']}, {library['num_threads']} thread(s)"
                         for library in blas_libraries() if library["filepath"] in own_blas],
                "torch": peers[TORCH].get_num_threads() if peers[TORCH] else None}
    print(json.dumps(settings), flush=True)
    for widths, batch in NETWORKS:
        times = measure(contenders(widths, batch, peers), repetitions, REST_SECONDS if threads > 1 else 0)
        print(json.dumps({"widths": widths, "batch": batch, "threads": threads, "times": times}), flush=True)


def import_or_none(name):
    """Return the module, or None if it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def blas_libraries():
    """Return what threadpoolctl says of the BLAS libraries loaded so far; nothing if it is not installed."""
    threadpoolctl = import_or_none("threadpoolctl")
    return [library for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"] \
        if threadpoolctl else []


def contenders(widths, batch, peers):
    """Return {name: (function, training steps in one call of it)} for one network."""
    rng = np.random.default_rng(0)
    x, y = (rng.random((batch, width), dtype=np.float32) for width in (widths[0], widths[-1]))
    model = build_network(widths, ReLU, Identity, loss="mse", optimizer=Adam(LEARNING_RATE), rng=rng)
    found = {}  # in the order of their turns
    if peers[SKLEARN]:
        found[SKLEARN] = sklearn_steps(model, x, y)
    if peers[TORCH]:
        found[TORCH] = torch_step(peers[TORCH], model, x, y), 1
    return {**found, OURS: (own_step(model, x, y), 1), GEMM: (gemm_step(widths, batch, rng), 1)}


def own_step(model, x, y):
    """Return a function that takes one training step with smai_nn."""
    def step():
        model.train(x, y)
        model.update()

    return step


def torch_step(torch, model, x, y):
    """Return a function that takes one training step with PyTorch, from the model's parameters."""
    modules = []
    for layer in model.layers:
        linear = torch.nn.Linear(layer.in_width, layer.out_width)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(layer.weights.T))
            linear.bias.copy_(torch.tensor(layer.biases))
        modules += [linear, torch.nn.ReLU()]
    network, loss_function = torch.nn.Sequential(*modules[:-1]), torch.nn.MSELoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def step():
        loss = loss_function(network(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def sklearn_steps(model, x, y):
    """Return a function that takes training steps with scikit-learn, and their number."""
    from sklearn.neural_network import MLPRegressor
    steps = min(STACK_BATCHES, max(1, STACK_BYTES // (x.nbytes + y.nbytes)))
    peer = MLPRegressor(hidden_layer_sizes=[layer.out_width for layer in model.layers[:-1]], activation="relu",
                        solver="adam", alpha=0, batch_size=len(x), learning_rate_init=LEARNING_RATE,
                        shuffle=False, random_state=0)
    x, y = np.tile(x, (steps, 1)), np.tile(y, (steps, 1))
    y = y.ravel() if y.shape[1] == 1 else y  # it warns of a single column
    peer.partial_fit(x, y)  # makes its arrays
    for weights, biases, layer in zip(peer.coefs_, peer.intercepts_, model.layers):
        weights[...], biases[...] = layer.weights, layer.biases
    return lambda: peer.partial_fit(x, y), steps


def gemm_step(widths, batch, rng):
    """Return a function that does the matrix products of one training step and nothing else."""
    def normal(*shape):
        return rng.standard_normal(shape, dtype=np.float32)

    values, gradients = [normal(batch, width) for width in widths], [normal(batch, width) for width in widths]
    weights = [normal(*shape) / np.float32(math.sqrt(shape[0])) for shape in zip(widths, widths[1:])]
    products = [(values[i], w, values[i + 1]) for i, w in enumerate(weights)]
    for i, w in reversed(list(enumerate(weights))):
        products.append((values[i].T, gradients[i + 1], np.empty_like(w)))
        if i:  # nobody needs the gradient in the network's input
            products.append((gradients[i + 1], w.T, gradients[i]))

    def step():
        for a, b, out in products:
            np.dot(a, b, out=out)

    return step


def measure(functions, repetitions, rest):
    """Return {name: microseconds per training step in each repetition}."""
    calls = {name: calls_within(function, TURN_SECONDS) for name, (function, _) in functions.items()}
    times = {name: [0.0] * repetitions for name in functions}
    for repetition in range(repetitions):
        for _ in range(TURNS):
            for name, (function, steps) in functions.items():
                time.sleep(rest)
                seconds_of(function, max(1, round(calls[name] * WARM_UP_SECONDS / TURN_SECONDS)))
                seconds = seconds_of(function, calls[name])
                times[name][repetition] += 1e6 * seconds / (TURNS * calls[name] * steps)
    return times


def calls_within(function, seconds):
    """Return how many calls last so long, from calls that last at least half of it, which also warm up."""
    calls = 1
    while (taken := seconds_of(function, calls)) < seconds / 2:
        calls *= 2
    return max(1, round(calls * seconds / taken))


def seconds_of(function, calls):
    """Return the seconds that so many calls take."""
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return time.perf_counter() - start


# The report.


def print_machine():
    """Print the processor and the versions."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    print(f"CPU: {cpu_model()}, {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, NumPy {np.__version__} with {blas['name']} {blas['version']}")
    for name, package in {TORCH: "torch", SKLEARN: "scikit-learn"}.items():
        try:
            print(f"{name} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            print(f"{name}: not installed, left out")


def cpu_model():
    """Return the processor's name as Linux knows it, else what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def print_table(threads, repetitions):
    """Measure with so many threads in a process of its own; print a table as it grows and return its rows."""
    variables = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    command = [sys.executable, __file__, "--worker", str(threads), "--repetitions", str(repetitions)]
    rows = []
    with subprocess.Popen(command, env={**os.environ, **{name: str(threads) for name in variables}},
                          stdout=subprocess.PIPE, text=True) as worker:
        settings = json.loads(worker.stdout.readline() or "{}")
        print(f"\nThreads asked for: {threads}. In effect: NumPy's BLAS: "
              f"{'; '.join(settings.get('blas', [])) or 'unknown, threadpoolctl is not installed'}"
              + (f"; torch: {settings['torch']} thread(s)" if settings.get("torch") else ""))
        print("Microseconds per training step and ratios: median (range) over repetitions.\n")
        for line in worker.stdout:
            rows.append(json.loads(line))
            print_row(rows[-1], header=len(rows) == 1)
    if worker.returncode:
        sys.exit(f"the measurement with {threads} thread(s) failed, see above")
    return rows


def print_row(row, header):
    """Print one network's line of the table, and before it, if asked, the table's head."""
    times = row["times"]
    cells = {"network": name_of(row), "batch": str(row["batch"])}
    cells |= {f"{name}, us": figures(times[name], ",.0f") for name in (OURS, *PEERS, GEMM) if name in times}
    cells |= {f"{name} / smai_nn": figures(ratios(row, name), ".2f") for name in PEERS if name in times}
    cells["share of GEMM rate"] = figures(ratios(row, GEMM), ".0%")
    widths = [len(name_of(row)), len("batch")] + [max(len(name), 22) for name in list(cells)[2:]]
    if header:
        print_cells(cells, widths)
        print_cells(["-" * width for width in widths], widths)
    print_cells(cells.values(), widths)


def print_cells(cells, widths):
    """Print one line of a Markdown table, padded so that it also reads as plain text."""
    print("| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |", flush=True)


def name_of(row):
    """Return the network's name, its widths, padded to the longest one's length."""
    names = ["-".join(map(str, widths)) for widths, _ in NETWORKS]
    return "-".join(map(str, row["widths"])).ljust(max(map(len, names)))


def figures(values, form):
    """Return median and range as text."""
    median, low, high = (format(value, form) for value in (statistics.median(values), min(values), max(values)))
    return f"{median} ({low}-{high})"


def ratios(row, name):
    """Return the contender's time divided by smai_nn's in each repetition."""
    return [other / own for other, own in zip(row["times"][name], row["times"][OURS])]


def print_demands(rows):
    """Print what the project demands of these figures, and whether the measured medians meet it."""
    against_torch = [row for row in rows if row["threads"] in (1, 2) and TORCH in row["times"]]
    print("\nDemands on the medians:")
    print_demand("faster than PyTorch on every network, with 1 and with 2 threads", against_torch, TORCH, 1, ".2f")
    for (widths, _), least in zip(NETWORKS, (5, 2.5)):
        chosen = [row for row in against_torch if row["widths"] == list(widths)]
        print_demand(f"at least {least} times as fast as PyTorch on {'-'.join(map(str, widths))}", chosen, TORCH, least,
                     ".2f")
    large = [row for row in rows if row["threads"] == 1 and row["batch"] >= 1024]
    print_demand("at least 75% of the GEMM rate for batches of 1024 and more with 1 thread", large, GEMM, 0.75, ".0%")


def print_demand(demand, rows, name, least, form):
    """Print one demand: met or not, and the figures that come closest to missing it."""
    if not rows:
        print(f"- {demand}: not measured")
        return
    worst = min(rows, key=lambda row: statistics.median(ratios(row, name)))
    value = statistics.median(ratios(worst, name))
    met = value > least if least == 1 else value >= least  # as fast is not faster
    counts = " and ".join(str(threads) for threads in sorted({row["threads"] for row in rows}))
    print(f"- {demand}: {'met' if met else 'NOT MET'}; the least is {value:{form}}, on {name_of(worst).strip()} batch "
          f"{worst['batch']} with {worst['threads']} thread(s) (measured with {counts})")


if __name__ == "__main__":
    main()
