"""The house's rules, read from its syntax trees: who may import whom, and how long things may grow."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = (  # a module imports only from floors below its own
    {"errors", "gate", "torn", "lines", "times", "nf4_rounding", "four_bit"},
    {"remedies", "readers"},
    {"labels", "alert_rules", "cron", "privacy", "parquet", "database", "model_files", "special_tokens"},
    {"settings", "documents", "forecast", "store", "windows", "bootstrap", "questions"},
    {
        "prompts",
        "batching",
        "label_tree",
        "metrics",
        "corpus",
        "demo_grammar",
        "quality",
        "retention",
    },
    {
        "baselines",
        "calibration",
        "comparison",
        "curves",
        "segments",
        "shots",
        "overlap",
        "shared_words",
        "demo_feed",
        "snapshot",
    }
    | {"likelihood", "attention", "kernels", "model_folder"},
    {"mixture", "packed_attention", "matrices"},
    {"network", "packed_training"},
    {"materialise"},
    {"models"},
    {"scoring", "training", "trainable", "pretraining", "alerts", "early_detection"},
    {"speed", "speed_baselines", "generation"},
    {"speed_training"},
    {"speed_table"},
)
LAYERS = {f"monitor.{name}": number for number, names in enumerate(FLOORS) for name in names}
LAYERS |= {"monitor": 0, "reports": len(FLOORS), "jobs": len(FLOORS) + 1}
HEAVY = {"torch", "transformers", "peft", "bitsandbytes"}
TABLES = {"duckdb", "polars"}
RENAMED = {"sklearn": "scikit_learn", "vl_convert": "vl_convert_python"}  # modules unlike their packages
MODEL_CODE = {
    f"monitor.{name}"
    for name in (
        *("attention", "kernels", "likelihood", "matrices", "nf4_rounding", "network", "packed_attention"),
        *("packed_training", "four_bit"),
        *("materialise", "model_files", "model_folder", "models", "pretraining", "scoring", "trainable"),
        "training",
        *("generation", "speed", "speed_baselines", "speed_table", "speed_training"),
    )
}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {
    module_of(path): path
    for package in ("monitor", "jobs", "reports")
    for path in sorted((ROOT / package).rglob("*.py"))
}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in SOURCES.items()}


def imports(module: str) -> Iterator[str]:
    """Every module named in an import, those inside functions included."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute, or the layers cannot be read"
            name = node.module or ""
            yield from (
                f"{name}.{alias.name}" if f"{name}.{alias.name}" in SOURCES else name for alias in node.names
            )


def layer(module: str) -> float:
    package = module.split(".")[0]
    key = module if package == "monitor" else package
    assert key in LAYERS, f"{module} has no layer; give it one in {Path(__file__).name}"
    return LAYERS[key]


@pytest.mark.parametrize("module", SOURCES)
def test_each_module_imports_only_from_lower_layers(module: str) -> None:
    own_package = module.split(".")[0] in ("jobs", "reports") and module.split(".")[0]
    upward = [
        name
        for name in imports(module)
        if name.split(".")[0] in ("monitor", "jobs", "reports")
        and name.split(".")[0] != own_package
        and name != "monitor"
        and layer(name) >= layer(module)
    ]
    assert not upward


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


@pytest.mark.parametrize("module", SOURCES)
def test_only_model_code_imports_torch(module: str) -> None:
    assert module in MODEL_CODE or not {name.split(".")[0] for name in imports(module)} & HEAVY


@pytest.mark.parametrize("module", sorted(MODEL_CODE & set(SOURCES)))
def test_model_code_needs_no_tables_so_that_it_runs_on_a_bare_gpu_machine(module: str) -> None:
    assert not reached(module) & TABLES


def test_reports_know_no_model_code() -> None:
    names = set().union(*(reached(module) for module in SOURCES if module.startswith("reports")))
    assert not names & (MODEL_CODE | HEAVY | {"duckdb"})


def body_lines(node: ast.FunctionDef) -> int:
    """Lines of the body; the signature and the docstring are its interface and may be as long as they must."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("module", SOURCES)
def test_files_and_functions_stay_short(module: str) -> None:
    assert len(SOURCES[module].read_text(encoding="utf-8").splitlines()) < 300
    functions = [node for node in ast.walk(TREES[module]) if isinstance(node, ast.FunctionDef)]
    assert not {node.name: length for node in functions if (length := body_lines(node)) >= 40}


def test_every_package_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    declared = {re.split(r"[<>=]", line)[0].replace("-", "_").lower() for line in wanted}
    tests = {path.stem: path for path in (ROOT / "tests").rglob("*.py")}
    trees = [*TREES.values(), *(ast.parse(path.read_text(encoding="utf-8")) for path in tests.values())]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    ours = {"monitor", "jobs", "reports", "tests", *tests, *sys.stdlib_module_names}
    with_torch = {"triton"}  # comes with builds of torch for CUDA
    missing = {RENAMED.get(name.split(".")[0], name.split(".")[0]) for name in names} - ours - with_torch
    assert not missing - declared


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
