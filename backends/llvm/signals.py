"""`irad.poll(ctx, done)`: what a call does each time its budget is spent, in LLVM text that is compiled once.

A call that holds the interpreter's lock handles signals, as Python does between two instructions, and gives up the lock:
from now on it is long work, and other threads go on. Without the lock, the main thread takes it for a moment each
PERIOD; the others need not, since signals are handled in the main thread only. A handler that raises ends the call. In a part
of a range of trips (see `threads`), a part before it that failed ends it; threads that only help do not look further.

`irad.print(ctx, site, words, bytes)` calls Python's print, with the lock.
"""

from __future__ import annotations

import ctypes
import os
import threading

from irad.backends.llvm import runtime, threads
from irad.backends.llvm.work import BUDGET

__all__ = ["POLL", "POLL_ON_AVX", "SIGNALS", "signal_symbols"]

PERIOD = 50_000_000  # nanoseconds
MONOTONIC = 1  # the number of the clock, on Linux
NEVER = 2**63 - 1
UPPER = 0x44  # the processor's state components of the upper halves of vector registers

POLL = """
define preserve_allcc void @irad.poll(ptr %ctx, i64 %done) nounwind {
  call void @signals.look(ptr %ctx, i64 %done)
  ret void
}
"""

# LLVM puts a vzeroupper behind the registers that a function like this restores, which clears their upper halves again; without
# it (#0) the processor takes halves that were empty before for full, and functions of the C library that know of no AVX, `tanh`
# among them, are ten times as slow from there on. So the processor is asked whether they are empty.
POLL_ON_AVX = f"""
declare i64 @llvm.x86.xgetbv(i32)

define preserve_allcc void @irad.poll(ptr %ctx, i64 %done) #0 {{
  %used = call i64 @llvm.x86.xgetbv(i32 1)
  %upper = and i64 %used, {UPPER}
  %empty = icmp eq i64 %upper, 0
  br i1 %empty, label %narrow, label %wide
narrow:
  call preserve_allcc void @signals.poll(ptr %ctx, i64 %done)
  ret void
wide:
  call preserve_allcc void @signals.poll_wide(ptr %ctx, i64 %done)
  ret void
}}

define internal preserve_allcc void @signals.poll_wide(ptr %ctx, i64 %done) noinline #0 {{
  call void @signals.look(ptr %ctx, i64 %done)
  ret void
}}

define internal preserve_allcc void @signals.poll(ptr %ctx, i64 %done) noinline nounwind {{
  call void @signals.look(ptr %ctx, i64 %done)
  ret void
}}
"""

SIGNALS = f"""
declare i32 @clock_gettime(i32, ptr)
declare ptr @pthread_self()

define internal i64 @signals.now() nounwind {{
  %time = alloca {{ i64, i64 }}
  %status = call i32 @clock_gettime(i32 {MONOTONIC}, ptr %time)
  %s = load i64, ptr %time
  %place = getelementptr i8, ptr %time, i64 8
  %ns = load i64, ptr %place
  %wide = mul i64 %s, 1000000000
  %now = add i64 %wide, %ns
  ret i64 %now
}}

define internal void @signals.set_next(ptr %next) nounwind {{
  %now = call i64 @signals.now()
  %later = add i64 %now, {PERIOD}
  %thread = call ptr @pthread_self()
  %handler = load ptr, ptr @signals.main_thread
  %main = icmp eq ptr %thread, %handler
  %when = select i1 %main, i64 %later, i64 {NEVER}
  store i64 %when, ptr %next
  ret void
}}

define internal void @signals.look(ptr %ctx, i64 %done) nounwind {{
  %budget = getelementptr i8, ptr %ctx, i64 {runtime.BUDGET}
  %state.place = getelementptr i8, ptr %ctx, i64 {runtime.THREAD}
  %next.place = getelementptr i8, ptr %ctx, i64 {runtime.NEXT_LOOK}
  %error = getelementptr i8, ptr %ctx, i64 {runtime.ERROR}
  %left = add i64 %done, {BUDGET}
  store i64 %left, ptr %budget
  %region.place = getelementptr i8, ptr %ctx, i64 {runtime.REGION}
  %region = load ptr, ptr %region.place
  %whole = icmp eq ptr %region, null
  br i1 %whole, label %go.on, label %in.part
in.part:
  %part.place = getelementptr i8, ptr %ctx, i64 {runtime.PART}
  %part = load i64, ptr %part.place
  %failed.place = getelementptr i8, ptr %region, i64 {threads.FAILED}
  %failed = load atomic i64, ptr %failed.place monotonic, align 8
  %unwanted = icmp slt i64 %failed, %part
  br i1 %unwanted, label %give.up, label %go.on
give.up:
  store i64 {runtime.GIVEN_UP}, ptr %error
  ret void
go.on:
  %state = load ptr, ptr %state.place
  %held = icmp eq ptr %state, null
  br i1 %held, label %check, label %without
without:
  %helps = icmp eq ptr %state, inttoptr (i64 {runtime.HELPS} to ptr)
  br i1 %helps, label %done.yet, label %wait
wait:
  %next = load i64, ptr %next.place
  %first = icmp eq i64 %next, 0
  br i1 %first, label %begin, label %compare
begin:
  call void @signals.set_next(ptr %next.place)
  ret void
compare:
  %now = call i64 @signals.now()
  %early = icmp slt i64 %now, %next
  br i1 %early, label %done.yet, label %take
done.yet:
  ret void
take:
  call void @PyEval_RestoreThread(ptr %state)
  store ptr null, ptr %state.place
  br label %check
check:
  %status = call i32 @PyErr_CheckSignals()
  %good = icmp eq i32 %status, 0
  br i1 %good, label %give, label %raised
give:
  %saved = call ptr @PyEval_SaveThread()
  store ptr %saved, ptr %state.place
  call void @signals.set_next(ptr %next.place)
  ret void
raised:
  store i64 {runtime.RAISED}, ptr %error
  ret void
}}

define i32 @irad.print(ptr %ctx, i64 %site, ptr %words, i64 %bytes) nounwind {{
entry:
  %state.place = getelementptr i8, ptr %ctx, i64 {runtime.THREAD}
  %printer.place = getelementptr i8, ptr %ctx, i64 {runtime.PRINTER}
  %state = load ptr, ptr %state.place
  %held = icmp eq ptr %state, null
  br i1 %held, label %print, label %take
take:
  call void @PyEval_RestoreThread(ptr %state)
  store ptr null, ptr %state.place
  br label %print
print:
  %printer = load ptr, ptr %printer.place
  %answer = call ptr @stub.tell(ptr %printer, i64 %site, ptr %words, i64 %bytes)
  %null = icmp eq ptr %answer, null
  br i1 %null, label %raised, label %printed
printed:
  call void @Py_DecRef(ptr %answer)
  br i1 %held, label %done, label %give
give:
  %saved = call ptr @PyEval_SaveThread()
  store ptr %saved, ptr %state.place
  br label %done
raised:
  %error = getelementptr i8, ptr %ctx, i64 {runtime.ERROR}
  store i64 {runtime.RAISED}, ptr %error
  br label %done
done:
  %failed = phi i32 [ 1, %raised ], [ 0, %printed ], [ 0, %give ]
  ret i32 %failed
}}
"""

_main_thread = ctypes.c_uint64()


def _note_main_thread() -> None:
    _main_thread.value = threading.main_thread().ident or 0


os.register_at_fork(after_in_child=_note_main_thread)  # a thread that forks is the child's main thread


def signal_symbols() -> dict[str, int]:
    """The address of the number of the thread that handles signals."""
    _note_main_thread()
    return {"signals.main_thread": ctypes.addressof(_main_thread)}
