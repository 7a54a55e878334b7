"""The small changes: what a slip of the pen would make of a rule."""

import ast
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final, TypeVar

COMPARED: Final[Mapping[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
CALCULATED: Final[Mapping[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
RENAMED: Final = {"any": "all", "all": "any", "min": "max", "max": "min"}
N = TypeVar("N", bound=ast.AST)


@dataclass(frozen=True)
class Mutant:
    """`number` is its place among those of its file."""

    number: int
    line: int
    what: str


@dataclass
class Mutation(ast.NodeTransformer):
    """Offers every change; makes the one with the number `wanted`."""

    wanted: int | None = None
    offered: list[Mutant] = field(default_factory=list[Mutant])

    def offer(self, node: ast.AST, changed: ast.AST) -> ast.AST:
        """`changed` where it is the wanted one, else `node`; children of a change are left as they are."""
        number = len(self.offered)
        placed = node.pattern if isinstance(node, ast.match_case) else node
        self.offered.append(Mutant(number, getattr(placed, "lineno", 0), f"{_text(node)} → {_text(changed)}"))
        return ast.copy_location(changed, node) if number == self.wanted else node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        op = COMPARED.get(type(node.ops[0]))
        return node if op is None else self.offer(node, _with(node, ops=[op(), *node.ops[1:]]))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        return self.offer(node, _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And()))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        op = CALCULATED.get(type(node.op))
        return node if op is None else self.offer(node, _with(node, op=op()))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return self.offer(node, node.operand) if isinstance(node.op, ast.Not) else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool):
            return self.offer(node, ast.Constant(not node.value))
        return self.offer(node, ast.Constant(node.value + 1)) if isinstance(node.value, int) else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        return (
            self.offer(node, _with(node, func=ast.Name(RENAMED[name], ast.Load())))
            if name in RENAMED
            else node
        )

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        return self.offer(node, _with(node, ifs=[])) if node.ifs else node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        return self.offer(node, _with(node, body=node.orelse, orelse=node.body))

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        changed = self.offer(node, _with(node, test=ast.UnaryOp(ast.Not(), node.test)))
        return changed if changed is not node else self.offer(node, _with(node, body=[ast.Pass()]))

    def visit_Match(self, node: ast.Match) -> ast.AST:
        """Each case in turn is not there."""
        self.generic_visit(node)
        for index, case in enumerate(node.cases):
            changed = self.offer(case, _with(case, guard=ast.Constant(value=False)))
            if changed is not case:
                return _with(node, cases=[*node.cases[:index], changed, *node.cases[index + 1 :]])
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        self.generic_visit(node)
        nothing = node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
        return node if nothing else self.offer(node, ast.Return(ast.Constant(None)))

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return self.offer(node, ast.Pass())

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """A call for its effect; a docstring is none."""
        if isinstance(node.value, ast.Constant):
            return node
        self.generic_visit(node)
        return self.offer(node, ast.Pass())

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """Says what is known; a rule does not hang on it."""
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Only the value: what stands in an annotation is not run."""
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        node.defaults = [self.visit(default) for default in node.defaults]
        node.kw_defaults = [default and self.visit(default) for default in node.kw_defaults]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.args = self.visit(node.args)
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        """A member of a table is missing."""
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load) and len(node.elts) > 1:
            for index in range(len(node.elts)):
                changed = self.offer(node, _with(node, elts=[*node.elts[:index], *node.elts[index + 1 :]]))
                if changed is not node:
                    return changed
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Not what stands in brackets after a type: `Final[tuple[int, ...]]`."""
        if isinstance(node.value, ast.Name) and (
            node.value.id[0].isupper() or node.value.id in {"dict", "list", "tuple", "set", "frozenset"}
        ):
            return node
        return self.generic_visit(node)


def mutants(source: str) -> list[Mutant]:
    mutation = Mutation()
    mutation.visit(ast.parse(source))
    return mutation.offered


def mutated(source: str, number: int) -> ast.Module:
    tree = ast.parse(source)
    Mutation(number).visit(tree)
    return ast.fix_missing_locations(tree)


def _with(node: N, **members: object) -> N:
    """The node with other members; shallow: a tree is changed once and thrown away."""
    changed = type(node)(**{name: getattr(node, name) for name in node._fields} | members)
    return ast.copy_location(changed, node)


def _text(node: ast.AST) -> str:
    """One line of it, as Python would write it."""
    try:
        text = ast.unparse(ast.fix_missing_locations(deepcopy(node)))
    except (AttributeError, ValueError):
        text = type(node).__name__
    first, *rest = text.strip().splitlines()
    return first[:100] + (" …" if rest or len(first) > 100 else "")
