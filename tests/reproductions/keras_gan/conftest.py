"""The fixtures of `commands.py`, for all tests of the package."""

from tests.reproductions.keras_gan import commands

folder, script, trained, run = commands.folder, commands.script, commands.trained, commands.run
