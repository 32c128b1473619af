"""Rules of the layout, checked on the syntax trees: which folder imports which, what imports torch, and sizes."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from monitor import ROOT

# Each folder or module imports only from those in rows above its own, and from itself.
LAYERS = (
    ("monitor.errors",),
    ("monitor.json_keys", "monitor.output_files", "monitor.regular_files", "monitor.scratch_folder"),
    ("monitor.small_tables",),
    ("monitor.labels", "monitor.cron", "monitor.database"),
    ("monitor.windows",),
    ("monitor.privacy",),
    ("monitor.alerts", "monitor.crisis", "monitor.model", "monitor.corpora", "monitor.demo"),
    ("monitor.intake", "monitor.scoring", "monitor.evaluation", "monitor.lake"),
    ("monitor.explanation",),
    ("monitor.settings_tables",),
    ("monitor.settings",),
    ("monitor.training",),
    ("monitor.benchmark",),
    ("reports.style",),
    ("reports.risk", "reports.evaluation"),
    ("jobs.console",),
    ("jobs.pipeline",),
    ("jobs.evaluation",),
    ("jobs",),  # the commands
)
HEAVY = {"torch", "transformers", "peft", "bitsandbytes"}
TABLES = {"duckdb", "polars"}
RENAMED = {
    "vaderSentiment": "vadersentiment",
    "sklearn": "scikit_learn",
    "yaml": "pyyaml",
    "vl_convert": "vl_convert_python",
}  # modules
MODEL_CODE = ("monitor.model", "monitor.scoring", "monitor.training", "monitor.benchmark")


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {
    module_of(path): path
    for package in ("monitor", "jobs", "reports")
    for path in sorted((ROOT / package).rglob("*.py"))
}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(SOURCES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str, *, types: bool = True) -> tuple[str, ...]:
    return tuple(read_imports(module, types))


def read_imports(module: str, types: bool) -> Iterator[str]:
    """Every module named in an import, those inside functions included; `types`: also those for annotations alone."""
    skipped: set[ast.AST] = set()
    if not types:
        blocks = [node for node in ast.walk(tree(module)) if isinstance(node, ast.If)]
        typing = [node for node in blocks if ast.unparse(node.test) == "TYPE_CHECKING"]
        skipped = {inner for block in typing for inner in ast.walk(block)}
    for node in ast.walk(tree(module)):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute, or the layers cannot be read"
            name = node.module or ""
            yield from (f"{name}.{alias.name}" if f"{name}.{alias.name}" in SOURCES else name for alias in node.names)


def folder(module: str) -> str:
    """The entry of LAYERS that a module belongs to."""
    names = [name for row in LAYERS for name in row if module == name or module.startswith(f"{name}.")]
    assert names, f"{module} has no layer; give its folder one in LAYERS"
    return max(names, key=len)


def layer(module: str) -> int:
    return next(number for number, row in enumerate(LAYERS) if folder(module) in row)


def test_each_folder_imports_only_from_lower_layers() -> None:
    ours = [
        (module, name)
        for module in SOURCES
        for name in imports(module)
        if name.split(".")[0] in ("monitor", "jobs", "reports") and name != "monitor"
    ]
    assert len(ours) > len(SOURCES)
    assert not [
        f"{module} imports {name}"
        for module, name in ours
        if folder(name) != folder(module) and layer(name) >= layer(module)
    ]


def test_each_module_has_a_layer() -> None:
    assert all(folder(module) for module in SOURCES if module not in ("monitor", "reports"))


COMMANDS = {name for name in SOURCES if name.count(".") == 1 and name.startswith("jobs.")} - {
    "jobs.console",
    "jobs.pipeline",
    "jobs.evaluation",
}


def test_no_command_imports_a_command() -> None:
    own_parts = {"jobs.benchmark": {"jobs.benchmark_night"}}
    imported = {module: set(imports(module)) & COMMANDS - own_parts.get(module, set()) for module in COMMANDS}
    assert not {module: names for module, names in imported.items() if names}


def reached(module: str) -> set[str]:
    """The module and all that it imports, directly or not: ours by name, others by package."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name if name in SOURCES else name.split(".")[0])
            waiting += imports(name) if name in SOURCES else []
    return found


def is_model_code(module: str) -> bool:
    return module.startswith(MODEL_CODE)


def test_only_model_code_imports_torch() -> None:
    users = {module for module in SOURCES if {name.split(".")[0] for name in imports(module)} & HEAVY}
    assert users
    assert not {module for module in users if not is_model_code(module)}


def test_model_code_needs_no_tables_so_that_it_runs_on_a_bare_gpu_machine() -> None:
    assert not {module: names for module in filter(is_model_code, SOURCES) if (names := reached(module) & TABLES)}


def test_the_pipeline_reaches_model_code_through_open_scorer_alone() -> None:
    pipeline = [name for name in SOURCES if name.startswith("jobs.pipeline")]
    users = {name for name in pipeline if any(map(is_model_code, imports(name, types=False)))}
    assert users == {"jobs.pipeline.run"}


def test_reports_know_no_model_code() -> None:
    names = set().union(*(reached(module) for module in SOURCES if module.startswith("reports")))
    assert not names & (HEAVY | {"duckdb"})
    assert not any(map(is_model_code, names))


def body_lines(node: ast.FunctionDef) -> int:
    """Lines of the body; the signature and the docstring are its interface and may be as long as they must."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_files_and_functions_stay_short() -> None:
    files = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in SOURCES.items()}
    assert not {module: length for module, length in files.items() if length >= 400}  # 300 is a smell, not a law
    functions = [
        (f"{module}.{node.name}", body_lines(node))
        for module in SOURCES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef)
    ]
    assert not [(name, length) for name, length in functions if length >= 40]


@pytest.mark.slow
def test_every_package_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    declared = {re.split(r"[<>=]", line)[0].replace("-", "_").lower() for line in wanted}
    tests = {path.stem: path for path in (ROOT / "tests").rglob("*.py")}
    trees = [*map(tree, SOURCES), *(ast.parse(path.read_text(encoding="utf-8")) for path in tests.values())]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    ours = {"monitor", "jobs", "reports", "tests", *sys.stdlib_module_names}
    with_torch = {"triton"}  # comes with builds of torch for CUDA
    missing = {RENAMED.get(name.split(".")[0], name.split(".")[0]) for name in names} - ours - with_torch
    assert not missing - declared


@pytest.mark.slow
@pytest.mark.parametrize("command", [["--help"], ["report", "--help"], ["query", "--help"]])
def test_help_report_and_query_start_without_torch(command: list[str]) -> None:
    code = (
        "import sys\n"
        "from jobs.cli import main\n"
        f"sys.argv = ['risk-monitor', *{command!r}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
