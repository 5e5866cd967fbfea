"""Image files: any mode becomes 8-bit RGB or grey, anything unreadable a clear error; crops; the blurred cats."""

import numpy as np
from PIL import ExifTags, Image, ImageOps

from smai_nn.checks import require_choice, require_integer
from smai_nn.datasets import sources

IMAGE_TYPES = ("RGB", "Gray")
BLUR_LEVELS = range(11)  # the standard deviation of the Gaussian, in pixels of the 256x256 picture


def decode_image(path):
    """Return (upright RGB picture of Pillow's, the file's own mode, notes of what was done to it).

    Raises FileNotFoundError, or ValueError for a file that is no image, truncated, far too large or of one colour.
    """
    notes = []
    try:
        with Image.open(path) as image:
            image.load()
            mode = image.mode
            if image.getexif().get(ExifTags.Base.Orientation) in range(2, 9):  # 1 is upright
                notes.append("turned as its EXIF orientation says")
                image = ImageOps.exif_transpose(image)
            if mode.startswith("I;16"):  # 16 bits of grey
                image = Image.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8))
            elif mode.startswith(("I", "F")):
                raise ValueError(f"mode {mode} has no colours of 8 bits")
            rgba = image.convert("RGBA")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: expected an image file, found nothing there") from None
    except Exception as error:  # a damaged file fails in a dozen ways
        raise ValueError(f"{path}: expected a whole image file such as PNG or JPEG, could not read it ({error}); "
                         "export it again") from error
    if rgba.getextrema()[3][0] < 255:
        notes.append("transparent parts laid over white")
    picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    if all(low == high for low, high in picture.getextrema()):
        raise ValueError(f"{path}: expected a picture, got the one flat colour {picture.getpixel((0, 0))} (transparent "
                         "parts count as white); export it on a ground that its drawing differs from")
    return picture, mode, notes


def read_image(path, image_type, size=256):
    """Return (image, notes): the picture as uint8, `size` x `size` px, and what was done to it, a list of texts.

    The image is (size, size, 3) for the type "RGB" and (size, size) for "Gray". Other sizes are resized (bicubic, with
    anti-aliasing), colours become grey by luminance (ITU-R 601-2), transparent parts are laid over white. Raises
    FileNotFoundError, or ValueError for what `decode_image` refuses, an unknown type, and "RGB" for a grey file.
    """
    require_choice(image_type, "image_type", IMAGE_TYPES)
    require_integer(size, "size", 2)
    picture, mode, notes = decode_image(path)
    grey = mode in ("1", "L", "LA", "La") or mode.startswith("I;16")
    if grey and image_type == "RGB":
        raise ValueError(f'{path}: expected a colour picture for image_type "RGB", got a grey one (mode {mode}); '
                         'use image_type "Gray"')
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


def find_blurred():
    """Return (found, missing): a dict level -> DataSource of blur_<level>, and the levels from 0 to 10 not found.

    All are of one folder and one ending, so that two sets never mix. Raises FileNotFoundError if there is none.
    """
    sets = blurred_sets()
    if not sets:
        raise FileNotFoundError(f"blur_0.jpg to blur_{BLUR_LEVELS[-1]}.jpg: expected them (or .png) in $SMAI_DATA or "
                                "data/, found none; put them there")
    return sets[0], [level for level in BLUR_LEVELS if level not in sets[0]]


def blurred_sets():
    """Return a list of dicts as of `find_blurred`, the one that is taken first."""
    sets = {}
    for source in sources.copies(r"blur_([0-9]|10)\.(png|jpe?g)"):
        level = int(source.path.stem[len("blur_"):])
        sets.setdefault((source.path.parent, source.path.suffix), {})[level] = source
    return [dict(sorted(group.items())) for group in sets.values()]


def crop_pictures(images, height, width, crop):
    """Return grey pictures (n, rows, columns) uint8, each cropped and resized (bicubic) to (n, height, width) uint8.

    `crop` is (top, bottom, left, right) in parts of the picture, from 0 to 1. Raises ValueError for an empty box.
    """
    rows, columns = images[0].shape
    top, bottom, left, right = np.multiply(crop, (rows, rows, columns, columns)).tolist()
    box = (left, top, right, bottom)
    return np.stack([Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box) for image in images])
