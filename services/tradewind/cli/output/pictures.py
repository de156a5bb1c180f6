"""Graphs in graphviz's language, as text, as a file, or drawn in the terminal."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

Save = Annotated[
    str | None,
    typer.Option(
        "--save", "-s", help="Write it to this file, in the format of its ending: .dot, or what graphviz makes of it."
    ),
]
Imgcat = Annotated[bool, typer.Option("--imgcat", help="Draw it in the terminal, by the program `imgcat`.")]

DRAW_SECONDS: Final = 120
TEXTS: Final = (".dot", ".gv")


@dataclass(frozen=True, slots=True)
class Node:
    """One thing of a graph: `colour` is its fill."""

    id: str
    label: str
    shape: str = "box"
    colour: str = "white"


def dot(name: str, nodes: Iterable[Node], edges: Iterable[tuple[str, str]]) -> str:
    """A directed graph from left to right."""
    lines = [f"digraph {_quoted(name)} {{", f"\tgraph [label={_quoted(name)} labelloc=t rankdir=LR]"]
    lines += [
        f"\t{_quoted(node.id)} [label={_quoted(node.label)} shape={node.shape} "
        f'fillcolor={_quoted(node.colour)} style="filled,rounded"]'
        for node in nodes
    ]
    lines += [f"\t{_quoted(first)} -> {_quoted(then)}" for first, then in edges]
    return "\n".join([*lines, "}"])


def show_graph(text: str, save: str | None, *, imgcat: bool) -> None:
    """Print it, save it or draw it. What graphviz would have to do and cannot ends the command."""
    if save and imgcat:
        raise typer.BadParameter("--save and --imgcat exclude each other", param_hint="--save")
    if imgcat:
        typer.echo(_run(["imgcat"], _drawn(text, "png")))
    elif save:
        path = Path(save)
        path.write_bytes(text.encode() if path.suffix in TEXTS else _drawn(text, path.suffix.removeprefix(".")))
        typer.echo(f"File {path} saved")
    else:
        typer.echo(text)


def _drawn(text: str, kind: str) -> bytes:
    return _run(["dot", f"-T{kind or 'png'}"], text.encode())


def _run(command: Sequence[str], given: bytes) -> bytes:
    if shutil.which(command[0]) is None:
        way_out = "install graphviz, or save to a .dot file" if command[0] == "dot" else "install it"
        typer.echo(f"The program {command[0]!r} is not on the PATH: {way_out}", err=True)
        raise typer.Exit(1)
    done = subprocess.run(  # noqa: S603 - one of two programs, never through a shell
        command, input=given, capture_output=True, timeout=DRAW_SECONDS, check=False
    )
    if done.returncode:
        typer.echo(f"{command[0]}: {done.stderr.decode(errors='replace').strip()}", err=True)
        raise typer.Exit(1)
    return done.stdout


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
