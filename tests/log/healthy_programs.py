"""Small programs in which nothing is wrong, or nothing that a GPU, a driver or an installation could cause.

The unit is one program's text, by name. Those in TENSORFLOW run on every TensorFlow from 2.4 to the newest, with Keras 2 and 3;
FORWARD names those that the lab's stand-ins carry through: they compute no gradients and no matrix products.
"""

from __future__ import annotations

TENSORFLOW = {
    "devices": """
import tensorflow as tf
print("TensorFlow", tf.__version__, "built with CUDA:", tf.test.is_built_with_cuda())
print("Num GPUs Available: ", len(tf.config.list_physical_devices("GPU")))
print(tf.config.list_logical_devices())
print(tf.reduce_sum(tf.random.normal([1000, 1000])).shape)
""",
    "fit-dense": """
import numpy as np, tensorflow as tf
model = tf.keras.Sequential([tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(1)])
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
x = np.random.rand(512, 8).astype("float32"); y = x.sum(axis=1, keepdims=True)
model.fit(x, y, epochs=3, batch_size=32, validation_split=0.2)
model.summary()
print("evaluate", model.evaluate(x, y, verbose=0))
""",
    "fit-quiet": """
import numpy as np, tensorflow as tf
model = tf.keras.Sequential([tf.keras.layers.Dense(4, input_shape=(8,)), tf.keras.layers.Dense(1)])
model.compile(optimizer=tf.keras.optimizers.SGD(learning_rate=0.01), loss="mse")
x = np.random.rand(256, 8).astype("float32"); y = x.sum(axis=1, keepdims=True)
history = model.fit(x, y, epochs=4, batch_size=32, verbose=2)
print({name: [round(float(v), 4) for v in values] for name, values in history.history.items()})
""",
    "predict-conv": """
import numpy as np, tensorflow as tf
model = tf.keras.Sequential([tf.keras.layers.Conv2D(8, 3), tf.keras.layers.ReLU(), tf.keras.layers.GlobalAveragePooling2D()])
print(model.predict(np.random.rand(8, 32, 32, 3).astype("float32")).shape)
""",
    "densenet": """
import numpy as np, tensorflow as tf
model = tf.keras.applications.DenseNet121(weights=None)
print(model.predict(np.random.rand(1, 224, 224, 3).astype("float32")).shape)
""",
    "callbacks": """
import os, tempfile
import numpy as np, tensorflow as tf
os.chdir(tempfile.mkdtemp())
model = tf.keras.Sequential([tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(1)])
model.compile(optimizer="adam", loss="mse")
x = np.random.rand(256, 8).astype("float32"); y = x.sum(axis=1, keepdims=True)
tf.get_logger().setLevel("INFO")
calls = [
    tf.keras.callbacks.EarlyStopping(monitor="loss", patience=1, min_delta=1.0, verbose=1),
    tf.keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=0, min_delta=1.0, verbose=1),
    tf.keras.callbacks.ModelCheckpoint("best.h5" if tf.__version__ < "2.16" else "best.keras", monitor="loss", save_best_only=True, verbose=1),
    tf.keras.callbacks.TensorBoard("logs", profile_batch=(2, 4)),
    tf.keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9, verbose=1),
]
model.fit(x, y, epochs=5, batch_size=32, callbacks=calls)
""",
    "save-and-load": """
import os, tempfile, logging
import numpy as np, tensorflow as tf
os.chdir(tempfile.mkdtemp())
tf.get_logger().setLevel("INFO")
model = tf.keras.Sequential([tf.keras.layers.Dense(4, input_shape=(8,)), tf.keras.layers.Dense(1)])
x = np.random.rand(16, 8).astype("float32")
model(x)
model.save("model.h5")
again = tf.keras.models.load_model("model.h5", compile=False)
class Twice(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, x): return 2.0 * x
tf.saved_model.save(Twice(), "module")
print(tf.saved_model.load("module")(tf.constant([1.0, 2.0])))
print("difference", float(np.abs(np.asarray(model(x)) - np.asarray(again(x))).max()))
""",
    "retracing": """
import tensorflow as tf
@tf.function
def power(x, n): return x ** n
for n in range(12): power(tf.constant(2.0), float(n))
for n in range(3):
    made = tf.function(lambda x: x + 1)
    made(tf.zeros([n + 1]))
print("done")
""",
    "session": """
import tensorflow as tf
v1 = tf.compat.v1
v1.disable_eager_execution()
x = v1.placeholder(tf.float32, [None, 4])
w = v1.get_variable("w", [4, 2])
y = tf.matmul(x, w)
config = v1.ConfigProto(log_device_placement=True)
config.gpu_options.allow_growth = True
with v1.Session(config=config) as session:
    session.run(v1.global_variables_initializer())
    print(session.run(y, {x: [[1.0, 2.0, 3.0, 4.0]]}).shape)
print(v1.test.is_gpu_available())
""",
    "growth": """
import tensorflow as tf
for card in tf.config.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(card, True)
    print("growth:", tf.config.experimental.get_memory_growth(card))
a = tf.random.normal([256, 256])
print(tf.matmul(a, a).device)
tf.debugging.set_log_device_placement(True)
print((a + 1).shape)
""",
    "mixed-precision": """
import numpy as np, tensorflow as tf
tf.keras.mixed_precision.set_global_policy("mixed_float16")
model = tf.keras.Sequential([tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(1, dtype="float32")])
model.compile(optimizer="sgd", loss="mse")
x = np.random.rand(64, 8).astype("float32")
print(model.predict(x).dtype)
""",
    "dataset-ends": """
import tensorflow as tf
def numbers():
    for i in range(20): yield [float(i)] * 4, [float(i)]
made = tf.data.Dataset.from_generator(numbers, output_signature=(tf.TensorSpec([4]), tf.TensorSpec([1])))
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile(optimizer="sgd", loss="mae")
model.fit(made.batch(4), epochs=2, steps_per_epoch=4)
for part in made.batch(4).cache().take(2): print(part[0].shape)
print(tf.data.experimental.cardinality(made).numpy())
""",
    "mirrored": """
import numpy as np, tensorflow as tf
strategy = tf.distribute.MirroredStrategy()
print("Number of devices:", strategy.num_replicas_in_sync)
with strategy.scope():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
x = np.random.rand(64, 4).astype("float32")
print(model.predict(x, verbose=0).shape)
""",
    "own-words": """
import logging, sys
import tensorflow as tf
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
log = logging.getLogger("train")
log.info("loading 1024 images, 0 failed, 3 skipped (missing label)")
log.warning("learning rate is not initialized from the checkpoint, starting at 1e-3")
log.error("sample 17: label not found in classes.txt, ignored")
for step in range(3):
    loss = tf.reduce_mean(tf.square(tf.random.normal([64])))
    log.info("step %d loss %.4f memory 3.1 GiB free", step, float(loss))
log.info("Finished: no error occurred. GPU hours: 0.0; driver: train.py; library: data v1.2")
""",
    "tape": """
import tensorflow as tf
w = tf.Variable(tf.random.normal([4, 1])); optimizer = tf.keras.optimizers.Adam(0.01)
for step in range(5):
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_mean(tf.matmul(tf.random.normal([16, 4]), w) ** 2)
    optimizer.apply_gradients([(tape.gradient(loss, w), w)])
    print(f"\\rstep {step + 1}/5 [{'=' * step}>{'.' * (4 - step)}] - loss: {float(loss):.4f}", end="")
print()
""",
    "fit-conv": """
import numpy as np, tensorflow as tf
model = tf.keras.Sequential([tf.keras.layers.Conv2D(4, 3, activation="relu"), tf.keras.layers.MaxPooling2D(),
    tf.keras.layers.Flatten(), tf.keras.layers.Dropout(0.5), tf.keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
x = np.random.rand(128, 28, 28, 1).astype("float32"); y = np.random.randint(0, 10, 128)
model.fit(x, y, epochs=2, batch_size=16)
""",
    "lstm": """
import numpy as np, tensorflow as tf
model = tf.keras.Sequential([tf.keras.layers.Embedding(100, 8), tf.keras.layers.LSTM(8, recurrent_activation="tanh", dropout=0.1), tf.keras.layers.Dense(1)])
model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
model.fit(np.random.randint(0, 100, (64, 10)), np.random.randint(0, 2, 64), epochs=1)
""",
    "xla": """
import tensorflow as tf
@tf.function(jit_compile=True)
def f(x): return tf.reduce_sum(tf.nn.softmax(x) ** 2)
print(f(tf.random.normal([64, 64])).shape)
""",
    "lite": """
import os, tempfile
import tensorflow as tf
os.chdir(tempfile.mkdtemp())
class Twice(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([4], tf.float32)])
    def __call__(self, x): return 2.0 * x
m = Twice()
made = tf.lite.TFLiteConverter.from_concrete_functions([m.__call__.get_concrete_function()], m).convert()
interpreter = tf.lite.Interpreter(model_content=made)
interpreter.allocate_tensors()
print(len(made) > 0, interpreter.get_input_details()[0]["shape"])
""",
}
FORWARD = tuple(name for name in TENSORFLOW if name in ("devices", "predict-conv", "retracing", "session", "growth", "own-words"))

# Failures of the user's own program: nothing that convfix repairs. A log of one names no cause.
UNRELATED = {
    "shapes": """
import numpy as np, tensorflow as tf
model = tf.keras.Sequential([tf.keras.layers.Dense(4, input_shape=(8,)), tf.keras.layers.Dense(1)])
model.compile(optimizer="adam", loss="mse")
model.fit(np.zeros((16, 5)), np.zeros((16, 1)))
""",
    "indices": """
import tensorflow as tf
print(tf.nn.embedding_lookup(tf.zeros([10, 4]), tf.constant([3, 12])))
""",
    "matmul": """
import tensorflow as tf
print(tf.matmul(tf.zeros([2, 3]), tf.zeros([4, 5])))
""",
    "file": """
import tensorflow as tf
print(tf.io.read_file("/data/train/labels.csv"))
""",
    "nan": """
import tensorflow as tf
tf.debugging.check_numerics(tf.math.log(tf.constant([-1.0])), "loss is NaN")
""",
    "weights": """
import tensorflow as tf
model = tf.keras.Sequential([tf.keras.layers.Dense(4)])
tf.keras.models.load_model("/home/user/models/best.keras")
""",
    "key": """
import tensorflow as tf
config = {"model": "densenet"}
print(config["learning_rate"])
""",
    "json": """
import json
import tensorflow as tf
json.loads("{'learning_rate': 0.1}")
""",
    "downloads": """
import tensorflow as tf
tf.keras.utils.get_file("weights.h5", "http://127.0.0.1:9/weights.h5")
""",
    "interrupted": """
import os, signal
import tensorflow as tf
os.kill(os.getpid(), signal.SIGINT)
import time; time.sleep(1)
""",
}

JAX = {
    "devices": "import jax; print(jax.__version__, jax.devices(), jax.default_backend())",
    "train": """
import jax, jax.numpy as jnp
def loss(w, x): return jnp.mean((x @ w) ** 2)
w = jax.random.normal(jax.random.PRNGKey(0), (8, 4)); x = jnp.ones((32, 8))
step = jax.jit(jax.grad(loss))
for i in range(5):
    w = w - 0.1 * step(w, x); print("step", i, "loss", round(float(loss(w, x)), 4))
""",
    "convolution": """
import jax, jax.numpy as jnp
print(jax.lax.conv(jnp.ones((1, 3, 16, 16)), jnp.ones((8, 3, 3, 3)), (1, 1), "SAME").shape)
""",
    "x64": "import jax.numpy as jnp; print(jnp.ones(4, dtype='float64').dtype, jnp.arange(5) / 2)",
    "flax": """
import jax, jax.numpy as jnp, flax.linen as nn, optax
model = nn.Dense(4); x = jnp.ones((8, 3)); p = model.init(jax.random.PRNGKey(0), x)
o = optax.adam(1e-3); s = o.init(p)
g = jax.grad(lambda p: jnp.mean(model.apply(p, x) ** 2))(p); u, s = o.update(g, s); print(jax.tree_util.tree_map(jnp.shape, u))
""",
    "logged": """
import logging; logging.basicConfig(level=logging.DEBUG)
import jax; print(jax.jit(lambda x: x + 1)(1.0))
""",
    "shapes": "import jax.numpy as jnp; print(jnp.ones((2, 3)) @ jnp.ones((4, 5)))",
}

TORCH = {
    "devices": "import torch; print(torch.__version__, torch.cuda.is_available(), torch.version.cuda, torch.backends.cudnn.is_available())",
    "train": """
import torch
net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1)); o = torch.optim.Adam(net.parameters())
x = torch.rand(256, 8); y = x.sum(1, keepdim=True)
for epoch in range(5):
    o.zero_grad(); loss = torch.nn.functional.mse_loss(net(x), y); loss.backward(); o.step(); print(f"Epoch {epoch}: loss={loss.item():.4f}")
""",
    "convolution": "import torch; print(torch.nn.Conv2d(3, 8, 3)(torch.rand(1, 3, 32, 32)).shape)",
    "warnings": """
import torch
s = torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1), 1); s.step()
torch.nn.functional.mse_loss(torch.zeros(4), torch.zeros(4, 1)); print(torch.meshgrid(torch.arange(2), torch.arange(2))[0].shape)
with torch.cuda.amp.autocast(): print(torch.zeros(1) + 1)
""",
    "environment": "import torch.utils.collect_env as c; c.main()",
    "config": "import torch; print(torch.__config__.show())",
    "shapes": "import torch; print(torch.rand(2, 3) @ torch.rand(4, 5))",
}
UNRELATED_ELSEWHERE = ("shapes",)

_KERAS = """
import os; os.environ["KERAS_BACKEND"] = {backend!r}
import numpy as np, keras
x = np.random.rand(256, 8).astype("float32"); y = x.sum(axis=1, keepdims=True)
m = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)])
"""
_KERAS_DOES = {
    "predict": "print(keras.backend.backend(), keras.__version__, m.predict(x).shape)",
    "summary": "m.summary(); m.save('model.keras'); print(len(keras.models.load_model('model.keras').get_weights()))",
    "convolution": "print(keras.layers.Conv2D(4, 3)(np.ones((1, 16, 16, 3), 'float32')).shape)",
    "old-input": "m = keras.Sequential([keras.layers.Dense(4, input_shape=(8,))]); print(m.predict(x[:2], verbose=2).shape)",
}
_KERAS_LEARNS = {
    "fit": "m.compile('adam', 'mse'); m.fit(x, y, epochs=2, validation_split=0.25); print(m.evaluate(x, y, verbose=2))",
    "callbacks": "m.compile('adam', 'mse'); c = keras.callbacks; m.fit(x, y, epochs=3, verbose=2, callbacks=[c.EarlyStopping('loss', "
    "patience=0, min_delta=9, verbose=1), c.ReduceLROnPlateau('loss', patience=0, verbose=1), c.ModelCheckpoint('best.keras', verbose=1)])",
}
# Keras 3 on each of its backends that can be had without a GPU; NumPy's cannot learn.
KERAS = {
    f"{backend}-{name}": _KERAS.format(backend=backend) + text
    for backend in ("tensorflow", "jax", "numpy")
    for name, text in {**_KERAS_DOES, **({} if backend == "numpy" else _KERAS_LEARNS)}.items()
}

# Programs that are pasted beside TensorFlow's: gradient boosting, TensorBoard, TFLite's own runtime, test runs, progress bars, clusters.
BESIDE = {
    "lightgbm": """
import numpy as np, lightgbm as lgb
x = np.random.rand(400, 5); y = x.sum(axis=1)
lgb.train({"objective": "regression"}, lgb.Dataset(x, y), 5, valid_sets=[lgb.Dataset(x, y)], callbacks=[lgb.log_evaluation(1), lgb.early_stopping(3)])
""",
    "lightgbm-no-splits": "import numpy as np, lightgbm as lgb; lgb.LGBMClassifier(n_estimators=3).fit(np.ones((50, 2)), [0, 1] * 25)",
    "xgboost": """
import numpy as np, xgboost as xgb
x = np.random.rand(400, 5); d = xgb.DMatrix(x, x.sum(axis=1)); print(xgb.__version__)
xgb.train({"eval_metric": "rmse", "verbosity": 2, "unknown": 1}, d, 5, evals=[(d, "train")])
""",
    "xgboost-asks-for-a-gpu": "import numpy as np, xgboost as xgb; x = np.random.rand(50, 2); xgb.XGBRegressor(device='cuda').fit(x, x[:, 0]); print('done')",
    "sklearn-search": """
import numpy as np; from sklearn.model_selection import GridSearchCV; from sklearn.linear_model import LogisticRegression
x = np.random.rand(80, 3); GridSearchCV(LogisticRegression(max_iter=2), {"C": [1, 10]}, verbose=3, cv=2).fit(x, (x.sum(axis=1) > 1.5).astype(int))
""",
    "tqdm": "import time; from tqdm import tqdm\nfor _ in tqdm(range(40), desc='Training'): time.sleep(0.01)",
    "tqdm-nested": """
from tqdm import tqdm
for epoch in range(2):
    with tqdm(total=20, unit="batch") as bar:
        for n in range(20): bar.set_description(f"Epoch {epoch}"); bar.set_postfix(loss=f"{1 / (n + 1):.3f}"); bar.update()
""",
    "pandas-warnings": "import pandas as pd; f = pd.DataFrame({'a': [1, None]}); print(f.describe(), f['a'].fillna('x').infer_objects())",
    "tensorboard": """
import subprocess, sys, time
p = subprocess.Popen([sys.executable, "-m", "tensorboard.main", "--logdir", "logs", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
time.sleep(25); p.terminate(); said = p.communicate()[0]; print(said); raise SystemExit("Press CTRL+C" not in said)
""",
    "litert": """
import tensorflow as tf, numpy as np
m = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(2)]); model = tf.lite.TFLiteConverter.from_keras_model(m).convert()
from ai_edge_litert.interpreter import Interpreter
i = Interpreter(model_content=model); i.allocate_tensors(); i.set_tensor(i.get_input_details()[0]["index"], np.ones((1, 4), "float32")); i.invoke()
print(i.get_output_details()[0]["shape"])
""",
    "lite-quantized": """
import tensorflow as tf, numpy as np
m = tf.keras.Sequential([tf.keras.Input((8,)), tf.keras.layers.Dense(4)]); c = tf.lite.TFLiteConverter.from_keras_model(m)
c.optimizations = [tf.lite.Optimize.DEFAULT]; c.representative_dataset = lambda: ([np.random.rand(1, 8).astype("float32")] for _ in range(8))
print(len(c.convert()))
""",
    "pytest": """
import pathlib, pytest
pathlib.Path("test_it.py").write_text("import warnings, tensorflow as tf\\ndef test_sum():\\n    warnings.warn('old', DeprecationWarning)\\n    assert float(tf.reduce_sum(tf.ones(3))) == 3\\n")
raise SystemExit(pytest.main(["-v", "-p", "no:cacheprovider", "test_it.py"]))
""",
    "tf-test": """
import tensorflow as tf
class SumTest(tf.test.TestCase):
    def test_sum(self): self.assertAllClose(tf.reduce_sum(tf.ones(3)), 3.0)
tf.test.main()
""",
    "one-worker": """
import os, json, tensorflow as tf
os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": ["localhost:23456"]}, "task": {"type": "worker", "index": 0}})
s = tf.distribute.MultiWorkerMirroredStrategy(); print("workers", s.num_replicas_in_sync)
""",
    "profiler": "import tensorflow as tf; tf.profiler.experimental.start('logs'); print(tf.reduce_sum(tf.ones(9))); tf.profiler.experimental.stop()",
    "saved-model": """
import subprocess, sys, tensorflow as tf
class M(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 4])])
    def __call__(self, x): return x * 2
tf.saved_model.save(M(), "saved"); subprocess.run([sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", "show", "--dir", "saved", "--all"], check=True)
""",
    "records": """
import tensorflow as tf
with tf.io.TFRecordWriter("a.tfrecord") as w: w.write(b"one")
print(list(tf.data.TFRecordDataset("a.tfrecord").repeat(2).prefetch(1)), tf.io.gfile.listdir("."))
""",
    "absl": """
from absl import app, logging
def main(_):
    logging.set_verbosity(logging.INFO); logging.info("Starting training."); logging.warning("No checkpoint found, starting from scratch."); logging.error("0 errors")
app.run(main)
""",
    "jax-host-devices": "import os; os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=4'; import jax; print(jax.devices(), jax.pmap(lambda x: x + 1)(jax.numpy.arange(4)))",
    "jax-log-compiles": "import os; os.environ['JAX_LOG_COMPILES'] = '1'; import jax; print(jax.jit(lambda x: x * 2)(jax.numpy.ones(3)))",
    "jax-debug": "import logging, jax; logging.basicConfig(level=logging.DEBUG); print(jax.numpy.dot(jax.numpy.ones((2, 3)), jax.numpy.ones(3)))",
}

# Installers at work, more of it than a plain install: the words after ``python -m pip`` and ``uv``.
PIP = {
    "requirements": ["install", "-r", "requirements.txt"], "downgrade": ["install", "six<1.17"], "upgraded": ["install", "-U", "six"],
    "wheel": ["wheel", "--no-deps", "-w", "wheels", "six"], "local": ["install", "./project"], "editable": ["install", "-e", "./project"],
    "index": ["index", "versions", "six"], "verbose": ["install", "-v", "--force-reinstall", "--no-deps", "six"], "no-such-release": ["install", "six==99"],
}  # fmt: skip
UV = {
    "init": ["init", "app"], "add": ["add", "--directory", "app", "six", "absl-py"], "lock": ["lock", "--directory", "app"],
    "sync": ["sync", "--directory", "app"], "tree": ["tree", "--directory", "app"],
    "export": ["export", "--directory", "app"], "compile": ["pip", "compile", "requirements.txt"], "remove": ["remove", "--directory", "app", "six"], "no-such-release": ["pip", "install", "six==99"],
}  # fmt: skip


NOTEBOOK = [
    "import tensorflow as tf\nprint(tf.__version__)\ntf.config.list_physical_devices()",
    "import numpy as np\nx = np.random.rand(256, 8).astype('float32')\ny = x.sum(axis=1, keepdims=True)\nx.shape",
    "model = tf.keras.Sequential([tf.keras.layers.Dense(16, activation='relu', input_shape=(8,)), tf.keras.layers.Dense(1)])\n"
    "model.compile(optimizer='adam', loss='mse')\nmodel.summary()",
    "history = model.fit(x, y, epochs=2, validation_split=0.25)",
    "import platform, keras\nprint(platform.system(), platform.python_version(), keras.__version__)\nnp.round(model.predict(x[:4]), 1).shape",
    "model.evaluate(x, y)",
]
