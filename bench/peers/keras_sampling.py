"""Sampling in Keras, one token at a time; a step is a block of tokens."""

from keras_model import VERSIONS, model_of, tf
from measure import answer, time_steps, work

model = model_of(work, 1, 1)
token = tf.zeros((1, 1), tf.int32)


@tf.function(jit_compile=work.xla)
def next_token(token):
    logits = model(token, training=False)[:, 0] / 0.8
    return tf.random.categorical(logits, 1, dtype=tf.int32)


def sample_block(_):
    global token
    for _ in range(work.tokensPerStep):
        token = next_token(token)
        token.numpy().item()


answer(time_steps(sample_block), **VERSIONS)
