"""A command that starts a container says whether it asks for the GPU; a sentence about such a command says nothing."""

from __future__ import annotations

import pytest

from fixer.log.launches import launched
from fixer.log.line import Line


def told(text: str) -> list[str]:
    """What is put beside the lines of ``text``."""
    lines = [Line(at + 1, one) for at, one in enumerate(text.split("\n"))]
    return [line.text for line in launched(lines) if line not in lines]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("docker run --rm -it tensorflow/tensorflow:2.4.1-gpu bash", "docker run without the GPU"),
        ("$ sudo docker run -p 8888:8888 me/keras", "docker run without the GPU"),
        ("me@box:~$ docker container run -it me/image:1", "docker run without the GPU"),
        ("docker run \\\n   --rm \\\n   -v $PWD:/w \\\n   tensorflow/tensorflow:latest-gpu", "docker run without the GPU"),
        ("docker run \\\n   --rm \\\n   --gpus all \\\n   tensorflow/tensorflow:latest-gpu", "docker run with the GPU"),
        ("docker run --gpus '\"device=0\"' -it me/image", "docker run with the GPU"),
        ("docker run --runtime=nvidia -it me/image", "docker run with the GPU"),
        ("docker run --device /dev/nvidia0:/dev/nvidia0 -it me/image", "docker run with the GPU"),
        ("NV_GPU=0 nvidia-docker run -it me/image", "nvidia-docker run with the GPU"),
        ("podman run --device nvidia.com/gpu=all me/image:1", "podman run with the GPU"),
        ("docker run —rm —gpus all me/image:1", "docker run with the GPU"),
        ("podman run -it me/image:1", "podman run without the GPU"),
        ("singularity exec --nv tf.sif python a.py", "singularity exec with the GPU"),
        ("apptainer exec tf.sif python a.py", "apptainer exec without the GPU"),
    ],
)
def test_a_command_asks_for_the_gpu_or_does_not(command: str, says: str) -> None:
    assert told(command) == [says]


@pytest.mark.parametrize(
    "text",
    [
        "docker run fails on my machine",
        "Use 'nvidia-docker run' to start this container; see",
        "I wonder why docker run -it me/image works",
        "docker exec -it box nvidia-smi",
        "docker: Error response from daemon: could not select device driver",
        "docker run \\",
        "docker run -d --name db postgres:13",
        "docker ps",
    ],
)
def test_other_lines_say_nothing(text: str) -> None:
    assert told(text) == []


def test_a_command_of_endless_lines_is_given_up() -> None:
    assert told("\n".join(["docker run \\"] + ["-e A=b \\"] * 5000)).count("docker run without the GPU") <= 1
