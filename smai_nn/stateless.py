"""What activations and losses have in common: objects without state, equal if they are of one kind."""


class Stateless:
    """Base of classes whose objects hold nothing, so that ReLU() == ReLU() and its text is "ReLU()"."""

    def __repr__(self):
        return f"{type(self).__name__}()"

    def __eq__(self, other):
        return type(self) is type(other)

    def __hash__(self):
        return hash(type(self))
