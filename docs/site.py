"""Put together what the documentation site is built from: the pages, and a reference made from schema, rules and code.

``python docs/site.py FOLDER`` fills the folder; ``make docs`` builds the site from it. Nothing is fetched.
"""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import networkx
import yaml
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
_RULE = re.compile(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", re.M | re.S)
_PATH = re.compile(r'f?"([^"\n]*/[^"\n]*)"')


def main(folder: Path) -> None:
    """Copy the pages and write the reference."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "reference").mkdir(parents=True)
    for path in sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("docs/*.png")]):
        shutil.copy(path, folder)
    for path in folder.glob("*.md"):
        path.write_text(_relinked(path.read_text(encoding="utf-8")), encoding="utf-8")
    guide = _relinked((ROOT / "config/README.md").read_text(encoding="utf-8"), "../")
    (folder / "reference/guide.md").write_text(guide, encoding="utf-8")
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    (folder / "reference/configuration.md").write_text(configuration_page(schema), encoding="utf-8")
    rules = dict(read_rules())
    (folder / "reference/rules.md").write_text(rules_page(rules), encoding="utf-8")
    draw_rules(folder / "reference/rules.png")
    (folder / "reference/library.md").write_text(library_page(), encoding="utf-8")


def _relinked(text: str, up: str = "") -> str:
    """Let links to pages outside docs lead to the page of the site; names of source files stay as text."""
    text = re.sub(r"\]\((?:\.\./)?docs/([\w]+\.(?:md|png))", rf"]({up}\1", text)
    text = re.sub(r"\]\((?:\.\./)?config/README\.md", "](reference/guide.md", text)
    return re.sub(
        r"\[([^\]]*)\]\(\.{1,2}/(?:workflow|config|resources|envs|profiles|benchmarks|examples)[^)]*\)", r"\1", text
    )


def configuration_page(schema: Mapping[str, Any]) -> str:
    """List every key of the configuration with type, default and meaning."""
    lines = [
        "# Configuration keys",
        "",
        "Made from `workflow/schemas/config.schema.yaml`. How to use them: [Guide](guide.md).",
        "",
    ]
    for name, section in schema["properties"].items():
        lines += [f"## {name}", "", str(section.get("description", "")), ""]
        rows = list(_keys(section, schema.get("$defs", {}), ""))
        if rows:
            lines += ["| key | type | default | meaning |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _keys(section: Mapping[str, Any], definitions: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """One table row per key, nested keys joined by points."""
    section = _resolved(section, definitions)
    nested = section.get("additionalProperties") or section.get("items")
    if isinstance(nested, Mapping) and _resolved(nested, definitions).get("properties"):
        yield from _keys(nested, definitions, f"{prefix}NAME." if "additionalProperties" in section else prefix)
    for name, entry in section.get("properties", {}).items():
        known = _resolved(entry, definitions)
        kind = known.get("type", "one of " + ", ".join(map(str, known["enum"])) if "enum" in known else "")
        kinds = ", ".join(kind) if isinstance(kind, list) else str(kind)
        default = "" if "default" not in known else f"`{known['default']!r}`".replace("None", "null")
        cells = (f"`{prefix}{name}`", kinds, default, str(known.get("description", "")))
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
        yield from _keys(known, definitions, f"{prefix}{name}.")


def _resolved(entry: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference to a definition; what stands beside it counts too."""
    name = entry.get("$ref")
    return (
        entry
        if name is None
        else {**definitions[name.rsplit("/", 1)[1]], **{k: v for k, v in entry.items() if k != "$ref"}}
    )


def read_rules() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every rule with a script: its file, what its script says of itself, and what it writes."""
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for name, body in _RULE.findall(path.read_text(encoding="utf-8")):
            script = ROOT / "workflow/scripts" / f"{name}.py"
            if script.is_file():
                yield (
                    name,
                    {
                        "file": path.name,
                        "about": ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "",
                        "message": _first(r'message:\s*\n\s*"([^"]*)"', body),
                        "input": _PATH.findall(_first(r"input:\n(.*?)\n    output:", body)),
                        "output": _PATH.findall(_first(r"output:\n(.*?)\n    log:", body)),
                    },
                )


def _first(pattern: str, text: str) -> str:
    """First group of a match, else nothing."""
    found = re.search(pattern, text, re.S)
    return found[1] if found else ""


def rules_page(rules: Mapping[str, Mapping[str, Any]]) -> str:
    """Describe all rules by file."""
    lines = ["# Rules", "", "![Which rule feeds which](rules.png)", ""]
    for name, rule in rules.items():
        heading = f"## {rule['file'].removesuffix('.smk').replace('_', ' ')}"
        lines += [heading, ""] if heading not in lines else []
        lines += [f"### {name}", "", rule["about"], ""]
        lines += [f"- writes `{path}`" for path in rule["output"]] + [""]
    return "\n".join(lines)


def draw_rules(picture: Path) -> None:
    """Draw which rule feeds which in the built-in example, as Snakemake plans it, from left to right."""
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "dot", "--forceall", "--quiet", "all"]
    plan = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603
    names = dict(re.findall(r'(\d+)\[label ?= ?"(\w+)', plan))
    edges = [(names[start], names[end]) for start, end in re.findall(r"(\d+) -> (\d+)", plan)]
    graph = networkx.transitive_reduction(networkx.DiGraph(edges))
    graph.remove_nodes_from(["all"])
    layers = list(networkx.topological_generations(graph))
    places = {
        name: (column, -(row + 0.5 + 0.2 * (column % 2)) * 10 / len(layer))
        for column, layer in enumerate(layers)
        for row, name in enumerate(sorted(layer))
    }
    figure = Figure(figsize=(1.7 * len(layers), 5.5), dpi=90, layout="constrained")
    axes = figure.add_subplot()
    box = {"facecolor": "#eef3f7", "edgecolor": "#8893a0", "boxstyle": "round,pad=0.3"}
    networkx.draw_networkx(graph, places, ax=axes, node_size=900, node_color="none", font_size=8, bbox=box,
                           edge_color="#5f6f7d", width=0.9)  # fmt: skip
    axes.margins(0.08)
    axes.set_axis_off()
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})


def library_page() -> str:
    """List the modules of the library with their public functions and classes, from the docstrings."""
    lines = [
        "# Library",
        "",
        "`workflow/scripts/basinwatch` knows nothing of Snakemake; the scripts of the rules call it.",
        "",
    ]
    root = ROOT / "workflow/scripts/basinwatch"
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        public = [
            node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_"
        ]
        if public:
            module = ".".join(path.relative_to(root).with_suffix("").parts)
            lines += [f"## {module}", "", ast.get_docstring(tree) or "", ""]
            lines += [part for node in public for part in _documented(node)]
    return "\n".join(lines)


def _documented(node: ast.FunctionDef | ast.ClassDef) -> list[str]:
    """Heading, signature and docstring of one object."""
    kind = "class" if isinstance(node, ast.ClassDef) else "def"
    signature = f"{kind} {node.name}"
    if isinstance(node, ast.FunctionDef):
        returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        signature += f"({ast.unparse(node.args)}){returned}"
    return [
        f"### {node.name}",
        "",
        "```python",
        signature,
        "```",
        "",
        "```text",
        ast.get_docstring(node) or "",
        "```",
        "",
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
