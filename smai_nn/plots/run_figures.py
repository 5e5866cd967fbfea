"""The figures that belong into a run's own folder: the loss against samples, and what the run has made."""

import functools

from smai_nn.datasets.border import COUNTRIES
from smai_nn.experiments.border import BorderResult
from smai_nn.experiments.compression import DigitResult
from smai_nn.experiments.detection import DetectionResult
from smai_nn.experiments.reconstruction import ReconstructionResult
from smai_nn.experiments.samples import SampleResult
from smai_nn.experiments.search import SearchResult
from smai_nn.plots.compression import plot_digits
from smai_nn.plots.curves import plot_loss_against_samples
from smai_nn.plots.maps import change_map_prediction, plot_map_prediction
from smai_nn.plots.search import plot_ancestry

_map_figures = {}  # ground truth, as bytes -> the figure that this process changes from run to run


@functools.singledispatch
def run_figures(result):
    """Return a dict name -> Figure for a result; chosen by its class."""
    return {}


@run_figures.register
def _(result: BorderResult):
    return _loss_and_map(result, result.setting.label, f"training loss ({result.setting.loss})")


@run_figures.register
def _(result: SampleResult):
    loss_name = "training loss (bce)" if result.setting.uses_gradients else "squared error before a sample is learnt"
    return {"loss": plot_loss_against_samples({result.setting.label: result.history}, loss_name=loss_name)}


def _loss_and_map(result, label, loss_name):
    """Return the loss plot and the map of a run; maps of one truth share a figure, of which only what differs is drawn."""
    truth, title = result.truth, f"{label}, seed {result.setting.seed}"
    key = truth.tobytes()
    if key not in _map_figures:
        _map_figures[key] = plot_map_prediction(truth, truth, COUNTRIES, title)
    return {"loss": plot_loss_against_samples({label: result.history}, loss_name=loss_name),
            "map": change_map_prediction(_map_figures[key], truth, result.predicted, title)}


@run_figures.register
def _(result: DigitResult):
    name = result.setting.architecture
    rows = {"original": result.originals, "reconstruction": result.rebuilt}
    return {"loss": plot_loss_against_samples({name: result.history}, loss_name="training loss (mse)"),
            "digits": plot_digits(result.classes, rows, f"Test digits through {name}")}


@run_figures.register
def _(result: ReconstructionResult | DetectionResult):
    if not result.history.epoch_loss:  # PCA or the mean picture, which are not trained
        return {}
    return {"loss": plot_loss_against_samples({result.setting.label: result.history}, loss_name="training loss (mse)")}


@run_figures.register
def _(result: SearchResult):
    title = f"{result.winner.label}, seed {result.setting.seed}"
    return {"loss": plot_ancestry(result), "map": plot_map_prediction(result.truth, result.predicted, COUNTRIES, title)}
