import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import common.quiet

ROOT = Path(common.quiet.__file__).parent.parent


def run(code, *path, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "KERAS_"))}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (*path, ROOT)))
    return subprocess.run(
        [sys.executable, "-c", f"from common.quiet import import_keras\n{code}"],
        env=environment | variables,
        capture_output=True,
        text=True,
    )


def test_the_backend_in_use_starts_and_works_without_a_word():
    done = run(
        "import os, sys\n"
        "where = import_keras(); import keras\n"
        "x = keras.ops.conv(keras.ops.ones((1, 9, 9, 1)), keras.ops.ones((3, 3, 1, 1)))\n"
        "assert float(keras.ops.sum(x)) == 441\n"
        "print(keras.backend.backend(), where)\n"
        "os.write(2, b'native '); print('and own', file=sys.stderr)",
        KERAS_BACKEND=keras.config.backend(),
    )
    assert (done.returncode, done.stderr) == (0, "native and own\n")
    assert done.stdout.startswith(f"{keras.config.backend()} on ")


def test_tensorflow_starts_and_works_without_a_word():
    pytest.importorskip("tensorflow")
    done = run(
        "import os, sys\n"
        "import_keras(); import tensorflow as tf, keras\n"
        "assert keras.backend.backend() == 'tensorflow'\n"
        "assert float(tf.reduce_sum(tf.nn.conv2d(tf.ones((1, 9, 9, 1)), tf.ones((3, 3, 1, 1)),"
        " 1, 'VALID'))) == 441\n"
        # Standard error is as it was.
        "os.write(2, b'native '); print('and own', file=sys.stderr)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "native and own\n")


def test_a_failing_import_is_shown_in_full(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os\nos.write(2, b'library not found\\n')\nraise ImportError('broken')\n"
    )
    done = run("import_keras()", tmp_path)
    assert done.returncode == 1
    assert "library not found" in done.stderr and "ImportError: broken" in done.stderr
