"""The model in Keras on TensorFlow: Embedding, GRU (reset-after), Dense; its state carries on."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

VERSIONS = {"keras": keras.__version__, "keras's tensorflow": tf.__version__}


def model_of(work, batch, steps):
    """The model for ids [batch, steps], with as many threads as the settings say."""
    tf.config.threading.set_intra_op_parallelism_threads(work.threads)
    tf.config.threading.set_inter_op_parallelism_threads(work.threads)
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((steps,), batch_size=batch, dtype="int32"),
            layers.Embedding(work.vocabulary, work.embedding),
            *(
                layers.GRU(work.hidden, return_sequences=True, stateful=True)
                for _ in range(work.layers)
            ),
            layers.Dense(work.vocabulary),
        ]
    )
