"""TODO"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import vl_convert
from markupsafe import Markup

from reports.style import axes

FONT = (
    '"Segoe UI", "Helvetica Neue", Helvetica, Arial, "Liberation Sans", "PingFang TC", "Microsoft JhengHei", '
    '"Noto Sans TC", "Noto Sans CJK TC", sans-serif'
)


def policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """A Content-Security-Policy that allows these inline scripts and styles, byte for byte, and nothing else."""

    def hashes(texts: Sequence[str]) -> str:
        digests = (hashlib.sha256(text.encode()).digest() for text in texts)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; "
        "base-uri 'none'; form-action 'none'"
    )


def inert(value: Any) -> Markup:
    """JSON for a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def asset(path: str) -> str:
    """The text of a file that comes with the reports, such as `style/page.css`."""
    return files("reports").joinpath(path).read_text(encoding="utf-8")


@cache
def library() -> str:
    """Vega, Vega-Lite and vega-embed as one script, of the version that this Altair writes for.

    The one in `reports/assets` where it is of the installed versions, as bundling takes more than a second.
    """
    name = f"vega-lite-{axes.VEGA_LITE}-vl-convert-{version('vl-convert-python')}.js.gz"
    kept = files("reports").joinpath("assets", name)
    return gzip.decompress(kept.read_bytes()).decode() if kept.is_file() else bundle()


def bundle() -> str:
    """The same, made anew."""
    made: str = vl_convert.javascript_bundle(vl_version=axes.VEGA_LITE)  # type: ignore[call-arg]
    return made
