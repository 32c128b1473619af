"""Render a chat template in a child process with limits, because the template is a program by the model's author.

The template runs in the sandbox of transformers. The sandbox protects files and attributes. It stops neither an
endless loop nor a full memory; the limits of the child process stop both.

    python monitor/model/chat_template.py < JSON        the command with which `render` starts the child

The child imports no other module of this project.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

CPU_S = 10  # a real template takes milliseconds
WALL_S = 120  # on a busy machine the child takes seconds to import transformers
MEMORY_BYTES = 2**30  # in addition to the child's memory after its imports
OUTPUT_BYTES = 2**20
Message = Mapping[str, str]


class TemplateError(ValueError):
    """The template failed, or used more time or memory than a template may."""


def render(template: str, chats: Sequence[Sequence[Message]], special_tokens: Mapping[str, Any]) -> list[str]:
    """Each chat as the template writes it, with the prompt for the next answer.

    Args:
        template: jinja source.
        chats: lists of messages with `role` and `content`.
        special_tokens: name -> token, such as `bos_token`, which templates may read.

    Raises:
        TemplateError: the template is wrong, or takes too much time or memory. The message does not quote the
            template.
    """
    order = json.dumps(
        [template, [list(map(dict, chat)) for chat in chats], dict(special_tokens), CPU_S], default=str
    )
    environment = {**os.environ, "PYTHONOPTIMIZE": "", "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-P", __file__],
            input=order.encode(),
            capture_output=True,
            timeout=WALL_S,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TemplateError(f"its chat template ran for more than {WALL_S} s") from error
    if done.returncode < 0:
        raise TemplateError(f"its chat template took more than {CPU_S} s of computing, or too much memory")
    if done.returncode:
        raise TemplateError("its chat template cannot be rendered")
    rendered: list[str] = json.loads(done.stdout)
    return rendered


def _main() -> None:
    """Render the chats from standard input; the limits apply after the imports."""
    from transformers.utils.chat_template_utils import render_jinja_template

    template, chats, special_tokens, cpu_s = json.load(sys.stdin)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(usage.ru_utime + usage.ru_stime) + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    with suppress(OSError), open("/proc/self/statm", encoding="ascii") as pages:  # noqa: PTH123  (on Linux only)
        size = int(pages.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY_BYTES, size + MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    rendered, _ = render_jinja_template(
        conversations=chats, chat_template=template, add_generation_prompt=True, **special_tokens
    )
    written = json.dumps(rendered)
    sys.exit(3) if len(written) > OUTPUT_BYTES else print(written)


if __name__ == "__main__":
    _main()
