"""Pictures in notebooks and files, with and without Graphviz's dot."""

from __future__ import annotations

import base64
import os
import re
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import graphviz
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, draw_dot, nn, ops
from tinygrad_lite.errors import MissingProgramError
from tinygrad_lite.viz import graph
from tinygrad_lite.viz.layout import dot_program

needs_dot = pytest.mark.skipif(not dot_program.installed(), reason="needs Graphviz's dot")
PNG = b"\x89PNG\r\n\x1a\n"


def expression() -> Value:
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    root = (a * b + a).tanh()
    root.backward()
    return root


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def fake_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A program named dot, to be written by the test; it counts its runs in a file beside it."""
    if os.name == "nt":
        pytest.skip("a shell script stands in for dot")
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "dot"
    program.touch()
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return program


def write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\necho run >> {program.parent}/runs\n{script}\n")


def runs(program: Path) -> int:
    counter = program.parent / "runs"
    return len(counter.read_text().split()) if counter.exists() else 0


def test_repr_is_short() -> None:
    assert repr(expression().graph()) == "<Picture of 5 nodes, 5 edges>"
    assert repr(Value(1.0).graph()) == "<Picture of 1 node, 0 edges>"
    assert repr(ops.sum([Value(1.0) for _ in range(999)]).graph()) == "<Picture of 1,000 nodes, collapsed to 2>"


@pytest.mark.parametrize("thing", [2.0, [Value(1.0)], None, "x"])
def test_only_a_value_has_a_graph(thing: object) -> None:
    with pytest.raises(TypeError, match="pass the Value itself"):
        graph(thing)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="pass the Value itself"):
        draw_dot(thing)


@pytest.mark.parametrize("rankdir", ["XX", "lr", "", 1])
def test_directions(rankdir: str) -> None:
    with pytest.raises(ValueError, match=r'"LR".*"TB".*got'):
        Value(1.0).graph(rankdir=rankdir)
    with pytest.raises(ValueError, match=r'"LR".*"TB".*got'):
        draw_dot(Value(1.0), rankdir=rankdir)


@pytest.mark.parametrize("limit", [0, -1])
def test_no_boxes_is_no_picture(limit: int) -> None:
    with pytest.raises(ValueError, match="1 or larger, got"):
        Value(1.0).graph(max_nodes=limit)


@pytest.mark.parametrize("limit", [2.5, "10", True])
def test_max_nodes_is_a_whole_number(limit: object) -> None:
    with pytest.raises(TypeError, match="whole number"):
        Value(1.0).graph(max_nodes=limit)


def test_layouts_have_names() -> None:
    with pytest.raises(ValueError, match="'auto', 'dot' or 'own', got 'neato'"):
        Value(1.0).graph().svg("neato")


def test_direction_turns_the_picture() -> None:
    x = Value(1.0)
    for _ in range(8):
        x = x.tanh()
    sizes = []
    for rankdir in ("LR", "TB"):
        svg = ET.fromstring(x.graph(rankdir=rankdir, max_nodes=10).svg("own"))
        sizes.append((float(svg.get("width", "0")), float(svg.get("height", "0"))))
    assert sizes[0][0] > 3 * sizes[0][1]
    assert sizes[1][1] > 2 * sizes[1][0]


def test_jupyter_gets_html_svg_and_text() -> None:
    picture = expression().graph()
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    assert bundle["image/svg+xml"] == picture.svg()
    assert bundle["text/plain"] == repr(picture)
    found = re.fullmatch(
        r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]+)" class="[\w-]+" style="([^"]+)"/>'
        r"<style>[^<]+</style>",
        bundle["text/html"],
    )
    assert found
    assert base64.b64decode(found[1]).decode() == picture.svg()
    assert "5 nodes" in found[2]
    assert "max-width:100%" in found[3]


@pytest.mark.usefixtures("no_dot")
def test_without_dot_everything_but_png_works(tmp_path: Path) -> None:
    picture = expression().graph()
    assert picture.svg() == picture.svg("own")
    picture.save(tmp_path / "a.svg")
    picture.save(str(tmp_path / "a.dot"))
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == picture.svg()
    assert (tmp_path / "a.dot").read_text(encoding="utf-8") == picture.dot()
    with pytest.raises(MissingProgramError, match=r"install graphviz .*\.svg"):
        picture.save(tmp_path / "a.png")
    with pytest.raises(MissingProgramError, match="install graphviz"):
        picture.svg("dot")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.dot", "a.svg"]


@pytest.mark.usefixtures("no_dot")
def test_draw_dot_works_without_dot_and_fails_only_when_rendered() -> None:
    drawing = draw_dot(expression())
    assert isinstance(drawing, graphviz.Digraph)
    assert drawing.format == "svg"
    assert "tanh" in drawing.source
    assert drawing.source.count(" -> ") == 5
    with pytest.raises(graphviz.ExecutableNotFound):
        drawing.pipe()


def test_draw_dot_takes_micrograds_arguments() -> None:
    drawing = draw_dot(expression(), "png", "TB")
    assert drawing.format == "png"
    assert "rankdir=TB" in drawing.source
    with pytest.raises(ValueError, match="format"):
        draw_dot(expression(), format="nonsense")


def test_draw_dot_is_the_pictures_dot() -> None:
    root = expression()
    statements = [line.strip() for line in root.graph().dot().splitlines()[1:-1]]
    assert [line.strip() for line in draw_dot(root).source.splitlines()[1:-1]] == statements


@needs_dot
@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_dot_renders_what_draw_dot_gives(rankdir: str) -> None:
    net = nn.MLP(2, [2, 1])
    drawing = draw_dot(net([Value(1.0), Value(2.0)]), rankdir=rankdir)
    assert len(ET.fromstring(drawing.pipe()).findall(".//{*}g[@class='node']")) == 16
    assert len(ET.fromstring(drawing.pipe()).findall(".//{*}g[@class='cluster']")) == 4


@needs_dot
@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_dots_layout_shows_the_same_texts(rankdir: str) -> None:
    net = nn.MLP(2, [2, 1])
    root = net([Value(1.0), Value(2.0)])
    for value in (root, expression()):
        own, dot = (ET.fromstring(value.graph(rankdir=rankdir).svg(layout)) for layout in ("own", "dot"))
        assert sorted(own.itertext()) == sorted(dot.itertext())
        assert len(own.findall(".//{*}rect")) == len(dot.findall(".//{*}rect"))


@needs_dot
def test_dots_layout_keeps_boxes_apart_and_edges_both() -> None:
    x = Value(2.0, "x")
    svg = (x * x).graph().svg("dot")
    corners = [
        (float(r.get("x", "")), float(r.get("width", ""))) for r in ET.fromstring(svg).findall(".//{*}g/{*}g/{*}rect")
    ]
    (left, wide), (right, _) = corners[0], corners[-1]
    assert left + wide < right
    assert svg.count("marker-end") >= 2


@needs_dot
def test_auto_takes_dot_for_small_graphs_and_the_own_layout_for_frames_and_many_edges() -> None:
    small = expression().graph()
    assert small.svg() == small.svg("dot") != small.svg("own")
    framed = nn.MLP(1, [2, 1])([Value(1.0)]).graph()
    assert framed.svg() == framed.svg("own")
    xs = [Value(1.0) for _ in range(dot_program.MOST_EDGES + 1)]
    many = ops.sum(xs).graph()
    assert many.svg() == many.svg("own")


@pytest.mark.parametrize("script", ["exit 3", "echo nonsense", 'echo \'{"bb": "0,0,1,1"}\'', "exit 0"])
def test_a_dot_that_fails_is_done_without(fake_dot: Path, script: str) -> None:
    write(fake_dot, script)
    picture = expression().graph()
    assert picture.svg() == picture.svg("own")
    assert runs(fake_dot) == 1
    with pytest.raises(dot_program.DotError, match="dot"):
        picture.svg("dot")


def test_a_dot_that_takes_too_long_is_done_without(fake_dot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(fake_dot, "exec sleep 30")
    monkeypatch.setattr(dot_program, "TIMEOUT", 0.2)
    picture = expression().graph()
    assert picture.svg() == picture.svg("own")
    assert runs(fake_dot) == 1


@needs_dot
def test_png(tmp_path: Path) -> None:
    expression().graph().save(tmp_path / "a.png")
    nn.MLP(2, [2, 1])([Value(1.0), Value(2.0)]).graph().save(tmp_path / "B.PNG")
    for name in ("a.png", "B.PNG"):
        content = (tmp_path / name).read_bytes()
        assert content.startswith(PNG)
        assert int.from_bytes(content[16:20], "big") > 600, "the picture is narrower than its boxes"


def test_other_endings_are_refused(tmp_path: Path) -> None:
    for name in ("a.jpg", "a", "svg", ".svg"):
        with pytest.raises(ValueError, match=r"\.svg, \.png and \.dot files, got"):
            expression().graph().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.svg", "a.dot"])
def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    target = tmp_path / name
    target.write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        expression().graph().save(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_saving_replaces_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.svg"
    target.write_text("old")
    expression().graph().save(target)
    assert target.read_text(encoding="utf-8").startswith("<svg ")
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        expression().graph().save(tmp_path / "nowhere" / "a.svg")


def test_drawing_twice_gives_the_same() -> None:
    root = expression()
    assert root.graph().svg("own") == root.graph().svg("own")


def test_a_picture_of_a_detached_root() -> None:
    with tl.no_grad():
        root = Value(1.0) * 2.0
    assert "blocked" in root.graph().svg("own")
