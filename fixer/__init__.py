"""convfix: find out why TensorFlow sees no GPU, repair it, prove it, and take it back."""

__version__ = "0.1.0"
