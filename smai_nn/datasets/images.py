"""Image files: any mode becomes 8-bit RGB or grey, anything unreadable a clear error; crops; the blurred cats."""

import numpy as np
from PIL import Image, ImageOps

from smai_nn.checks import require_choice, require_integer
from smai_nn.datasets import sources
from smai_nn.files import existing

MODES = {"RGB": "RGB", "Gray": "L"}  # image type -> mode of Pillow's


def read_image(path, image_type, size=256):
    """Return (image, notes): the picture as uint8, and what was done to it, a list of texts.

    The image is (size, size, 3) for the type "RGB" and (size, size) for "Gray"; a size of None keeps the picture's own.
    It is resized bicubically with anti-aliasing, upright by its EXIF orientation, on white where it is transparent, and
    grey by luminance (ITU-R 601-2). Raises FileNotFoundError, or ValueError for a file that is no whole image of 8 bits
    or all of one colour, and for an unknown type or size.
    """
    wanted = MODES[require_choice(image_type, "image_type", MODES)]
    path = existing(path)
    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise ValueError(f"mode {image.mode} has more than 8 bits")
            mode, rgba = image.mode, ImageOps.exif_transpose(image).convert("RGBA")
    except Exception as error:  # a damaged file fails in a dozen ways
        raise ValueError(f"{path}: expected a whole image file such as PNG or JPEG, could not read it ({error}); "
                         "export it again") from error
    picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert(wanted)
    if np.ptp(picture, axis=(0, 1)).max() == 0:
        raise ValueError(f"{path}: expected a picture, got the one flat colour {picture.getpixel((0, 0))} where "
                         "transparent parts are white; export it on a ground that its drawing differs from")
    notes = [f"converted from mode {mode} to {wanted}"] if mode != wanted else []
    if size is not None and picture.size != (require_integer(size, "size", 2), size):
        notes.append(f"resized from {picture.width}x{picture.height} to {size}x{size}")
        picture = picture.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(picture), notes


def find_blurred():
    """Return a dict level -> DataSource of blur_<level>, and the levels not found; FileNotFoundError if none is."""
    sets = blurred_sets() or [{0: sources.find_file("blur_0.jpg")}]  # which raises, if there is none at all
    return sets[0], [level for level in range(11) if level not in sets[0]]


def blurred_sets():
    """Return such a dict for each folder and ending, so that two sets never mix; the first is taken."""
    sets = {}
    for source in sources.copies(r"blur_([0-9]|10)\.(png|jpe?g)"):
        levels = sets.setdefault((source.path.parent, source.path.suffix), {})
        levels[int(source.path.stem.split("_")[1])] = source
    return [dict(sorted(levels.items())) for levels in sets.values()]


def crop_pictures(images, height, width, crop):
    """Return grey pictures (n, rows, columns), uint8, resized bicubically to (n, height, width) from within a box.

    `crop` is (top, bottom, left, right) in parts of the picture, from 0 to 1.
    """
    rows, columns = images[0].shape
    top, bottom, left, right = crop
    box = (left * columns, top * rows, right * columns, bottom * rows)
    return np.stack([Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box) for image in images])
