"""Makes src/import/fixtures/keras-gru.json and keras-lstm.json: small language models of Keras, as TensorFlow.js's
converter keeps them.

    KERAS_BACKEND=tensorflow python3 test/goldens/make-layers-model-goldens.py

Each has the model's config as Keras gives it, its weights by their paths (float32 in base64), token ids, and what
Keras says comes after each of them. The GRU is Keras's default, which applies its reset gate after the product.
"""

import base64
import json
import pathlib

import keras
import numpy

FIXTURES = pathlib.Path(__file__).parents[2] / "src" / "import" / "fixtures"
V, E, H = 7, 3, 4
IDS = [1, 5, 2, 2, 0, 6, 3]


def make(name, recurrent):
    keras.utils.set_random_seed(16)
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(V, E),
            recurrent(H, return_sequences=True),
            keras.layers.Dropout(0.5),
            recurrent(H, return_sequences=True),
            keras.layers.Dense(V, activation="softmax"),
        ]
    )
    generator = numpy.random.default_rng(14)
    model.set_weights([generator.normal(size=w.shape).astype("f4") for w in model.get_weights()])
    probabilities = keras.ops.convert_to_numpy(model(numpy.array([IDS])))[0]
    weights = [
        {
            "name": weight.path,
            "shape": list(weight.shape),
            "data": base64.b64encode(keras.ops.convert_to_numpy(weight).astype("<f4").tobytes()).decode(),
        }
        for weight in model.weights
        if weight.dtype == "float32"
    ]
    fixture = {
        "madeBy": f"test/goldens/{pathlib.Path(__file__).name}, Keras {keras.__version__}",
        "modelTopology": {
            "keras_version": keras.__version__,
            "backend": keras.backend.backend(),
            "model_config": json.loads(model.to_json()),
        },
        "weights": weights,
        "ids": IDS,
        "probabilities": [float(f"{value:.9g}") for value in probabilities.flatten().tolist()],
    }
    FIXTURES.mkdir(exist_ok=True)
    path = FIXTURES / name
    path.write_text(json.dumps(fixture) + "\n")
    print(path.name, path.stat().st_size, "bytes", [weight["name"] for weight in weights])


make("keras-gru.json", keras.layers.GRU)
make("keras-lstm.json", keras.layers.LSTM)
