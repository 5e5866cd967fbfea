"""The blurred cats of section 2.5: which files of blur_0 to blur_10 there are."""

from smai_nn.datasets import sources

EXPECTED_LEVELS = tuple(range(11))  # the standard deviation of the Gaussian, in pixels of the 256x256 picture
ENDINGS = (".png", ".jpg", ".jpeg")  # .png first: the files that ship are .jpg, so a .png is somebody's own


def find_blurred():
    """Return (found, missing): a dict level -> DataSource of blur_<level>, and the expected levels not found.

    All files come from one folder and have one ending, so that two sets never mix: the first of data/ and
    $SMAI_DATA, of .png, .jpg and .jpeg, that has any level. Raises FileNotFoundError if none has.
    """
    for label, folder in sources.places().items():
        for ending in ENDINGS:
            found = {level: sources.describe(folder / f"blur_{level}{ending}", f"{label}/blur_{level}{ending}")
                     for level in EXPECTED_LEVELS if (folder / f"blur_{level}{ending}").is_file()}
            if found:
                return found, [level for level in EXPECTED_LEVELS if level not in found]
    raise FileNotFoundError(f"blur_0.jpg to blur_{EXPECTED_LEVELS[-1]}.jpg: expected them (or .png) in "
                            f"{' or '.join(sources.places())}, found none; put them there")
