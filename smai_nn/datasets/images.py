"""Reading image files: any mode becomes 8-bit RGB, anything unreadable a clear error."""

import warnings

import numpy as np
from PIL import Image


def read_rgb(path):
    """Return the image as an array (height, width, 3), uint8; transparent parts are laid over white.

    Raises FileNotFoundError, or ValueError for a file that is no image, truncated or far too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.load()
                if image.mode.startswith(("I", "F")):
                    raise ValueError(f"mode {image.mode} has no colours of 8 bits")
                rgba = image.convert("RGBA")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: expected an image file, found nothing there") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombWarning,
            Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: expected a whole image file such as PNG or JPEG, could not read it ({error}); "
                         "export it again") from error
    white = Image.new("RGBA", rgba.size, "white")
    return np.asarray(Image.alpha_composite(white, rgba).convert("RGB"))
