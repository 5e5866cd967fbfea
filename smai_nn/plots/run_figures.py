"""The figures that belong into a run's own folder: the loss against samples, and what the run has made."""

import functools

from smai_nn.datasets.border import COUNTRIES
from smai_nn.experiments.border import BorderResult
from smai_nn.plots.curves import plot_loss_against_samples
from smai_nn.plots.maps import plot_map_prediction


@functools.singledispatch
def run_figures(result):
    """Return a dict name -> Figure for a result; chosen by its class."""
    return {}


@run_figures.register
def _(result: BorderResult):
    setting = result.setting
    return {"loss": plot_loss_against_samples({setting.label: result.history}, loss_name=f"training loss ({setting.loss})"),
            "map": plot_map_prediction(result.truth, result.predicted, COUNTRIES, f"{setting.label}, seed {setting.seed}")}
