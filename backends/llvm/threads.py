"""`irad.parallel(ctx, body, frame, trips, size, parts)`: a range of trips in parts, on several threads, in LLVM text that is
compiled once.

`body(ctx, frame, first, end, part)` does the trips first ... end-1 and says whether it failed. Part k has the trips from
k * size on, the last one all that are left: who calls decides on the parts, by the problem alone, so that results do not
depend on how many threads there are. The calling thread and those that help it take one part after the other, in order, each
with a context of its own. Of the parts that fail the first is the one whose error counts, as if they had run one after the
other: the ones before it run to their ends, those after it are given up where they look (see `signals`), as all are when a
signal ends the call. Threads that help never touch Python; they live as long as the range. Regions inside of parts, and short
ones, stay on their thread.
"""

from __future__ import annotations

import os

from irad.backends.llvm import runtime
from irad.backends.llvm.work import BUDGET

from irad.errors import refuse

__all__ = ["MOST_THREADS", "PARALLEL", "threads_told"]

MOST_THREADS = 64  # that work on a range
STACK = 8 << 20  # bytes of the stack of a thread that helps
RESERVE = 128 << 10  # of it, for what compiled code calls
ALL_PARTS = 2**63 - 1
WAIT = 20_000_000  # nanoseconds between two looks at the outside of who waits
REALTIME = 0  # the number of the clock, on Linux
# A region: { i64 next part, i64 failed, ptr body, ptr frame, i64 trips, i64 size, i64 parts }
NEXT, FAILED, BODY, FRAME, TRIPS, SIZE, PARTS = range(0, 56, 8)
# What a thread that helps is told, and says: { i64 thread, ptr region, i64 the part that failed, i64 error, [8 x i64] values }
RECORD, TOLD, PART, ERROR = 128, 8, 16, 24
WORDS = 8 * (1 + runtime.MAX_VALUES)

PARALLEL = f"""
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_timedjoin_np(i64, ptr, ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setstacksize(ptr, i64)
declare i32 @pthread_attr_destroy(ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sched_getaffinity(i32, i64, ptr)
declare i32 @clock_gettime(i32, ptr)
declare void @free(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i64 @llvm.ctpop.i64(i64)
declare i64 @llvm.smin.i64(i64, i64)

; how many threads a call may use: as many as it was told, or as there are cores for this thread
define internal i64 @threads.allowed(ptr %ctx) nounwind {{
entry:
  %mask = alloca [16 x i64], align 8
  %told.place = getelementptr i8, ptr %ctx, i64 {runtime.THREADS}
  %told = load i64, ptr %told.place
  %known = icmp sgt i64 %told, 0
  br i1 %known, label %done, label %ask
ask:
  %status = call i32 @sched_getaffinity(i32 0, i64 128, ptr %mask)
  %good = icmp sge i32 %status, 0
  br i1 %good, label %count, label %done
count:
  %i = phi i64 [ 0, %ask ], [ %j, %count ]
  %total = phi i64 [ 0, %ask ], [ %more, %count ]
  %place = getelementptr i64, ptr %mask, i64 %i
  %word = load i64, ptr %place
  %bits = call i64 @llvm.ctpop.i64(i64 %word)
  %more = add i64 %total, %bits
  %j = add i64 %i, 1
  %again = icmp ult i64 %j, 16
  br i1 %again, label %count, label %done
done:
  %n = phi i64 [ %told, %entry ], [ 1, %ask ], [ %more, %count ]
  ret i64 %n
}}

; one part; true where it failed
define internal i1 @threads.part(ptr %ctx, ptr %region, i64 %part) nounwind {{
  %body.place = getelementptr i8, ptr %region, i64 {BODY}
  %frame.place = getelementptr i8, ptr %region, i64 {FRAME}
  %trips.place = getelementptr i8, ptr %region, i64 {TRIPS}
  %size.place = getelementptr i8, ptr %region, i64 {SIZE}
  %parts.place = getelementptr i8, ptr %region, i64 {PARTS}
  %body = load ptr, ptr %body.place
  %frame = load ptr, ptr %frame.place
  %trips = load i64, ptr %trips.place
  %size = load i64, ptr %size.place
  %parts = load i64, ptr %parts.place
  %first = mul i64 %part, %size
  %next = add i64 %part, 1
  %inside = icmp slt i64 %next, %parts
  %until = add i64 %first, %size
  %end = select i1 %inside, i64 %until, i64 %trips
  %bad = call i1 %body(ptr %ctx, ptr %frame, i64 %first, i64 %end, i64 %part)
  ret i1 %bad
}}

; parts, until none is left or one fails: its number, or -1
define internal i64 @threads.work(ptr %ctx, ptr %region) nounwind {{
entry:
  %region.place = getelementptr i8, ptr %ctx, i64 {runtime.REGION}
  %part.place = getelementptr i8, ptr %ctx, i64 {runtime.PART}
  %failed.place = getelementptr i8, ptr %region, i64 {FAILED}
  %parts.place = getelementptr i8, ptr %region, i64 {PARTS}
  %parts = load i64, ptr %parts.place
  store ptr %region, ptr %region.place
  br label %loop
loop:
  %k = atomicrmw add ptr %region, i64 1 monotonic
  %failed = load atomic i64, ptr %failed.place monotonic, align 8
  %left = icmp slt i64 %k, %parts
  %wanted = icmp sge i64 %failed, %k
  %go = and i1 %left, %wanted
  br i1 %go, label %one, label %done
one:
  store i64 %k, ptr %part.place
  %bad = call i1 @threads.part(ptr %ctx, ptr %region, i64 %k)
  br i1 %bad, label %fail, label %loop
fail:
  %before = atomicrmw min ptr %failed.place, i64 %k monotonic
  br label %done
done:
  %result = phi i64 [ -1, %loop ], [ %k, %fail ]
  store ptr null, ptr %region.place
  ret i64 %result
}}

; what a thread that helps does
define internal ptr @threads.help(ptr %record) nounwind {{
entry:
  %ctx = alloca [{runtime.CONTEXT_BYTES} x i8], align 64
  call void @llvm.memset.p0.i64(ptr %ctx, i8 0, i64 {runtime.FIELD_BYTES}, i1 false)
  %limit.place = getelementptr i8, ptr %ctx, i64 {runtime.STACK_LIMIT}
  %limit = getelementptr i8, ptr %ctx, i64 {RESERVE + 2 * runtime.CONTEXT_BYTES - STACK}
  store ptr %limit, ptr %limit.place
  %head = getelementptr i8, ptr %ctx, i64 {runtime.LINKS - 32}
  %previous.place = getelementptr i8, ptr %ctx, i64 {runtime.LINKS}
  %next.place = getelementptr i8, ptr %ctx, i64 {runtime.LINKS + 8}
  store ptr %head, ptr %previous.place
  store ptr %head, ptr %next.place
  %budget.place = getelementptr i8, ptr %ctx, i64 {runtime.BUDGET}
  store i64 {BUDGET}, ptr %budget.place
  %thread.place = getelementptr i8, ptr %ctx, i64 {runtime.THREAD}
  store ptr inttoptr (i64 {runtime.HELPS} to ptr), ptr %thread.place
  %room.place = getelementptr i8, ptr %ctx, i64 {runtime.ROOM}
  %room = getelementptr i8, ptr %ctx, i64 {runtime.FIELD_BYTES}
  store ptr %room, ptr %room.place
  %told.place = getelementptr i8, ptr %record, i64 {TOLD}
  %region = load ptr, ptr %told.place
  %part = call i64 @threads.work(ptr %ctx, ptr %region)
  %part.place = getelementptr i8, ptr %record, i64 {PART}
  store i64 %part, ptr %part.place
  %error = getelementptr i8, ptr %record, i64 {ERROR}
  call void @llvm.memcpy.p0.p0.i64(ptr %error, ptr %ctx, i64 {WORDS}, i1 false)
  br label %loop
loop:
  %block = load ptr, ptr %next.place
  %end = icmp eq ptr %block, %head
  br i1 %end, label %done, label %free
free:
  %link = getelementptr i8, ptr %block, i64 40
  %next = load ptr, ptr %link
  store ptr %next, ptr %next.place
  call void @free(ptr %block)
  br label %loop
done:
  ret ptr null
}}

; wait for a thread, and look at the outside meanwhile
define internal void @threads.join(ptr %ctx, ptr %region, i64 %thread) nounwind {{
entry:
  %time = alloca {{ i64, i64 }}
  %failed.place = getelementptr i8, ptr %region, i64 {FAILED}
  br label %loop
loop:
  %clock = call i32 @clock_gettime(i32 {REALTIME}, ptr %time)
  %part.place = getelementptr i8, ptr %time, i64 8
  %s = load i64, ptr %time
  %ns = load i64, ptr %part.place
  %later = add i64 %ns, {WAIT}
  %carry = udiv i64 %later, 1000000000
  %rest = urem i64 %later, 1000000000
  %until = add i64 %s, %carry
  store i64 %until, ptr %time
  store i64 %rest, ptr %part.place
  %status = call i32 @pthread_timedjoin_np(i64 %thread, ptr null, ptr %time)
  %joined = icmp eq i32 %status, 0
  br i1 %joined, label %done, label %look
look:
  %error = load i64, ptr %ctx
  %over = icmp eq i64 %error, {runtime.RAISED}
  br i1 %over, label %loop, label %poll
poll:
  call preserve_allcc void @irad.poll(ptr %ctx, i64 0)
  %now = load i64, ptr %ctx
  %raised = icmp eq i64 %now, {runtime.RAISED}
  br i1 %raised, label %stop, label %loop
stop:
  store atomic i64 -1, ptr %failed.place monotonic, align 8
  br label %loop
done:
  ret void
}}

define i1 @irad.parallel(ptr %ctx, ptr %body, ptr %frame, i64 %trips, i64 %size, i64 %parts) nounwind {{
entry:
  %region = alloca [64 x i8], align 64
  %records = alloca [{MOST_THREADS * RECORD} x i8], align 64
  %attributes = alloca [64 x i8], align 16
  %all = alloca [128 x i8], align 16
  %before = alloca [128 x i8], align 16
  store i64 0, ptr %region
  %failed.place = getelementptr i8, ptr %region, i64 {FAILED}
  %body.place = getelementptr i8, ptr %region, i64 {BODY}
  %frame.place = getelementptr i8, ptr %region, i64 {FRAME}
  %trips.place = getelementptr i8, ptr %region, i64 {TRIPS}
  %size.place = getelementptr i8, ptr %region, i64 {SIZE}
  %parts.place = getelementptr i8, ptr %region, i64 {PARTS}
  store i64 {ALL_PARTS}, ptr %failed.place
  store ptr %body, ptr %body.place
  store ptr %frame, ptr %frame.place
  store i64 %trips, ptr %trips.place
  store i64 %size, ptr %size.place
  store i64 %parts, ptr %parts.place
  %several = icmp sgt i64 %parts, 1
  br i1 %several, label %check, label %serial
check:
  %outer.place = getelementptr i8, ptr %ctx, i64 {runtime.REGION}
  %outer = load ptr, ptr %outer.place
  %alone = icmp eq ptr %outer, null
  br i1 %alone, label %ask, label %serial
ask:
  %allowed = call i64 @threads.allowed(ptr %ctx)
  %useful = call i64 @llvm.smin.i64(i64 %allowed, i64 %parts)
  %used = call i64 @llvm.smin.i64(i64 %useful, i64 {MOST_THREADS})
  %helpers = sub i64 %used, 1
  %some = icmp sgt i64 %helpers, 0
  br i1 %some, label %begin, label %serial
serial:
  %k = phi i64 [ 0, %entry ], [ 0, %check ], [ 0, %ask ], [ %k.next, %next ]
  %bad = call i1 @threads.part(ptr %ctx, ptr %region, i64 %k)
  br i1 %bad, label %over, label %next
next:
  %k.next = add i64 %k, 1
  %again = icmp slt i64 %k.next, %parts
  br i1 %again, label %serial, label %over
over:
  %failed = phi i1 [ true, %serial ], [ false, %next ]
  ret i1 %failed

begin:
  %made = call i32 @pthread_attr_init(ptr %attributes)
  %sized = call i32 @pthread_attr_setstacksize(ptr %attributes, i64 {STACK})
  call void @llvm.memset.p0.i64(ptr %all, i8 -1, i64 128, i1 false)
  %blocked = call i32 @pthread_sigmask(i32 2, ptr %all, ptr %before)
  br label %create
create:
  %i = phi i64 [ 0, %begin ], [ %i.next, %created ]
  %offset = mul i64 %i, {RECORD}
  %record = getelementptr i8, ptr %records, i64 %offset
  %told.place = getelementptr i8, ptr %record, i64 {TOLD}
  store ptr %region, ptr %told.place
  %status = call i32 @pthread_create(ptr %record, ptr %attributes, ptr @threads.help, ptr %record)
  %there = icmp eq i32 %status, 0
  br i1 %there, label %created, label %work
created:
  %i.next = add i64 %i, 1
  %more = icmp slt i64 %i.next, %helpers
  br i1 %more, label %create, label %work
work:
  %count = phi i64 [ %i, %create ], [ %i.next, %created ]
  %restored = call i32 @pthread_sigmask(i32 2, ptr %before, ptr null)
  %destroyed = call i32 @pthread_attr_destroy(ptr %attributes)
  %mine = call i64 @threads.work(ptr %ctx, ptr %region)
  %error = load i64, ptr %ctx
  %raised = icmp eq i64 %error, {runtime.RAISED}
  br i1 %raised, label %stop, label %wait
stop:
  store atomic i64 -1, ptr %failed.place monotonic, align 8
  br label %wait
wait:
  %j = phi i64 [ 0, %work ], [ 0, %stop ], [ %j.next, %joined ], [ %j.next, %worse ]
  %best = phi i64 [ %mine, %work ], [ %mine, %stop ], [ %best, %joined ], [ %part, %worse ]
  %waits = icmp slt i64 %j, %count
  br i1 %waits, label %join, label %end
join:
  %j.offset = mul i64 %j, {RECORD}
  %other = getelementptr i8, ptr %records, i64 %j.offset
  %thread = load i64, ptr %other
  call void @threads.join(ptr %ctx, ptr %region, i64 %thread)
  br label %joined
joined:
  %j.next = add i64 %j, 1
  %part.place = getelementptr i8, ptr %other, i64 {PART}
  %part = load i64, ptr %part.place
  %now = load i64, ptr %ctx
  %interrupted = icmp eq i64 %now, {runtime.RAISED}
  %unless = icmp ult i64 %part, %best
  %good = xor i1 %interrupted, true
  %first = and i1 %unless, %good
  br i1 %first, label %worse, label %wait
worse:
  %their = getelementptr i8, ptr %other, i64 {ERROR}
  call void @llvm.memcpy.p0.p0.i64(ptr %ctx, ptr %their, i64 {WORDS}, i1 false)
  br label %wait
end:
  %last = load i64, ptr %ctx
  %status.end = icmp ne i64 %last, 0
  ret i1 %status.end
}}
"""


def threads_told(option: int | None) -> int:
    """How many threads a program may use, by its option, else by the environment; 0: as many as there are cores for the
    thread that calls. Raises CompileError for an environment that makes no sense."""
    if option is not None:
        return option
    told = os.environ.get("IRAD_THREADS", "")
    if not told:
        return 0
    if not told.isdecimal() or int(told) < 1:
        raise refuse(
            "unknown-option",
            f"IRAD_THREADS is {told!r}: a number of threads is needed, 1 or more",
            help="set it to 1 for one thread, or unset it: then loops over large arrays use the cores that there are",
        )
    return int(told)
