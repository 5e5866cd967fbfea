"""Reading image files: any mode becomes 8-bit RGB or grey, anything unreadable a clear error; and crops."""

import warnings

import numpy as np
from PIL import Image

from smai_nn.checks import require_choice, require_integer, require_number

IMAGE_TYPES = ("RGB", "Gray")


def read_rgb(path):
    """Return the image as an array (height, width, 3), uint8; transparent parts are laid over white.

    Raises FileNotFoundError, or ValueError for a file that is no image, truncated or far too large.
    """
    return np.asarray(_decode(path)[0])


def read_image(path, image_type, size=256):
    """Return (image, notes): the picture as uint8, `size` x `size` px, and what was done to it, a list of texts.

    The image is (size, size, 3) for the type "RGB" and (size, size) for "Gray". Other sizes are resized (bicubic,
    with anti-aliasing), a colour picture becomes grey by luminance (ITU-R 601-2) for "Gray", transparent parts are
    laid over white. Raises FileNotFoundError, or ValueError for what `read_rgb` refuses, an unknown type, and
    "RGB" for a file with a single grey channel.
    """
    require_choice(image_type, "image_type", IMAGE_TYPES)
    require_integer(size, "size", 2)
    picture, mode, transparent = _decode(path)
    grey = mode in ("1", "L", "LA", "La") or mode.startswith("I;16")
    if grey and image_type == "RGB":
        raise ValueError(f'{path}: expected a colour picture for image_type "RGB", got a grey one (mode {mode}); '
                         'use image_type "Gray"')
    notes = []
    if transparent:
        notes.append("transparent parts laid over white")
    if image_type == "Gray":
        if not grey:
            notes.append(f"converted from mode {mode} to grey")
        picture = picture.convert("L")
    elif mode not in ("RGB", "RGBA"):
        notes.append(f"converted from mode {mode} to RGB")
    if picture.size != (size, size):
        notes.append(f"resized from {picture.width}x{picture.height} to {size}x{size}")
        picture = picture.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(picture), notes


def crop_pictures(images, height, width, crop):
    """Return grey pictures (n, rows, columns) uint8, each cropped and resized (bicubic) to (n, height, width) uint8.

    `crop` is (top, bottom, left, right) in parts of the picture, from 0 to 1. Raises ValueError for bad options.
    """
    check_crop(height, width, crop)
    return np.stack([resized_crop(Image.fromarray(image), height, width, crop) for image in images])


def resized_crop(image, height, width, crop):
    """Return a crop of a Pillow image as an array; see `crop_pictures`."""
    top, bottom, left, right = (part * side for part, side in zip(crop, (image.height,) * 2 + (image.width,) * 2))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, box=(left, top, right, bottom)))


def check_crop(height, width, crop):
    """Raise ValueError unless height and width are sizes in px and crop is a box (top, bottom, left, right)."""
    require_integer(height, "height", 1)
    require_integer(width, "width", 1)
    if len(crop) != 4:
        raise ValueError(f"crop: expected (top, bottom, left, right), got {crop}")
    for name, value in zip(("top", "bottom", "left", "right"), crop):
        require_number(value, f"crop: {name}", 0, 1)
    if not (crop[0] < crop[1] and crop[2] < crop[3]):
        raise ValueError(f"crop: expected top < bottom and left < right, got {crop}")


def _decode(path):
    """Return (RGB picture, the file's own mode, whether it has transparent parts)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.load()
                mode = image.mode
                if mode.startswith("I;16"):  # 16 bits of grey
                    image = Image.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8))
                elif mode.startswith(("I", "F")):
                    raise ValueError(f"mode {mode} has no colours of 8 bits")
                rgba = image.convert("RGBA")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: expected an image file, found nothing there") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombWarning,
            Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: expected a whole image file such as PNG or JPEG, could not read it ({error}); "
                         "export it again") from error
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB"), mode, rgba.getextrema()[3][0] < 255
