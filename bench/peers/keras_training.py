"""A training step in Keras, as a graph or compiled by XLA."""

from keras_model import VERSIONS, keras, model_of, tf
from measure import answer, time_steps, work

WINDOWS = 16

model = model_of(work, work.batch, work.steps)
optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
windows = tf.random.uniform(
    (WINDOWS, work.batch, work.steps + 1), maxval=work.vocabulary, dtype=tf.int32
)
inputs, targets = [tf.unstack(part) for part in (windows[:, :, :-1], windows[:, :, 1:])]


@tf.function(jit_compile=work.xla)
def update(inputs, targets):
    with tf.GradientTape() as tape:
        loss = loss_of(targets, model(inputs, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


def train_step(i):
    return float(update(inputs[i % WINDOWS], targets[i % WINDOWS]))


optimizer.build(model.trainable_variables)
answer(time_steps(train_step), **VERSIONS)
