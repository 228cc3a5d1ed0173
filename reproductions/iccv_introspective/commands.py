"""The two scripts: from flags to a run."""

import argparse
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from common.files import written_whole
from common.images import save_picture
from common.runs import noted_command
from reproductions.iccv_introspective.classes import texture_class
from reproductions.iccv_introspective.learn_run import learn
from reproductions.iccv_introspective.learned import read_learning
from reproductions.iccv_introspective.networks import check_network
from reproductions.iccv_introspective.options import own_flags, settings_of
from reproductions.iccv_introspective.run_folder import new_run
from reproductions.iccv_introspective.settings import LearningSettings, StageSettings
from reproductions.iccv_introspective.synthesis_run import synthesize
from reproductions.iccv_introspective.textures import TEXTURE, find_texture, texture_name


def learn_texture(flags: argparse.Namespace, picture: Image.Image) -> None:
    """Learns a texture.

    Args:
        flags: of `learn_texture.py`.
        picture: the texture, RGB, at the size at which it is to be learned.

    Raises:
        UserError: see `learn`.
    """
    settings = settings_of(flags, LearningSettings)
    check_network(settings.network)
    name = Path(flags.texture).stem if flags.resume is None else texture_name(flags.resume)
    texture = texture_class(name, picture, settings.patch_size, flags.resample)
    run = flags.resume
    if run is None:
        run = _begin(flags, "learn", name)
        save_picture(np.asarray(picture), run / TEXTURE)
    print(f"the run is {run}", flush=True)
    facts = _facts(flags, run, name)
    if flags.resume is None:
        facts["source"] = str(find_texture(flags.texture).absolute())
        print(f"learning {facts['source']}")
    learn(run, [texture], settings, flags.rounds, flags.save_interval, flags.comment, facts)


def synthesize_texture(flags: argparse.Namespace) -> None:
    """Synthesises pictures of a learned texture.

    Args:
        flags: of `synthesize_texture.py`.

    Raises:
        UserError: see `synthesize`.
    """
    settings = settings_of(flags, StageSettings)
    name = texture_name(flags.run)
    check_network(read_learning(flags.run)[0].network)
    run = flags.resume or _begin(flags, "synthesize", name)
    print(f"the run is {run}", flush=True)
    facts = _facts(flags, run, name)
    synthesize(run, flags.run, settings, flags.last_round, flags.save_interval, facts)


def _begin(flags: argparse.Namespace, kind: str, texture: str) -> Path:
    """Makes the folder of a run, with a copy of the script in it."""
    run = new_run(flags.results_dir, kind, texture)
    source = Path(__file__).with_name(flags.script)
    with written_whole(run / flags.script) as temporary:
        shutil.copyfile(source, temporary)
    return run


def _facts(flags: argparse.Namespace, run: Path, texture: str) -> dict[str, object]:
    facts = {"script": flags.script, "texture": texture, "flags": own_flags(flags)}
    return facts | noted_command(run, flags.resume is not None)
