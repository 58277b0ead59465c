"""The run time in LLVM text: blocks, and the arithmetic that LLVM has no instruction for. Only what is used is emitted.

A block: { i64 count, ptr visit, i64 used, i64 capacity, ptr previous, ptr next }, then data. `visit(block, f, arg)` calls
f(child, arg) for each block that the data points to (null: there are none). All blocks of a call are linked, so that a
call that fails frees them all; a block in a frame of the stack has no links.

The context of a call: { i64 error, [8 x i64] values, ptr stack limit, ptr previous, ptr next, i64 bytes, i64 budget,
ptr thread, i64 next look, ptr printer, ptr room, ptr region, i64 part, i64 threads }. `error` is the number of the place that
failed, RAISED where an exception is set already, GIVEN_UP where another's error counts; `bytes` are those of the linked blocks;
`thread` is the state of a thread that gave up the interpreter's lock, null while it holds it, HELPS in one that never touches
Python. See `polls`; for the last three, `threads`.
"""

from __future__ import annotations

__all__ = ["CONTEXT_BYTES", "ERROR", "FIELD_BYTES", "HELPERS", "MAX_VALUES", "PRELUDE", "STACK_LIMIT", "VALUES", "needed"]

ERROR, VALUES, STACK_LIMIT, LINKS, BYTES, BUDGET, THREAD, NEXT_LOOK, PRINTER = 0, 8, 72, 80, 96, 104, 112, 120, 128
ROOM = 136  # where the next small block begins, after the fields
REGION, PART, THREADS = 144, 152, 160  # the range of trips whose part this is, its number; how many may help, 0: by the cores
FIELD_BYTES = 192
CONTEXT_BYTES = FIELD_BYTES + (8 << 10)
RAISED, GIVEN_UP = -1, -2
HELPS = 1
MAX_VALUES = 8
PRINT = "print"  # the "error" of a place that prints
FROM_END = "e"  # the kind of a value that is an index, to which the size was added if it was negative; the size follows

PRELUDE = """\
declare ptr @malloc(i64)
declare ptr @calloc(i64, i64)
declare ptr @realloc(ptr, i64)
declare void @free(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""

# The end of what links and unlinks a block: the bytes of the call's blocks.
_COUNTED = """  %p3 = getelementptr i8, ptr %b, i64 24
  %capacity = load i64, ptr %p3
  %size = add i64 %capacity, 48
  %total = getelementptr i8, ptr %ctx, i64 96
  %before = load i64, ptr %total
  %after = {} i64 %before, %size
  store i64 %after, ptr %total
  ret void
}}"""


def _allocator(name: str, heap: str, clear: str) -> str:
    """A new block with one owner, or null: in the call's own room while there is some, where nothing is freed; else on the
    heap, linked to the call's other blocks. What is not linked is framed: it ends with the call."""
    return f"""
define internal ptr @{name}(ptr %ctx, i64 %bytes, ptr %visit) {{
entry:
  %size = add i64 %bytes, 48
  %up = add i64 %size, 63
  %whole = and i64 %up, -64
  %place = getelementptr i8, ptr %ctx, i64 {ROOM}
  %top = load ptr, ptr %place
  %end = getelementptr i8, ptr %ctx, i64 {CONTEXT_BYTES}
  %above = ptrtoint ptr %end to i64
  %below = ptrtoint ptr %top to i64
  %left = sub i64 %above, %below
  %fits = icmp ule i64 %whole, %left
  br i1 %fits, label %framed, label %heap
framed:{clear}
  %next = getelementptr i8, ptr %top, i64 %whole
  store ptr %next, ptr %place
  %links = getelementptr i8, ptr %top, i64 32
  store ptr null, ptr %links
  br label %made
heap:
  %new = {heap}
  %null = icmp eq ptr %new, null
  br i1 %null, label %fail, label %made
fail:
  ret ptr null
made:
  %b = phi ptr [ %top, %framed ], [ %new, %heap ]
  store i64 1, ptr %b
  %p1 = getelementptr i8, ptr %b, i64 8
  store ptr %visit, ptr %p1
  %p2 = getelementptr i8, ptr %b, i64 16
  store i64 0, ptr %p2
  %p3 = getelementptr i8, ptr %b, i64 24
  store i64 %bytes, ptr %p3
  br i1 %fits, label %done, label %link
link:
  call void @irad.link(ptr %ctx, ptr %b)
  br label %done
done:
  ret ptr %b
}}"""


HELPERS: dict[str, tuple[tuple[str, ...], str]] = {
    "irad.alloc": (("irad.link",), _allocator("irad.alloc", "call ptr @malloc(i64 %size)", "")),
    "irad.alloc_zeroed": (
        ("irad.link",),
        _allocator(
            "irad.alloc_zeroed",
            "call ptr @calloc(i64 1, i64 %size)",
            """
  %items = getelementptr i8, ptr %top, i64 48
  call void @llvm.memset.p0.i64(ptr %items, i8 0, i64 %bytes, i1 false)""",
        ),
    ),
    "irad.link": (
        (),
        """
define internal void @irad.link(ptr %ctx, ptr %b) {
  %head = getelementptr i8, ptr %ctx, i64 48
  %headnext = getelementptr i8, ptr %ctx, i64 88
  %first = load ptr, ptr %headnext
  %p4 = getelementptr i8, ptr %b, i64 32
  store ptr %head, ptr %p4
  %p5 = getelementptr i8, ptr %b, i64 40
  store ptr %first, ptr %p5
  store ptr %b, ptr %headnext
  %q4 = getelementptr i8, ptr %first, i64 32
  store ptr %b, ptr %q4
"""
        + _COUNTED.format("add"),
    ),
    "irad.unlink": (
        (),
        """
define internal void @irad.unlink(ptr %ctx, ptr %b) {
  %p4 = getelementptr i8, ptr %b, i64 32
  %p5 = getelementptr i8, ptr %b, i64 40
  %prev = load ptr, ptr %p4
  %next = load ptr, ptr %p5
  %pn = getelementptr i8, ptr %prev, i64 40
  store ptr %next, ptr %pn
  %np = getelementptr i8, ptr %next, i64 32
  store ptr %prev, ptr %np
"""
        + _COUNTED.format("sub"),
    ),
    "irad.retain": (
        (),
        """
define internal void @irad.retain(ptr %b) {
  %null = icmp eq ptr %b, null
  br i1 %null, label %done, label %ok
ok:
  %n = load i64, ptr %b
  %m = add i64 %n, 1
  store i64 %m, ptr %b
  br label %done
done:
  ret void
}""",
    ),
    "irad.retain_visitor": (
        ("irad.retain",),
        """
define internal void @irad.retain_visitor(ptr %b, ptr %arg) {
  call void @irad.retain(ptr %b)
  ret void
}""",
    ),
    # The blocks to free wait in a list that is threaded through their counts: no recursion, however deep the data.
    "irad.release_visitor": (
        (),
        """
define internal void @irad.release_visitor(ptr %b, ptr %list) {
  %null = icmp eq ptr %b, null
  br i1 %null, label %done, label %ok
ok:
  %n = load i64, ptr %b
  %m = sub i64 %n, 1
  store i64 %m, ptr %b
  %zero = icmp eq i64 %m, 0
  br i1 %zero, label %dead, label %done
dead:
  %first = load ptr, ptr %list
  store ptr %first, ptr %b
  store ptr %b, ptr %list
  br label %done
done:
  ret void
}""",
    ),
    "irad.release": (
        ("irad.release_visitor", "irad.drop"),
        """
define internal void @irad.release(ptr %ctx, ptr %b) {
  %list = alloca ptr
  store ptr null, ptr %list
  call void @irad.release_visitor(ptr %b, ptr %list)
  br label %loop
loop:
  %x = load ptr, ptr %list
  %end = icmp eq ptr %x, null
  br i1 %end, label %done, label %one
one:
  %rest = load ptr, ptr %x
  store ptr %rest, ptr %list
  %p1 = getelementptr i8, ptr %x, i64 8
  %visit = load ptr, ptr %p1
  %leaf = icmp eq ptr %visit, null
  br i1 %leaf, label %drop, label %children
children:
  call void %visit(ptr %x, ptr @irad.release_visitor, ptr %list)
  br label %drop
drop:
  call void @irad.drop(ptr %ctx, ptr %x)
  br label %loop
done:
  ret void
}""",
    ),
    # The memory of a block that is dead, if it is on the heap.
    "irad.drop": (
        ("irad.unlink",),
        """
define internal void @irad.drop(ptr %ctx, ptr %b) {
  %p4 = getelementptr i8, ptr %b, i64 32
  %prev = load ptr, ptr %p4
  %framed = icmp eq ptr %prev, null
  br i1 %framed, label %done, label %heap
heap:
  call void @irad.unlink(ptr %ctx, ptr %b)
  call void @free(ptr %b)
  br label %done
done:
  ret void
}""",
    ),
    # Room for item `len` of a stack whose items have `size` bytes; the block is new, larger, or a copy of a shared one.
    "irad.grow": (
        ("irad.alloc", "irad.unlink", "irad.retain_visitor"),
        """
define internal ptr @irad.grow(ptr %ctx, ptr %b, i64 %len, i64 %size, ptr %visit) {
  %bytes = mul i64 %len, %size
  %double = shl i64 %bytes, 1
  %least = mul i64 %size, 32
  %more = icmp ugt i64 %double, %least
  %want = select i1 %more, i64 %double, i64 %least
  %null = icmp eq ptr %b, null
  br i1 %null, label %fresh, label %old
fresh:
  %f = call ptr @irad.alloc(ptr %ctx, i64 %want, ptr %visit)
  ret ptr %f
old:
  %p2 = getelementptr i8, ptr %b, i64 16
  %p3 = getelementptr i8, ptr %b, i64 24
  %count = load i64, ptr %b
  %unique = icmp eq i64 %count, 1
  br i1 %unique, label %alone, label %copy
alone:
  %p4 = getelementptr i8, ptr %b, i64 32
  %prev = load ptr, ptr %p4
  %framed = icmp eq ptr %prev, null
  br i1 %framed, label %move, label %resize
resize:
  call void @irad.unlink(ptr %ctx, ptr %b)
  %total = add i64 %want, 48
  %r = call ptr @realloc(ptr %b, i64 %total)
  %rnull = icmp eq ptr %r, null
  br i1 %rnull, label %fail, label %rok
rok:
  %r3 = getelementptr i8, ptr %r, i64 24
  store i64 %want, ptr %r3
  call void @irad.link(ptr %ctx, ptr %r)
  ret ptr %r
fail:
  call void @irad.link(ptr %ctx, ptr %b)
  ret ptr null
move:
  %m = call ptr @irad.alloc(ptr %ctx, i64 %want, ptr %visit)
  %mnull = icmp eq ptr %m, null
  br i1 %mnull, label %none, label %mok
mok:
  %md = getelementptr i8, ptr %m, i64 48
  %bd = getelementptr i8, ptr %b, i64 48
  call void @llvm.memcpy.p0.p0.i64(ptr %md, ptr %bd, i64 %bytes, i1 false)
  %m2 = getelementptr i8, ptr %m, i64 16
  store i64 %len, ptr %m2
  ret ptr %m
copy:
  %c = call ptr @irad.alloc(ptr %ctx, i64 %want, ptr %visit)
  %cnull = icmp eq ptr %c, null
  br i1 %cnull, label %none, label %cok
cok:
  %cd = getelementptr i8, ptr %c, i64 48
  %od = getelementptr i8, ptr %b, i64 48
  call void @llvm.memcpy.p0.p0.i64(ptr %cd, ptr %od, i64 %bytes, i1 false)
  %c2 = getelementptr i8, ptr %c, i64 16
  store i64 %len, ptr %c2
  %less = sub i64 %count, 1
  store i64 %less, ptr %b
  %leaf = icmp eq ptr %visit, null
  br i1 %leaf, label %out, label %children
children:
  call void %visit(ptr %c, ptr @irad.retain_visitor, ptr null)
  br label %out
out:
  ret ptr %c
none:
  ret ptr null
}""",
    ),
    # A block that nobody else sees, with the items of `b` and zeros up to `want` items, or null.
    "irad.list_room": (
        ("irad.alloc", "irad.release"),
        """
define internal ptr @irad.list_room(ptr %ctx, ptr %b, i64 %len, i64 %want, i64 %size) {
entry:
  %need = mul i64 %want, %size
  %have = mul i64 %len, %size
  %null = icmp eq ptr %b, null
  br i1 %null, label %fresh, label %old
fresh:
  %f = call ptr @irad.alloc(ptr %ctx, i64 %need, ptr null)
  br label %check
old:
  %p3 = getelementptr i8, ptr %b, i64 24
  %capacity = load i64, ptr %p3
  %count = load i64, ptr %b
  %alone = icmp eq i64 %count, 1
  %fits = icmp ule i64 %need, %capacity
  %good = and i1 %alone, %fits
  br i1 %good, label %clear, label %more
more:
  %same = icmp eq i64 %len, %want
  %two = shl i64 %len, 1
  %less = icmp ult i64 %want, %two
  %least = select i1 %less, i64 %two, i64 %want
  %room = select i1 %same, i64 %want, i64 %least
  %bytes = mul i64 %room, %size
  %n = call ptr @irad.alloc(ptr %ctx, i64 %bytes, ptr null)
  %nnull = icmp eq ptr %n, null
  br i1 %nnull, label %none, label %copy
copy:
  %nd = getelementptr i8, ptr %n, i64 48
  %bd = getelementptr i8, ptr %b, i64 48
  call void @llvm.memcpy.p0.p0.i64(ptr %nd, ptr %bd, i64 %have, i1 false)
  call void @irad.release(ptr %ctx, ptr %b)
  br label %clear
check:
  %fnull = icmp eq ptr %f, null
  br i1 %fnull, label %none, label %clear
clear:
  %own = phi ptr [ %b, %old ], [ %n, %copy ], [ %f, %check ]
  %p2 = getelementptr i8, ptr %own, i64 16
  store i64 %want, ptr %p2
  %d = getelementptr i8, ptr %own, i64 48
  %from = getelementptr i8, ptr %d, i64 %have
  %rest = sub i64 %need, %have
  call void @llvm.memset.p0.i64(ptr %from, i8 0, i64 %rest, i1 false)
  ret ptr %own
none:
  ret ptr null
}""",
    ),
    "floordiv": (
        ("floor", "fmod", "copysign"),
        """
define internal double @irad.floordiv(double %x, double %y) {
  %m = call double @fmod(double %x, double %y)
  %zero = fcmp oeq double %y, 0.0
  br i1 %zero, label %byzero, label %ok
byzero:
  %q0 = fdiv double %x, %y
  ret double %q0
ok:
  %d = fsub double %x, %m
  %q = fdiv double %d, %y
  %nz = fcmp une double %m, 0.0
  %yn = fcmp olt double %y, 0.0
  %mn = fcmp olt double %m, 0.0
  %differ = xor i1 %yn, %mn
  %adjust = and i1 %nz, %differ
  %q1 = fsub double %q, 1.0
  %q2 = select i1 %adjust, double %q1, double %q
  %f = call double @llvm.floor.f64(double %q2)
  %gap = fsub double %q2, %f
  %up = fcmp ogt double %gap, 0.5
  %f1 = fadd double %f, 1.0
  %r = select i1 %up, double %f1, double %f
  %qz = fcmp oeq double %q2, 0.0
  %raw = fdiv double %x, %y
  %signed = call double @llvm.copysign.f64(double 0.0, double %raw)
  %out = select i1 %qz, double %signed, double %r
  ret double %out
}""",
    ),
    "mod": (
        ("fmod", "copysign"),
        """
define internal double @irad.mod(double %x, double %y) {
  %m = call double @fmod(double %x, double %y)
  %nz = fcmp une double %m, 0.0
  %yn = fcmp olt double %y, 0.0
  %mn = fcmp olt double %m, 0.0
  %differ = xor i1 %yn, %mn
  %adjust = and i1 %nz, %differ
  %m1 = fadd double %m, %y
  %m2 = select i1 %adjust, double %m1, double %m
  %mz = fcmp oeq double %m2, 0.0
  %signed = call double @llvm.copysign.f64(double 0.0, double %y)
  %out = select i1 %mz, double %signed, double %m2
  ret double %out
}""",
    ),
    "ipow": (
        (),
        """
define internal i64 @irad.ipow(i64 %x, i64 %n) {
entry:
  br label %loop
loop:
  %b = phi i64 [ %x, %entry ], [ %b2, %next ]
  %e = phi i64 [ %n, %entry ], [ %e2, %next ]
  %r = phi i64 [ 1, %entry ], [ %r2, %next ]
  %end = icmp sle i64 %e, 0
  br i1 %end, label %done, label %next
next:
  %odd = and i64 %e, 1
  %is = icmp ne i64 %odd, 0
  %rb = mul i64 %r, %b
  %r2 = select i1 %is, i64 %rb, i64 %r
  %b2 = mul i64 %b, %b
  %e2 = ashr i64 %e, 1
  br label %loop
done:
  ret i64 %r
}""",
    ),
}


def needed(names: set[str]) -> tuple[str, set[str]]:
    """The text of the helpers of these names and of what they use, and the external functions they call."""
    todo, seen, external, texts = sorted(names), set(), set(), []
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        base, narrow = name.removesuffix(".f32"), name.endswith(".f32")
        if base in HELPERS:
            todo.extend(n + ".f32" * narrow for n in HELPERS[base][0])
            texts.append(_narrowed(base) if narrow else HELPERS[base][1])
        else:
            external.add(name)
    return "\n".join(texts), external


def _narrowed(name: str) -> str:
    """A helper for doubles as one for floats."""
    text = HELPERS[name][1].replace(f"@irad.{name}(", f"@irad.{name}.f32(").replace("@fmod(", "@fmodf(")
    return text.replace("double", "float").replace(".f64(", ".f32(")
