"""Sampling in Keras, one token at a time, a step of the model as a graph or compiled by XLA."""

from keras_model import VERSIONS, model_of, tf
from measure import answer, time_steps, work

model = model_of(work, 1, 1)
token = tf.zeros((1, 1), tf.int32)


@tf.function(jit_compile=work.xla)
def next_logits(token):
    return model(token, training=False)[:, 0] / 0.8


def sample_block(_):
    global token
    for _ in range(work.tokensPerStep):
        token = tf.random.categorical(next_logits(token), 1, dtype=tf.int32)
        token.numpy().item()


answer(time_steps(sample_block), **VERSIONS)
