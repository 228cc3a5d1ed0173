"""Pictures that tell whether they were stretched or cropped."""

import numpy as np
from PIL import Image

LEFT, RIGHT = (200, 40, 90), (10, 160, 250)


def halves(width=40, height=30, left=LEFT):
    """A picture of one colour on the left and another on the right."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = left, RIGHT
    return Image.fromarray(pixels)
