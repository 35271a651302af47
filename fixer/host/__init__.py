"""The only door to the machine: files, child processes with a time limit, durable writes. It judges nothing."""
