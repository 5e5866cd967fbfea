"""Shuffled batches of two arrays, for the trainer and the data loader alike."""

BLOCK_BYTES = 1 << 18  # rows are gathered in shuffled order in blocks of about 256 KiB


def batches_in_order(x, y, order, batch_size):
    """Yield (x, y) batches in the given order of rows, as slices of gathered blocks of whole batches.

    x is (n, in_width), y is (n, out_width), `order` an array of row numbers; the last batch may be smaller.
    """
    row_bytes = (x.shape[1] + y.shape[1]) * x.itemsize
    block = max(1, BLOCK_BYTES // (row_bytes * batch_size)) * batch_size
    for start in range(0, len(order), block):
        rows = order[start:start + block]
        block_x, block_y = x[rows], y[rows]
        for first in range(0, len(rows), batch_size):
            yield block_x[first:first + batch_size], block_y[first:first + batch_size]
