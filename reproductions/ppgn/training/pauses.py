"""Which of the two players learns next: the one that is winning is held back."""


class Pauses:
    """The rule of Dosovitskiy and Brox' training, which the paper follows.

    The ratio r is D's loss, on real and on generated images, over G's adversarial loss. D pauses
    where r falls below 0.1, until it is above 0.5; G pauses where r rises above 10, until it falls
    below 0.1.

    Attributes:
        train_d: whether D learns in the next step.
        train_g: whether G does.
    """

    LOW, BACK, HIGH = 0.1, 0.5, 10.0

    def __init__(self, train_d: bool = True, train_g: bool = True):
        self.train_d, self.train_g = train_d, train_g

    def after(self, real: float, fake: float, adversarial: float) -> None:
        """Decides, after a step.

        Args:
            real: D's loss on images.
            fake: that on generated images.
            adversarial: G's.
        """
        ratio = (real + fake) / max(adversarial, 1e-30)
        if ratio < self.LOW and self.train_d:
            self.train_d, self.train_g = False, True
        if ratio > self.BACK and not self.train_d:
            self.train_d, self.train_g = True, True
        if ratio > self.HIGH and self.train_g:
            self.train_d, self.train_g = True, False
