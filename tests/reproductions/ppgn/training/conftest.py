"""The fixtures of `commands.py`, for all tests of training."""

from tests.reproductions.ppgn.training import commands

folder, script = commands.folder, commands.script
train, trained, sampled = commands.train, commands.trained, commands.sampled
