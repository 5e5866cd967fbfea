"""Early stopping on the training loss. Source: assignment section 1.2, item 5."""

from smai_nn.checks import require_integer, require_number


class EarlyStopping:
    """Stop when L_t >= (1 - relative_loss_threshold) * L_(t - patience).

    With the defaults: when the loss dropped by less than 1% over the last 10 epochs. L_t is the
    mean training loss of epoch t, counted from 0, so the first check is at t = patience.

    >>> rule = EarlyStopping(patience=2, relative_loss_threshold=0.01)
    >>> [rule.should_stop(loss) for loss in (1.0, 0.9, 0.5, 0.895)]
    [False, False, False, True]
    """

    def __init__(self, patience=10, relative_loss_threshold=0.01):
        self.patience = require_integer(patience, "patience", 1)
        self.relative_loss_threshold = require_number(
            relative_loss_threshold, "relative_loss_threshold", 0, 1, high_open=True)
        self.losses = []

    def should_stop(self, epoch_loss):
        """Take the next epoch's loss, finite and >= 0; return whether training should stop after it."""
        self.losses.append(require_number(epoch_loss, "epoch_loss", 0, float("inf"), high_open=True))
        if len(self.losses) <= self.patience:
            return False
        return self.losses[-1] >= (1 - self.relative_loss_threshold) * self.losses[-1 - self.patience]
