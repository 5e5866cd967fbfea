"""One training run with its run folder: the trainer and the records brought together."""

import dataclasses

from smai_nn.files import save_npz
from smai_nn.plots.curves import plot_loss_against_samples
from smai_nn.runs import RunFolder
from smai_nn.trainer import Trainer


def train_and_save(model, config, x, y, *, rng, name, settings, callbacks=(), figures=None, metrics=None,
                   arrays=None, root=None):
    """Train `model` and keep everything in a new run folder; return (RunFolder, History).

    `settings` is a dict that says what the experiment is (data source, architecture, seed); the
    training settings are added. `figures`, `metrics` and `arrays` may be functions of the history:
    the first returns a dict name -> Figure, the second a dict of numbers, the third a dict
    name -> dict of arrays, each of which becomes <name>.npz in the folder. A failed run is marked
    as such; after a KeyboardInterrupt what there is is saved, and then it is raised again.
    """
    folder = RunFolder.create(name, root)
    everything = {**settings, "architecture": [str(layer) for layer in model.layers], "loss": str(model.loss),
                  "parameter_count": model.parameter_count, "optimizer": model.optimizer.settings(),
                  "training": dataclasses.asdict(config)}
    folder.begin(everything)
    try:
        history = Trainer(model, config, rng=rng, callbacks=callbacks,
                          checkpoint_path=folder.path / "checkpoint.npz").fit(x, y)
        folder.save_figure("loss", plot_loss_against_samples(
            {"this run": history}, f"Training loss against samples seen: {name}", f"training loss ({model.loss})"))
        for figure_name, figure in (figures(history) if figures else {}).items():
            folder.save_figure(figure_name, figure)
        for array_name, content in (arrays(history) if arrays else {}).items():
            save_npz(folder.path / f"{array_name}.npz", content, compressed=True)
        folder.finish(model, history, metrics(history) if metrics else None, config=everything)
    except Exception as error:
        folder.fail(error)
        raise
    if history.stop_reason == "interrupted":
        raise KeyboardInterrupt
    return folder, history
