"""How many random cases a property is tried on."""

import os


def tries(usual: int) -> int:
    """The usual number, or that of FUZZ_EXAMPLES in the environment."""
    return int(os.environ.get("FUZZ_EXAMPLES", usual))
