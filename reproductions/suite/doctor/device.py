"""What will compute: TensorFlow's devices, threads, and oneDNN."""

import os

from reproductions.suite.doctor.findings import Findings


def look(findings: Findings) -> None:
    """Imports TensorFlow, and tells what it finds."""
    asked = os.environ.get("KERAS_BACKEND", "tensorflow")
    if asked != "tensorflow":
        findings.wrong("KERAS_BACKEND", f"{asked}; the suite needs TensorFlow: unset it")
    try:
        from common.quiet import import_tensorflow

        import_tensorflow()
        import keras
        import tensorflow as tf
    except Exception as error:
        reason = " ".join(str(error).split())
        findings.wrong("TensorFlow", f"cannot be imported: {type(error).__name__}: {reason}")
        return
    findings.good("TensorFlow", f"{tf.__version__}, with Keras {keras.__version__}")
    backend = keras.backend.backend()
    if backend == "tensorflow":
        findings.good("Keras computes with", backend)
    else:
        findings.wrong(
            "Keras computes with",
            f"{backend}; the suite needs TensorFlow: see ~/.keras/keras.json",
        )
    gpus = [_name(tf, gpu) for gpu in tf.config.list_physical_devices("GPU")]
    findings.good("device", ", ".join(gpus) or "the CPU (TensorFlow finds no GPU)")
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    findings.good("threads", str(threads or "one for each core"))
    findings.good("oneDNN", _onednn())


def _name(tf, gpu) -> str:
    details = tf.config.experimental.get_device_details(gpu)
    return details.get("device_name", gpu.name)


def _onednn() -> str:
    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:  # it is no part of TensorFlow's interface
        return "unknown"
    if _pywrap_util_port.IsMklEnabled():
        return "on"
    return "off: convolutions on an x86 processor are faster with it (TF_ENABLE_ONEDNN_OPTS=1)"
