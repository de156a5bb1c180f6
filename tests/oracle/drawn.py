"""DAG files drawn at random: every feature that decides what runs, in combinations that nobody would think of.

A seed makes the same text wherever it is drawn. Tasks are deterministic: what each does is written in the file, so that
what becomes of the run hangs on the rules alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

RULES: Final = (
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_done_setup_success",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_skipped",
    "always",
    "none_failed_min_one_success",
    "all_skipped",
)

DATE: Final = datetime(2026, 1, 5, tzinfo=UTC)
"""The logical date of every run: a Monday."""

HEADER: Final = Path(__file__).with_name("drawn_tasks.txt")
"""What every file begins with: imports, and the functions that its tasks are made of."""

HOWS: Final = (
    *("done",) * 9,
    *("fail", "skip") * 2,
    *("fail_odd", "skip_odd", "skip_even", "fail_for_good", "fail_first", "first", "nothing"),
)
"""What a task does: see `perform`."""

KINDS: Final = (
    *("task",) * 10,
    *("mapped",) * 5,
    *("group", "mapped_group", "setup_and_teardown") * 2,
    *("branch", "short_circuit", "operator", "scope"),
)


OUTSIDE_KINDS: Final = ("mapped", "mapped_group", "branch", "short_circuit", "operator")
"""Not in mapped groups, where Airflow 3.3.2 does not support them, or has operators skip nothing."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something that edges can lead to and come from."""

    expression: str
    """In the file's text."""
    ids: tuple[str, ...]
    """What a branch may choose, to go on with it."""
    gives: str = ""
    """What it returns: `list`, `kwargs`, `words`, `any`; empty = nothing that can be referred to."""


@dataclass(slots=True)
class Block:
    """A part of the file in which tasks are made: the DAG's own, or a group's."""

    indent: str
    prefix: str
    items: list[Item] = field(default_factory=list[Item])
    is_mapped: bool = False


class Drawing:
    """One file in the making."""

    def __init__(self, seed: int) -> None:
        self.dag_id = f"drawn_{seed}"
        self._random = Random(seed)
        self._count = 0
        self._lines: list[str] = []
        self._choices: dict[str, list[str]] = {}
        """Expression of a branch → ids of what follows it."""
        self._is_fail_fast = self._random.randrange(16) == 0
        self._skips_far = self._random.randrange(4) == 0
        """Short circuits skip everything behind them, however far: then nothing is mapped over literals, whose
        instances Airflow does not reach that way."""

    def text(self) -> str:
        """The file."""
        options = ", fail_fast=True" if self._is_fail_fast else ""
        self._say("", f'with DAG("{self.dag_id}", schedule=None{options}) as dag:')
        block = Block("    ", "")
        self._fill(block, self._random.randint(4, 9))
        text = "\n".join(self._lines)
        for branch, ids in self._choices.items():
            text = text.replace(f"CHOICE_OF_{branch}_", self._choice(ids))
        return f"{HEADER.read_text()}\n\n{text}\n"

    def _fill(self, block: Block, count: int) -> None:
        for _ in range(count):
            kind = self._random.choice(KINDS)
            if block.is_mapped and kind in OUTSIDE_KINDS:
                kind = "task"
            if len(block.indent) > 12 and kind.endswith("group"):
                kind = "task"
            self._draw(kind, block)

    def _draw(self, kind: str, block: Block) -> None:
        match kind:
            case "mapped":
                self._draw_mapped(block)
            case "group":
                self._draw_group(block)
            case "mapped_group":
                self._draw_mapped_group(block)
            case "setup_and_teardown":
                self._draw_setup_and_teardown(block)
            case "branch":
                self._draw_branch(block)
            case "short_circuit":
                self._draw_short_circuit(block)
            case "operator":
                self._draw_operator(block)
            case "scope":
                self._draw_scope(block)
            case _:
                self._draw_task(block)

    # --- kinds of items ---

    def _draw_task(self, block: Block, *, rule: str | None = None, how: str | None = None) -> Item:
        name = self._name()
        how = how or self._how()
        options = self._options(block, name, how, rule)
        given = self._references(block)
        function, given = ("measure", given[:1]) if given and not self._random.randrange(4) else ("read", given)
        arguments = ", ".join(given if function == "measure" else [f'"{how}"', *given])
        self._say(block.indent, f"{name} = {function}.override({options})({arguments})")
        gives = "list" if function == "measure" else _gives(how)
        return self._placed(block, Item(name, (block.prefix + name,), gives))

    def _draw_mapped(self, block: Block) -> None:
        name, how = self._name(), self._how()
        options = self._options(block, name, how)
        if self._random.randrange(4) == 0:
            call = f'act.override({options}).partial(how="{how}").expand_kwargs({self._kwargs_source(block)})'
        elif self._random.randrange(4) == 0:
            call = (
                f'act.override({options}).partial(how="{how}").expand(a={self._source(block)}, b={self._source(block)})'
            )
        elif self._random.randrange(6) == 0 and not self._skips_far:
            call = f"go_on.override({options}).expand(answer=[1, 0, 2])"
        else:
            call = f'act.override({options}).partial(how="{how}").expand(a={self._source(block)})'
        self._say(block.indent, f"{name} = {call}")
        self._placed(block, Item(name, (block.prefix + name,), "list"))

    def _draw_group(self, block: Block) -> None:
        name = self._name("g")
        has_prefix = bool(self._random.randrange(4))
        options = "" if has_prefix else ", prefix_group_id=False"
        if not self._random.randrange(4) and not (self._is_fail_fast or block.is_mapped):
            options += f', default_args={{"trigger_rule": "{self._rule(block)}"}}'
        self._say(block.indent, f'with TaskGroup("{name}"{options}) as {name}:')
        inside = Block(
            block.indent + "    ",
            f"{block.prefix}{name}." if has_prefix else block.prefix if block.indent == "    " else "",
            is_mapped=block.is_mapped,
        )
        inside.items.extend(item for item in block.items if item.gives and self._random.randrange(2))
        before = len(inside.items)
        self._fill(inside, self._random.randint(1, 3))
        self._placed(block, Item(name, (block.prefix + name,)))
        block.items.extend(inside.items[before:])

    def _draw_mapped_group(self, block: Block) -> None:
        name = self._name("g")
        has_two = not self._random.randrange(4)
        self._say(block.indent, f'@task_group(group_id="{name}")')
        self._say(block.indent, f"def make_{name}(x{', y' if has_two else ''}):")
        inside = Block(block.indent + "    ", f"{block.prefix}{name}.", is_mapped=True)
        inside.items.extend(Item(one, (), "any") for one in ("x", "y")[: 1 + has_two])
        inside.items.extend(item for item in block.items if item.gives and not self._random.randrange(4))
        self._fill(inside, self._random.randint(1, 4))
        last = next((item for item in reversed(inside.items) if item.gives and item.ids), None)
        returns = last is not None and block.items.count(last) == 0 and bool(self._random.randrange(3))
        self._say(inside.indent, f"return {last.expression}" if returns and last else "return None")
        second = f", y={self._source(block)}" if has_two else ""
        self._say(block.indent, f"{name} = make_{name}.expand(x={self._source(block)}{second})")
        ids = last.ids if returns and last else (block.prefix + name,)
        # Airflow 3.3.2 cannot map over what a mapped group returns.
        self._placed(block, Item(name, ids, "any" if returns else ""))

    def _draw_setup_and_teardown(self, block: Block) -> None:
        begin, end = self._name("s"), self._name("e")
        how = self._random.choice(("done", "done", "done", "fail", "skip"))
        self._say(block.indent, f'{begin} = read.override(task_id="{begin}")("{how}").as_setup()')
        self._placed(block, Item(begin, ()))
        inside = [self._draw_task(block, rule="all_success")]
        inside += [self._draw_task(block) for _ in range(self._random.randint(0, 2))]
        how = self._random.choice(("done", "done", "fail"))
        self._say(block.indent, f'{end} = read.override(task_id="{end}")("{how}")')
        fails = self._random.choice(("", ", on_failure_fail_dagrun=True"))
        self._say(block.indent, f"{begin} >> {inside[0].expression}")
        self._say(block.indent, f"[{', '.join(item.expression for item in inside)}] >> {end}")
        self._say(block.indent, f"{end}.as_teardown(setups={begin}{fails})")
        if self._random.randrange(2):
            block.items.append(Item(end, (block.prefix + end,)))

    def _draw_scope(self, block: Block) -> None:
        begin, end = self._name("s"), self._name("e")
        hows = ("done", "done", "fail", "skip")
        self._say(block.indent, f'{begin} = read.override(task_id="{begin}")("{self._random.choice(hows)}").as_setup()')
        self._placed(block, Item(begin, ()))
        self._say(block.indent, f'{end} = read.override(task_id="{end}")("done").as_teardown(setups={begin})')
        self._say(block.indent, f"with {self._random.choice((begin, end))}:")
        inside = Block(block.indent + "    ", block.prefix, is_mapped=block.is_mapped)
        for _ in range(self._random.randint(1, 3)):
            self._draw_task(inside, rule="all_success")
        block.items.extend(inside.items)

    def _draw_branch(self, block: Block) -> None:
        name = self._name()
        options = self._options(block, name, "done")
        self._choices[name] = []
        self._say(block.indent, f"{name} = pick.override({options})(CHOICE_OF_{name}_)")
        item = self._placed(block, Item(name, (block.prefix + name,)))
        for _ in range(self._random.randint(1, 3)):
            child = self._draw_task(block)
            self._join(block, item, child)

    def _draw_short_circuit(self, block: Block) -> None:
        name = self._name()
        options = self._options(block, name, "done")
        if not self._skips_far:
            options += ", ignore_downstream_trigger_rules=False"
        self._say(block.indent, f"{name} = go_on.override({options})({self._random.choice((0, 0, 1))})")
        item = self._placed(block, Item(name, (block.prefix + name,)))
        self._join(block, item, self._draw_task(block))

    def _draw_operator(self, block: Block) -> None:
        name = self._name()
        options = self._options(block, name, "done")
        kind = self._random.choice(("Empty", "LatestOnly", "BranchDayOfWeek", "BranchDateTime"))
        if kind.startswith("Branch"):
            self._choices[name] = []
            options += (
                f", follow_task_ids_if_true=CHOICE_OF_{name}_, follow_task_ids_if_false=[], use_task_logical_date=True"
            )
            day, year = self._random.choice(("Monday", "Tuesday")), self._random.choice((2025, 2026))
            if kind == "BranchDayOfWeek":
                options += f', week_day="{day}"'
            else:
                options += f", target_lower=datetime({year}, 1, 1, tzinfo=UTC)"
                options += f", target_upper=datetime({year}, 2, 1, tzinfo=UTC)"
        self._say(block.indent, f"{name} = {kind}Operator({options})")
        item = self._placed(block, Item(name, (block.prefix + name,)))
        for _ in range(self._random.randint(1, 2)):
            self._join(block, item, self._draw_task(block))

    # --- parts of items ---

    def _placed(self, block: Block, item: Item) -> Item:
        """Behind some of what is there already."""
        behind = [each for each in block.items if each.ids]
        for above in self._random.sample(behind, min(len(behind), self._random.choice((0, 0, 1, 1, 2)))):
            self._join(block, above, item)
        block.items.append(item)
        return item

    def _join(self, block: Block, above: Item, below: Item) -> None:
        kind = self._random.randrange(8)
        one, other = above.expression, below.expression
        texts = (f"{other} << {one}", f'{one} >> Label("so") >> {other}', f"chain({one}, {other})")
        self._say(block.indent, texts[kind] if kind < len(texts) else f"{one} >> {other}")
        if one in self._choices:
            self._choices[one].extend(below.ids)

    def _choice(self, ids: Sequence[str]) -> str:
        if not ids or self._random.randrange(8) == 0:
            return self._random.choice(("None", "[]"))
        chosen = self._random.sample(list(ids), self._random.randint(1, len(ids)))
        return f'"{chosen[0]}"' if len(chosen) == 1 else f"{chosen}"

    def _options(self, block: Block, name: str, how: str, rule: str | None = None) -> str:
        is_fixed, rule = rule is not None, rule or self._rule(block)
        parts = [f'task_id="{name}"']
        if is_fixed or rule != "all_success":
            parts.append(f'trigger_rule="{rule}"')
        if how == "fail_first":
            parts.append("retries=1, retry_delay=timedelta(0)")
        return ", ".join(parts)

    def _rule(self, block: Block) -> str:
        if self._is_fail_fast or self._random.randrange(5) < 2:
            return "all_success"
        rule = self._random.choice(RULES)
        return "all_done" if block.is_mapped and rule == "always" else rule

    def _how(self) -> str:
        if self._random.randrange(4) == 0:
            kind = self._random.choice(("numbers", "kwargs", "words"))
            return f"{kind}:{self._random.randint(0, 4)}"
        return self._random.choice(HOWS)

    def _references(self, block: Block) -> list[str]:
        given = [item for item in block.items if item.gives]
        chosen = self._random.sample(given, min(len(given), self._random.choice((0, 1, 1, 2))))
        return [item.expression for item in chosen]

    def _source(self, block: Block) -> str:
        """What can be mapped over."""
        given = [item.expression for item in block.items if item.gives in ("list", "kwargs", "words")]
        if not given or self._random.randrange(4) == 0:
            if self._skips_far:
                self._say(block.indent, f'{(name := self._name())} = read.override(task_id="{name}")("numbers:3")')
                return name
            literals = ("[1, 2, 3]", '{"p": 1, "q": 2}', '["one"]', "[]", '[[1], "two", None]')
            return self._random.choice(literals)
        one = self._random.choice(given)
        lists = [item.expression for item in block.items if item.gives == "list"]
        if one not in lists or self._random.randrange(2):
            return one
        other = self._random.choice(lists)
        return self._random.choice(
            (
                f"{one}.map(twice)",
                f"{one}.map(number_of)",
                f"{one}.zip({other})",
                f'{one}.zip({other}, fillvalue="none")',
                f"{one}.concat({other})",
                f"{one}.map(twice).concat({other})",
            )
        )

    def _kwargs_source(self, block: Block) -> str:
        given = [item.expression for item in block.items if item.gives == "kwargs"]
        if given and self._random.randrange(4):
            return self._random.choice(given)
        lists = [item.expression for item in block.items if item.gives == "list"]
        if lists and self._random.randrange(2):
            return f'{self._random.choice(lists)}.map(lambda each: {{"a": each}})'
        if self._skips_far:
            return f'{self._source(block)}.map(lambda each: {{"a": each}})'
        return self._random.choice(('[{"a": 1}, {"a": 2, "b": 3}]', "[]"))

    def _name(self, letter: str = "t") -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _say(self, indent: str, line: str) -> None:
        self._lines.append(indent + line)


def _gives(how: str) -> str:
    what = how.partition(":")[0]
    return {"numbers": "list", "kwargs": "kwargs", "words": "words", "first": "any", "nothing": "any"}.get(what, "list")
