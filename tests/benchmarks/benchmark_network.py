"""Time of one training step: smai_nn against PyTorch, scikit-learn and the bare matrix products.

    python tests/benchmarks/benchmark_network.py [--repetitions 9] [--threads 1 2]

from the repository's root. It only measures and prints. A peer that is not installed is left out.

A step is forward pass, loss as a float, backward pass, one Adam step and gradients set to zero,
on one batch in float32: fully connected layers, ReLU after the hidden ones, mean squared error.
All start from the same parameters and train on the same batch again and again.

- smai_nn: `Model.train` and `Model.update`.
- PyTorch, eager, CPU: `nn.Sequential`, `nn.MSELoss`, `Adam(fused=True)`, mostly its fastest Adam here,
  `zero_grad(set_to_none=True)`; `loss.item()` is read in every step, as smai_nn returns the loss.
- scikit-learn: `MLPRegressor.partial_fit` without shuffling and regularisation. One call gets many
  copies of the batch, one below the other, and takes a step on each, so that the checks which
  every call makes are shared by many steps. Its loss is half the mean squared error.
- GEMM: only the step's matrix products, with `np.dot` into arrays allocated before: x W in every
  layer, x^T g in every layer, g W^T in every layer but the first. Their time divided by smai_nn's
  is the share of the machine's GEMM rate that smai_nn's step reaches.

Each contender has a process of its own for each number of threads: a BLAS library reads the number
when it is loaded, and two libraries in one process would share its memory and disturb each other.
In each repetition all get the same time, in several turns, so that a change of the machine's speed
meets all of them; ratios are taken within a repetition. Medians and ranges are over repetitions.
With as many threads as cores, one more busy process makes the figures worthless; what other
processes used meanwhile is printed below each table.
"""

import argparse
import contextlib
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
TURNS = 2  # of each contender in a repetition
TURN_SECONDS = 0.05  # so that a repetition times each contender for about 0.1 s
WARM_UP_SECONDS = 0.005  # before each turn: refills the caches and wakes the threads
REST_SECONDS = 0.12  # before each turn, if threads > 1: OpenBLAS's idle threads keep a core busy for up to 0.1 s
STACK_BYTES = 1 << 21  # size of the data for one partial_fit: small enough for the cache, as one batch is
STACK_BATCHES = 64
OURS, TORCH, SKLEARN, GEMM = "smai_nn", "PyTorch", "scikit-learn", "GEMM"
PEERS = {TORCH: "torch", SKLEARN: "scikit-learn"}  # and the packages they come in


def main():
    """Read the command line; measure and print everything, or serve as one contender's process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=9, help="timings of each contender (default 9)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="thread counts (default 1 2)")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if min(arguments.repetitions, *arguments.threads) < 1:
        parser.error("expected repetitions and threads of at least 1")
    if arguments.contender:
        serve(arguments.contender, *arguments.threads)
        return
    peers = print_machine()
    rows = [row for threads in arguments.threads for row in print_table(threads, arguments.repetitions, peers)]
    print_demands(rows)


# One contender's process: reads requests as lines of JSON and answers each with a line of JSON.


def serve(name, threads):
    """Answer with the threads in effect; then prepare a network, or time a turn, at each request."""
    print(json.dumps(threads_in_effect(name, threads)), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request is not None:
            function, steps = contender(name, *NETWORKS[request])
            calls = calls_within(function, TURN_SECONDS)
            answer = None
        else:
            seconds_of(function, max(1, round(calls * WARM_UP_SECONDS / TURN_SECONDS)))
            answer = 1e6 * seconds_of(function, calls) / (calls * steps)
        print(json.dumps(answer), flush=True)


def threads_in_effect(name, threads):
    """Return, as text, how many threads the contender's library says it uses; PyTorch must be told the number."""
    if name == TORCH:
        import torch
        torch.set_num_threads(threads)
        return f"torch {torch.get_num_threads()}"
    try:
        import threadpoolctl
    except ImportError:
        return "unknown, threadpoolctl is not installed"
    # NumPy's BLAS is the only one so far: others come with scikit-learn.
    libraries = [library for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]
    return ", ".join(f"{library['internal_api']} {library['num_threads']}" for library in libraries)


def contender(name, widths, batch):
    """Return a function that trains one network, and how many steps a call of it takes."""
    rng = np.random.default_rng(0)
    x, y = (rng.random((batch, width), dtype=np.float32) for width in (widths[0], widths[-1]))
    if name == GEMM:
        return gemm_step(widths, batch, rng), 1
    model = build_network(widths, ReLU, Identity, loss="mse", optimizer=Adam(LEARNING_RATE), rng=rng)
    if name == TORCH:
        return torch_step(model, x, y), 1
    if name == SKLEARN:
        return sklearn_steps(model, x, y)
    return own_step(model, x, y), 1


def own_step(model, x, y):
    """Return a function that takes one training step with smai_nn."""
    def step():
        model.train(x, y)
        model.update()

    return step


def torch_step(model, x, y):
    """Return a function that takes one training step with PyTorch, from the model's parameters."""
    import torch
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


def calls_within(function, seconds):
    """Return how many calls last so long, judged from at least half as long; this also warms up."""
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


# The main process: starts the others, gives them their turns, prints.


class Process:
    """A contender's process with so many threads; a context manager that ends it."""

    def __init__(self, name, threads):
        self.name = name
        variables = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--contender", name, "--threads", str(threads)],
            env={**os.environ, **{variable: str(threads) for variable in variables}},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.threads_in_effect = self._answer()

    def prepare(self, network):
        """Make the contender build this network, by its index, and find out how long its steps are."""
        self._request(network)

    def turn(self):
        """Return the microseconds of a training step over one turn."""
        return self._request(None)

    def _request(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the process that measures {self.name} ended too early, see above")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.communicate()  # closes its input, at whose end it ends


def measure(processes, network, repetitions, rest):
    """Return {name: microseconds per training step in each repetition}."""
    for process in processes:
        process.prepare(network)
    times = {process.name: [] for process in processes}
    for _ in range(repetitions):
        turns = {process.name: [] for process in processes}
        for _ in range(TURNS):
            for process in processes:
                time.sleep(rest)
                turns[process.name].append(process.turn())
        for name, values in turns.items():
            times[name].append(statistics.mean(values))
    return times


def print_machine():
    """Print the processor and the versions; return the names of the peers that are installed."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    print(f"CPU: {cpu_model()}, {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, NumPy {np.__version__} with {blas['name']} {blas['version']}")
    found = []
    for name, package in PEERS.items():
        try:
            print(f"{name} {importlib.metadata.version(package)}")
            found.append(name)
        except importlib.metadata.PackageNotFoundError:
            print(f"{name}: not installed, left out")
    return found


def cpu_model():
    """Return the processor's name as Linux knows it, else what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def print_table(threads, repetitions, peers):
    """Measure with so many threads; print a table as it grows and return its rows."""
    rows, start, before = [], time.perf_counter(), busy_seconds()
    with contextlib.ExitStack() as stack:
        # smai_nn's turn comes between PyTorch's and GEMM's, the two that matter most.
        processes = [stack.enter_context(Process(name, threads)) for name in (*reversed(peers), OURS, GEMM)]
        print(f"\nThreads asked for: {threads}; in effect: "
              + "; ".join(f"{process.name}: {process.threads_in_effect}" for process in processes))
        print("Microseconds per training step and ratios: median (range) over repetitions.\n")
        for network, (widths, batch) in enumerate(NETWORKS):
            times = measure(processes, network, repetitions, REST_SECONDS if threads > 1 else 0)
            rows.append({"widths": widths, "batch": batch, "threads": threads, "times": times})
            print_row(rows[-1], header=network == 0)
    if before is not None:
        others = max(0, busy_seconds() - before) / (time.perf_counter() - start)
        print(f"\nMeanwhile other processes kept {others:.1f} cores busy.")
    return rows


def busy_seconds():
    """Return the processor time that all processes but these have used so far, or None where Linux does not tell it."""
    try:
        user, nice, system, *_ = Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    except OSError:
        return None
    own = os.times()  # of this process and of those it has waited for
    return sum(map(int, (user, nice, system))) / os.sysconf("SC_CLK_TCK") - sum(own[:4])


def print_row(row, header):
    """Print one network's line of the table, and before it, if asked, the table's head."""
    times = row["times"]
    cells = {"network": name_of(row["widths"]), "batch": str(row["batch"])}
    cells |= {f"{name}, us": figures(times[name], ",.0f") for name in (OURS, *PEERS, GEMM) if name in times}
    cells |= {f"{name} / smai_nn": figures(ratios(row, name), ".2f") for name in PEERS if name in times}
    cells["share of GEMM rate"] = figures(ratios(row, GEMM), ".0%")
    sizes = [max(len(name_of(widths)) for widths, _ in NETWORKS), 5] + [22] * (len(cells) - 2)
    if header:
        print_cells(cells, sizes)
        print_cells(["-" * size for size in sizes], sizes)
    print_cells(cells.values(), sizes)


def print_cells(cells, sizes):
    """Print one line of a Markdown table, padded so that it also reads as plain text."""
    print("| " + " | ".join(cell.ljust(size) for cell, size in zip(cells, sizes)) + " |", flush=True)


def name_of(widths):
    """Return the network's name, its widths."""
    return "-".join(map(str, widths))


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
    print_demand("faster than PyTorch on every network, with 1 and with 2 threads", against_torch, TORCH, 1, ".3f")
    for (widths, _), least in zip(NETWORKS, (5, 2.5)):
        chosen = [row for row in against_torch if row["widths"] == widths]
        print_demand(f"at least {least} times as fast as PyTorch on {name_of(widths)}", chosen, TORCH, least, ".2f")
    large = [row for row in rows if row["threads"] == 1 and row["batch"] >= 1024]
    print_demand("at least 75% of the GEMM rate for batches of 1024 and more with 1 thread", large, GEMM, 0.75, ".1%")


def print_demand(demand, rows, name, least, form):
    """Print one demand, whether it is met, and the figure that comes closest to missing it."""
    if not rows:
        print(f"- {demand}: not measured")
        return
    worst = min(rows, key=lambda row: statistics.median(ratios(row, name)))
    value = statistics.median(ratios(worst, name))
    met = value > least if least == 1 else value >= least  # as fast is not faster
    counts = " and ".join(str(threads) for threads in sorted({row["threads"] for row in rows}))
    print(f"- {demand}: {'met' if met else 'NOT MET'}; the least is {value:{form}}, on {name_of(worst['widths'])}, "
          f"batch {worst['batch']}, {worst['threads']} thread(s) (measured with {counts})")


if __name__ == "__main__":
    main()
