"""The compatibility dataset: typed rows, loaded lazily and checked by hash, and the questions asked of them."""
