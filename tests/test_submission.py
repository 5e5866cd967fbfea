"""What is committed of an execution."""

import numpy as np
import pytest
from PIL import Image

from smai_nn.files import load_json, save_json
from smai_nn.submission import collect


@pytest.fixture
def execution(tmp_path):
    """A folder such as an execution leaves, with two runs, a search and figures."""
    folder = tmp_path / "runs" / "x-notebook-full"
    for run in ("a-border", "b-cat", "c-search-s0"):
        (folder / run / "wandb").mkdir(parents=True)
        save_json(folder / run / "settings.json", {"seed": 0})
        save_json(folder / run / "metrics.json", {"status": "completed"})
        (folder / run / "wandb" / "run.wandb").write_bytes(bytes(1000))
        (folder / run / "loss-ada.png").write_bytes(bytes(1000))
        (folder / run / "parameters.npz").write_bytes(bytes(3000 if run == "b-cat" else 500))
    (folder / "b-cat" / "frames.npz").write_bytes(bytes(100))
    (folder / "c-search-s0" / "00-start.npz").write_bytes(bytes(300))
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(folder / "a-border" / "map-ada.png")
    (folder / "figures").mkdir()
    Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(folder / "figures" / "1.1-mask-ada.png")
    save_json(folder / "results.json", {"xor.runs": 3})
    (folder / "assignment3.ipynb").write_text("{}")
    return folder


def names_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_everything_but_what_is_told_elsewhere_is_kept(execution, tmp_path):
    total = collect(execution, tmp_path / "submission")
    kept = names_in(tmp_path / "submission")
    every = {f"{run}/{name}" for run in ("a-border", "b-cat", "c-search-s0")
             for name in ("settings.json", "metrics.json", "parameters.npz")}
    assert kept == every | {"results.json", "contents.json", "figures/1.1-mask-ada.png", "a-border/map-ada.png",
                            "c-search-s0/00-start.npz"}
    contents = load_json(tmp_path / "submission" / "contents.json")
    assert contents["bytes"] == total == sum((tmp_path / "submission" / name).stat().st_size for name in kept
                                             if name != "contents.json")
    assert contents["files of the execution"]["W&B"] == 3 and "W&B" not in contents["files here"]


def test_a_figure_is_copied_as_it_is_and_a_runs_map_gets_fewer_colours(execution, tmp_path):
    collect(execution, tmp_path / "submission")
    same, reduced = (tmp_path / "submission" / name for name in ("figures/1.1-mask-ada.png", "a-border/map-ada.png"))
    assert same.read_bytes() == (execution / "figures/1.1-mask-ada.png").read_bytes()
    assert reduced.stat().st_size < (execution / "a-border/map-ada.png").stat().st_size
    assert Image.open(reduced).size == (40, 40)


def test_the_largest_arrays_have_to_stay_behind_if_there_is_no_room(execution, tmp_path):
    everything = collect(execution, tmp_path / "submission")
    assert collect(execution, tmp_path / "submission", everything - 1) <= everything - 1
    kept = names_in(tmp_path / "submission")
    assert "b-cat/parameters.npz" not in kept and "a-border/parameters.npz" in kept and "b-cat/metrics.json" in kept


def test_what_was_there_is_replaced_or_left_alone(execution, tmp_path):
    old = tmp_path / "submission" / "old.txt"
    old.parent.mkdir()
    old.write_text("old")
    with pytest.raises(ValueError, match="expected at most 100 bytes of figures and settings, got more"):
        collect(execution, tmp_path / "submission", 100)
    assert names_in(tmp_path / "submission") == {"old.txt"}
    collect(execution, tmp_path / "submission")
    assert not old.exists() and not list(tmp_path.glob(".submission-*"))


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected the folder of an execution, with results.json in it, found none"):
        collect(tmp_path, tmp_path / "submission")
    assert not (tmp_path / "submission").exists()
