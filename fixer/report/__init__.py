"""Results as text for a person or as the JSON envelope for a program; the only place that writes to a stream."""
