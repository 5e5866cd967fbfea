"""The figures that belong into a run's own folder: the loss against samples, and what the run has made."""

from smai_nn.datasets.border import COUNTRIES
from smai_nn.experiments.border import BorderResult
from smai_nn.experiments.compression import DigitResult
from smai_nn.experiments.detection import DetectionResult
from smai_nn.experiments.reconstruction import ReconstructionResult
from smai_nn.experiments.samples import SampleResult
from smai_nn.experiments.search import SearchResult
from smai_nn.plots.border import plot_loss_against_samples, plot_map_prediction
from smai_nn.plots.reconstruction import plot_digits


def run_figures(result):
    """Return a dict name -> Figure for a result; chosen by its class."""
    setting = getattr(result, "setting", None)  # of a study, whose results are a list, there are none
    match result:
        case BorderResult():
            return {"loss": _loss(result, setting.label, "bce"), "map": _map(result, setting.label)}
        case SearchResult():
            return {"loss": _loss(result, result.winner.label, "mse"), "map": _map(result, result.winner.label)}
        case SampleResult():
            return {"loss": _loss(result, setting.label, "bce" if setting.uses_gradients else "squared error")}
        case DigitResult():
            rows = {"original": result.originals, "reconstruction": result.rebuilt}
            return {"loss": _loss(result, setting.label, "mse"),
                    "digits": plot_digits(result.classes, rows, f"Test digits through {setting.label}")}
        case ReconstructionResult() | DetectionResult() if result.history.epoch_loss:  # not of PCA or the mean picture
            return {"loss": _loss(result, setting.label, "mse")}
    return {}


def _loss(result, label, name):
    return plot_loss_against_samples({label: result.history}, loss_name=f"training loss ({name})")


def _map(result, label):
    return plot_map_prediction(result.truth, result.predicted, COUNTRIES, f"{label}, seed {result.setting.seed}")
