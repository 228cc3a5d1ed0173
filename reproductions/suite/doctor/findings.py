"""What the doctor finds: a line each, told as soon as it is known."""

_WIDTH = 22  # of names


class Findings:
    """Prints findings, and counts those that are wrong.

    Attributes:
        count: how many are.
    """

    def __init__(self):
        self.count = 0
        self._announced = None

    def begin(self, title: str) -> None:
        """Begins a part."""
        print(f"{title}", flush=True)

    def announce(self, name: str) -> None:
        """Shows what is looked at, where that takes a while; the finding completes the line."""
        self._announced = name
        print(f"  {name:{_WIDTH}}", end="", flush=True)

    def good(self, name: str, text: str) -> None:
        """Tells what is as it should be, or may be as it is."""
        self._tell(name, text)

    def wrong(self, name: str, text: str) -> None:
        """Tells what must be mended."""
        self.count += 1
        self._tell(name, f"WRONG: {text}")

    def end(self) -> None:
        """Sums up."""
        print("All is well." if not self.count else f"{self.count} to mend: see WRONG above.")

    def _tell(self, name: str, text: str) -> None:
        if self._announced == name:
            print(f" {text}", flush=True)
        else:
            if self._announced is not None:
                print()
            print(f"  {name:{_WIDTH}} {text}", flush=True)
        self._announced = None
