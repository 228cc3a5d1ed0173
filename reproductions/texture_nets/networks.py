"""What is known of the generators without building them."""

from typing import NamedTuple


class Network(NamedTuple):
    """The sizes that a generator can make.

    Attributes:
        multiple: height and width are multiples of this.
        smallest: and at least this.
        joins: how many `Concat` modules the original has.
    """

    multiple: int
    smallest: int
    joins: int


#: In the order of the original's `models/`, then the two shapes of the published models.
NETWORKS = {
    "pyramid": Network(32, 32, 5),
    # Its 5x5 convolutions need more than one pixel at the coarsest scale.
    "pyramid2": Network(32, 64, 5),
    "skip": Network(32, 32, 5),
    "skip_noise": Network(32, 32, 10),
    "published_texture": Network(32, 32, 5),
    "published_style": Network(16, 16, 4),
}

#: No generator has more channels of noise.
MOST_NOISE = 1024

#: Those that a user can train.
TRAINABLE = tuple(NETWORKS)[:4]
