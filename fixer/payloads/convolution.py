"""Run by the patient, on top of library_check.py: a convolution, and DenseNet121.

The unit is a step of library_check.py's ``Report``: convolution, densenet121. Python 3.6 syntax; it imports NumPy
(TensorFlow cannot be without it) and Keras through TensorFlow. It changes no setting that outlives the process.
"""
from library_check import Failed, list_gpus, look, mapped

SIDE = 38  # 32 pixels and DenseNet's padding of 3 on each side
FILTERS = 64
KERNEL = 7
STRIDE = 2
PRODUCTS = KERNEL * KERNEL * 3
UNIT_ROUNDOFF = 2.0 ** -24  # float32, rounded to nearest
SPARE_ROUNDINGS = 8  # alpha and beta scaling, split sums, the store
PICTURE = 64
CLASSES = 10


def tolerance():
    """How far a float32 result may lie from the float64 reference, as a fraction of sum(|x| * |w|).

    Each output is a sum of K = 7 * 7 * 3 = 147 products. In float32 with unit roundoff u = 2^-24, whatever the
    order of the additions and with or without fused multiply-add, the computed sum differs from the exact one by
    at most gamma(K) * sum(|x| * |w|), gamma(n) = n*u / (1 - n*u) (Higham, Accuracy and Stability of Numerical
    Algorithms, 2nd edition, section 3.1). A few more roundings are allowed for scaling and storing:
    gamma(155) = 9.24e-6. The inputs are float32 numbers, so they enter the reference exactly, and the
    reference's own error (u = 2^-53) is smaller by 2^29. The bound is elementwise, so a zero, a swapped channel or a
    result from TensorFloat-32 (2^-11 per factor) or half precision does not fit in it. Winograd and FFT
    algorithms, which do not obey it, need stride 1; the stem has stride 2.
    """
    roundings = PRODUCTS + SPARE_ROUNDINGS
    return roundings * UNIT_ROUNDOFF / (1 - roundings * UNIT_ROUNDOFF)


def stem_in_float64(np, pictures, kernel):
    """The stem's convolution (stride 2, no padding) by 49 matrix products in float64, without TensorFlow."""
    out = (pictures.shape[1] - KERNEL) // STRIDE + 1
    x, w = pictures.astype(np.float64), kernel.astype(np.float64)
    total = np.zeros((x.shape[0], out, out, w.shape[3]))
    for row in range(KERNEL):
        for column in range(KERNEL):
            window = x[:, row : row + STRIDE * out : STRIDE, column : column + STRIDE * out : STRIDE, :]
            total += np.tensordot(window, w[row, column], 1)
    return total


def place_of(tensor):
    """The device that holds the numbers."""
    return str(getattr(tensor, "backing_device", "") or tensor.device)


def require_place(tensor, device):
    """Refuse a result that another device than the asked one made."""
    place = place_of(tensor)
    if device.upper() + ":" not in place.upper():
        raise Failed("asked for the " + device.upper() + ", but the result lies on " + (place or "an unnamed device"))


def require_cudnn():
    """Refuse a GPU convolution during which no libcudnn was mapped."""
    held = sorted(path for name, path in mapped().items() if name.split("#")[0] == "cudnn")
    if not held:
        raise Failed("the convolution ran, but this process has no libcudnn mapped")
    return "; cuDNN " + ", ".join(held)


def prepare(tf, wish):
    """Eager, exact and strict: no TensorFloat-32, no silent move to another device, memory growth when asked."""
    if not tf.executing_eagerly():
        tf.compat.v1.enable_eager_execution()
    switch = getattr(tf.config.experimental, "enable_tensor_float_32_execution", None)
    if switch is not None:
        switch(False)
    soft = getattr(tf.config, "set_soft_device_placement", None)
    if soft is not None:
        soft(False)
    gpus = list_gpus(tf)
    if wish["device"] == "cpu" and gpus:
        hide = getattr(tf.config, "set_visible_devices", None) or tf.config.experimental.set_visible_devices
        hide([], "GPU")
    elif wish["growth"]:
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)


def compare(np, got, pictures, kernel):
    """Refuse numbers outside the tolerance; returns the words about those inside."""
    reference = stem_in_float64(np, pictures, kernel)
    if got.shape != reference.shape:
        raise Failed("the convolution's shape is " + str(got.shape) + ", expected " + str(reference.shape))
    if not np.all(np.isfinite(got)):
        raise Failed("the convolution returned " + str(int(np.sum(~np.isfinite(got)))) + " numbers that are not finite")
    allowed = tolerance() * stem_in_float64(np, np.abs(pictures), np.abs(kernel))
    off = np.abs(got.astype(np.float64) - reference)
    wrong = int(np.sum(off > allowed))
    shown = "largest difference %.2g, allowed %.2g there" % (off.max(), allowed.ravel()[int(off.argmax())])
    if wrong:
        raise Failed("wrong numbers: %d of %d lie outside the tolerance, %s" % (wrong, off.size, shown))
    return shown


def convolution(tf, wish):
    """DenseNet's stem on random pictures, on the asked device, against float64."""
    import numpy as np

    draw = np.random.RandomState(20120)
    pictures = draw.uniform(-1, 1, (2, SIDE, SIDE, 3)).astype(np.float32)
    kernel = draw.uniform(-1, 1, (KERNEL, KERNEL, 3, FILTERS)).astype(np.float32)
    prepare(tf, wish)
    with tf.device("/" + wish["device"].upper() + ":0"):
        made = tf.nn.conv2d(tf.constant(pictures), tf.constant(kernel), [1, STRIDE, STRIDE, 1], "VALID")
    got = made.numpy()
    require_place(made, wish["device"])
    # The numbers first: a wrong result is the graver news.
    shown = compare(np, got, pictures, kernel)
    return shown + (require_cudnn() if wish["device"] == "gpu" else ""), None


def keras_backend(keras):
    """The backend's name, in Keras 3 and before."""
    config = getattr(keras, "config", None)
    ask = getattr(config, "backend", None) or getattr(keras.backend, "backend", None)
    return ask() if ask is not None else "tensorflow"


def densenet(tf, wish):
    """DenseNet121 with random weights, forward, on the asked device: shape, finiteness, on the CPU also repeatability."""
    import numpy as np

    keras = tf.keras
    make = keras.applications.DenseNet121
    backend = keras_backend(keras)
    if backend != "tensorflow":
        raise Failed("Keras runs on the backend " + str(backend) + ", not on TensorFlow")
    channels_last = keras.backend.image_data_format() == "channels_last"
    shape = (PICTURE, PICTURE, 3) if channels_last else (3, PICTURE, PICTURE)
    pictures = np.random.RandomState(121).uniform(0, 1, (2,) + shape).astype(np.float32)
    with tf.device("/" + wish["device"].upper() + ":0"):
        model = make(weights=None, input_shape=shape, classes=CLASSES)
        made = model(tf.constant(pictures), training=False)
        got = made.numpy()
        require_place(made, wish["device"])
        again = model(tf.constant(pictures), training=False).numpy() if wish["device"] == "cpu" else got
    if got.shape != (2, CLASSES):
        raise Failed("DenseNet121 returned the shape " + str(got.shape) + ", expected " + str((2, CLASSES)))
    if not np.all(np.isfinite(got)):
        raise Failed("DenseNet121 returned numbers that are not finite")
    if not np.allclose(got, again, rtol=1e-4, atol=1e-6):
        raise Failed("DenseNet121 returned other numbers for the same pictures: %.2g apart" % np.abs(got - again).max())
    version = getattr(keras, "__version__", None) or tf.__version__
    return "DenseNet121 forward on the " + wish["device"].upper() + ", Keras " + str(version), None


def prove(report):
    """The steps above the loader level, in order; the next is not run after one that failed."""
    tf = look(report)
    if tf is None or report.wish["level"] == "loader":
        return
    report.step("convolution", convolution, tf, report.wish)
    if report.wish["level"] == "densenet":
        report.step("densenet121", densenet, tf, report.wish)
