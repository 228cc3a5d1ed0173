"""The device that -gpu names."""

import tensorflow as tf


def choose_device(gpu: int) -> str:
    """Keeps TensorFlow to one GPU, or to the CPU.

    Args:
        gpu: its number from 0; -1 for the CPU.

    Returns:
        A line that says where the run goes.
    """
    gpus = tf.config.list_physical_devices("GPU")
    try:
        if not 0 <= gpu < len(gpus):
            tf.config.set_visible_devices([], "GPU")
            return "on the CPU" if gpu < 0 else f"there is no GPU {gpu}: on the CPU"
        tf.config.set_visible_devices(gpus[gpu], "GPU")
    except RuntimeError:  # TensorFlow has begun to compute
        return "on the device that TensorFlow chose"
    return f"on GPU {gpu}"
