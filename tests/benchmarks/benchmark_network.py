"""Time of one training step: smai_nn against PyTorch and, if asked, against another checkout of smai_nn.

    python tests/benchmarks/benchmark_network.py [--against PATH] [--threads 1 2] [--repetitions 9]

from the repository's root. It only measures and prints; without PyTorch its columns stay away. PATH is a second source
tree, for example `git worktree add ../before COMMIT`, measured in the same call.

A step is forward pass, loss as a float, backward pass, one Adam step and gradients set to zero, on one batch in
float32: fully connected layers, ReLU after the hidden ones, mean squared error or, marked so, binary cross entropy. The
networks and batch sizes are those of the assignment: the map, its full size, the pictures, MNIST's digits, the faces.
All start from the same parameters and train on the same batch again and again.

- smai_nn: `Model.train` and `Model.update`.
- PyTorch, eager, CPU: `nn.Sequential`, `Adam(fused=True)`, `zero_grad(set_to_none=True)`; `loss.item()` is read in
  every step, as smai_nn returns the loss.

Each contender has a process of its own for each number of threads: a BLAS library reads the number when it is loaded,
and two libraries in one process would share its memory. They take turns in every repetition, so that a change of the
machine's speed meets all of them; ratios are taken within a repetition, figures are medians with ranges. With one
thread it is the processor's time that counts, which other processes disturb less; with more it is the clock's.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = [  # widths, rows of a batch, loss
    ((2, 32, 32, 1), 32, "mse"),
    ((2, 32, 32, 1), 32, "bce"),
    ((2, 64, 64, 64, 1), 64, "mse"),
    ((101, 64, 128, 128, 3), 128, "mse"),
    ((101, 64, 128, 128, 3), 1024, "mse"),
    ((784, 384, 128, 32, 128, 384, 784), 64, "mse"),
    ((784, 384, 128, 32, 128, 384, 784), 128, "mse"),
    ((1024, 256, 128, 32, 128, 256, 1024), 32, "mse"),
]
LEARNING_RATE = 1e-3
TURN_SECONDS = 0.1  # of a contender in a repetition
WARM_UP_SECONDS = 0.01  # before each turn: refills the caches and wakes the threads
REST_SECONDS = 0.12  # before each turn, if threads > 1: OpenBLAS's idle threads keep a core busy for up to 0.1 s
OURS, BEFORE, TORCH = "smai_nn", "before", "PyTorch"


def main():
    """Read the command line; measure and print everything, or serve as one contender's process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, metavar="PATH", help="another source tree of smai_nn")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="thread counts (default 1 2)")
    parser.add_argument("--repetitions", type=int, default=9, help="turns of each contender (default 9)")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if min(options.repetitions, *options.threads) < 1:
        parser.error("expected repetitions and threads of at least 1")
    if options.against and not (options.against / "smai_nn" / "model.py").is_file():
        parser.error(f"--against {options.against}: expected a folder with smai_nn/model.py in it")
    if options.contender:
        serve(options.contender, options.threads[0], options.against)
        return
    contenders = [OURS] + [BEFORE] * (options.against is not None) + [TORCH] * has_torch()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"NumPy {np.__version__}")
    for threads in options.threads:
        print(f"\nMicroseconds of a training step with {threads} thread(s), and how many times as long others take\n")
        print_table(threads, options.repetitions, contenders, options.against)


def has_torch():
    """Return whether PyTorch can be imported, without importing it here."""
    return subprocess.run([sys.executable, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode == 0


def print_table(threads, repetitions, contenders, against):
    """Measure all networks with so many threads and print a Markdown table, line by line."""
    print("| network | batch | " + " | ".join(f"{name}, us" for name in contenders) + " | "
          + " | ".join(f"{name} / {OURS}" for name in contenders[1:]) + " |")
    print("|---|---" + "|---:" * (2 * len(contenders) - 1) + "|")
    processes = [start_process(name, threads, against) for name in contenders]
    try:
        for network, (widths, batch, loss) in enumerate(NETWORKS):
            for process in processes:
                ask(process, network)
            times = [[] for _ in processes]
            for repetition in range(repetitions):
                for own, process in zip(times, processes):
                    time.sleep(REST_SECONDS if threads > 1 else 0)
                    own.append(ask(process, None))
            name = "-".join(map(str, widths)) + (", BCE" if loss == "bce" else "")
            cells = [name, str(batch), *(f"{statistics.median(own):,.0f}" for own in times)]
            cells += [ratios(times[0], other) for other in times[1:]]
            print("| " + " | ".join(cells) + " |", flush=True)
    finally:
        for process in processes:
            process.stdin.close()
            process.wait()


def ratios(own, other):
    """Return the median of other / own over the repetitions, with its range, as text."""
    values = [b / a for a, b in zip(own, other)]
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def start_process(name, threads, against):
    """Start a contender's process with so many threads; it reads and answers requests as lines of JSON."""
    command = [sys.executable, __file__, "--contender", name, "--threads", str(threads)]
    return subprocess.Popen(command + (["--against", str(against)] if against else []), text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            env={**os.environ, **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS",
                                                                "MKL_NUM_THREADS"), str(threads))})


def ask(process, request):
    """Have a contender prepare a network, given its index, or else time a turn; return microseconds a step."""
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


# One contender's process.


def serve(name, threads, against):
    """Prepare a network, or time a turn, at each request."""
    sys.path.insert(0, str(against.resolve() if name == BEFORE else ROOT))  # smai_nn need not be installed
    clock = time.process_time if threads == 1 else time.perf_counter

    def seconds_of(calls):
        start = clock()
        for _ in range(calls):
            step()
        return clock() - start

    for line in sys.stdin:
        network, answer = json.loads(line), None
        if network is not None:
            step, calls = step_of(name, *NETWORKS[network], threads), 1
            while (taken := seconds_of(calls)) < TURN_SECONDS / 2:
                calls *= 2
            calls = max(1, round(calls * TURN_SECONDS / taken))
        else:
            seconds_of(max(1, round(calls * WARM_UP_SECONDS / TURN_SECONDS)))
            answer = 1e6 * seconds_of(calls) / calls
        print(json.dumps(answer), flush=True)


def step_of(name, widths, batch, loss, threads):
    """Return a function that takes one training step."""
    from smai_nn.activations import Identity, ReLU, Sigmoid
    from smai_nn.model import build_network
    from smai_nn.optim import Adam

    rng = np.random.default_rng(0)
    x, y = (rng.random((batch, width), dtype=np.float32) for width in (widths[0], widths[-1]))
    y = np.rint(y) if loss == "bce" else y
    model = build_network(widths, ReLU, Sigmoid if loss == "bce" else Identity, loss=loss,
                          optimizer=Adam(LEARNING_RATE), rng=rng)
    if name == TORCH:
        return torch_step(model, x, y, loss, threads)

    def step():
        model.train(x, y)
        model.update()

    return step


def torch_step(model, x, y, loss, threads):
    """Return a function that takes one training step with PyTorch, from the model's parameters."""
    import torch

    torch.set_num_threads(threads)
    modules = []
    for layer in model.layers:
        linear = torch.nn.Linear(layer.in_width, layer.out_width)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(layer.weights.T))
            linear.bias.copy_(torch.tensor(layer.biases))
        modules += [linear, torch.nn.ReLU()]
    network = torch.nn.Sequential(*modules[:-1])  # BCEWithLogitsLoss has the sigmoid in it
    loss_function = torch.nn.BCEWithLogitsLoss() if loss == "bce" else torch.nn.MSELoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def step():
        value = loss_function(network(x), y)
        value.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return value.item()

    return step


if __name__ == "__main__":
    main()
