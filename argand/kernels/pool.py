"""IR of the thread pool: a job is a function and a number of units; threads claim chunks of them.

`ticket` holds four numbers of 16 bits: from the top the epoch (jobs so far), chunks taken from the
front, chunks taken from the back, chunks left. A chunk is claimed by compare-and-swap; function and
arguments are read only after a successful claim, when the job cannot end before that chunk does. So
a late or sleeping worker never blocks the caller, who drains what is left. One job runs at a time:
whoever finds the pool busy computes alone.

The caller takes chunks from the front and workers from the back, so that from job to job the same
thread meets the same part of the data, and finds it in its cache.

Workers spin for about 200 microseconds after the last job and then sleep until the epoch changes.
"""

import sys

SPINS = 12_000  # of some 15 ns each

# struct Pool: every field that is written by several threads has a cache line of its own
_STATE = """
%Pool = type { i64, [56 x i8], i64, [56 x i8], i64, i64, [48 x i8],
               ptr, ptr, ptr, i64, i64, i64, i64, [8 x i8] }
; 0 ticket, 2 done, 4 sleepers, 5 busy, 7 function, 8 words, 9 parameters, 10 chunks, 11 units,
; 12 workers, 13 stop
@NAME.pool = global %Pool zeroinitializer, align 64
"""


_FIELDS = {
    "ticket": 0, "done": 2, "sleepers": 4, "busy": 5, "function": 7, "words": 8,
    "parameters": 9, "chunks": 10, "units": 11, "workers": 12, "stop": 13,
}  # fmt: skip

_PAUSE = {
    "x86": 'call void asm sideeffect "pause", ""()',
    "arm": 'call void asm sideeffect "yield", ""()',
    "other": "",
}


def _sleep_and_wake(platform: str, arm: bool) -> tuple[str, str, str]:
    """Declarations, the body that waits while the epoch is %seen, and the body that wakes all."""
    if platform.startswith("linux"):
        number = 98 if arm else 202  # SYS_futex
        call = f"call i64 (i64, ...) @syscall(i64 {number}, ptr %epoch.at"
        wait = f"  {call}, i32 128, i32 %seen, ptr null)"
        wake = f"  {call}, i32 129, i32 2147483647, ptr null)"
        return "declare i64 @syscall(i64, ...)", wait, wake
    if platform == "win32":
        return "declare void @Sleep(i32)", "  call void @Sleep(i32 1)", ""
    return "declare i32 @usleep(i32)", "  call i32 @usleep(i32 50)", ""


_PARALLEL = """
; Run function(words, parameters, first unit, end) over all units, cut into chunks.
define void @NAME.parallel(ptr %function, ptr %words, ptr %parameters, i64 %units, i64 %chunks) {
entry:
  %workers = load i64, ptr $workers
  %alone = icmp eq i64 %workers, 0
  br i1 %alone, label %run_alone, label %try
try:
  %swap = cmpxchg ptr $busy, i64 0, i64 1 acquire monotonic
  %mine = extractvalue { i64, i1 } %swap, 1
  br i1 %mine, label %post, label %run_alone
run_alone:
  call void %function(ptr %words, ptr %parameters, i64 0, i64 %units)
  ret void
post:
  store ptr %function, ptr $function
  store ptr %words, ptr $words
  store ptr %parameters, ptr $parameters
  store i64 %units, ptr $units
  store i64 %chunks, ptr $chunks
  store i64 0, ptr $done
  %old = load atomic i64, ptr $ticket monotonic, align 8
  %epoch = lshr i64 %old, 48
  %next = add i64 %epoch, 1
  %high = shl i64 %next, 48
  %new = or i64 %high, %chunks
  store atomic i64 %new, ptr $ticket seq_cst, align 8
  %asleep = load atomic i64, ptr $sleepers seq_cst, align 8
  %none = icmp eq i64 %asleep, 0
  br i1 %none, label %drain, label %wake
wake:
  %epoch.at = getelementptr i8, ptr $ticket, i64 4
WAKE
  br label %drain
drain:
  %more = call i1 @NAME.claim(i1 true)
  br i1 %more, label %drain, label %wait
wait:
  %spins = phi i64 [ 0, %drain ], [ %spun, %again ]
  %finished = load atomic i64, ptr $done acquire, align 8
  %complete = icmp eq i64 %finished, %chunks
  br i1 %complete, label %end, label %relax
relax:
  PAUSE
  %spun = add i64 %spins, 1
  %long = icmp ugt i64 %spun, 20000
  br i1 %long, label %give, label %again
give:
  YIELD
  br label %again
again:
  br label %wait
end:
  store atomic i64 0, ptr $busy release, align 8
  ret void
}

; Claim one chunk, from the front or from the back, and compute it; false when none is left.
define internal i1 @NAME.claim(i1 %front) {
entry:
  %seen = load atomic i64, ptr $ticket acquire, align 8
  br label %try
try:
  %now = phi i64 [ %seen, %entry ], [ %actual, %claim ]
  %left = and i64 %now, 65535
  %empty = icmp eq i64 %left, 0
  br i1 %empty, label %none, label %claim
claim:
  ; one more taken at this end, one less left
  %taken = select i1 %front, i64 4294967295, i64 65535
  %less = add i64 %now, %taken
  %swap = cmpxchg ptr $ticket, i64 %now, i64 %less acq_rel acquire
  %actual = extractvalue { i64, i1 } %swap, 0
  %won = extractvalue { i64, i1 } %swap, 1
  br i1 %won, label %run, label %try
run:
  %function = load ptr, ptr $function
  %words = load ptr, ptr $words
  %parameters = load ptr, ptr $parameters
  %units = load i64, ptr $units
  %chunks = load i64, ptr $chunks
  %front.field = lshr i64 %now, 32
  %front.taken = and i64 %front.field, 65535
  %back.field = lshr i64 %now, 16
  %back.taken = and i64 %back.field, 65535
  %behind = sub i64 %chunks, %back.taken
  %last.one = sub i64 %behind, 1
  %chunk = select i1 %front, i64 %front.taken, i64 %last.one
  %after = add i64 %chunk, 1
  %from = mul i64 %chunk, %units
  %first = udiv i64 %from, %chunks
  %to = mul i64 %after, %units
  %last = udiv i64 %to, %chunks
  call void %function(ptr %words, ptr %parameters, i64 %first, i64 %last)
  atomicrmw add ptr $done, i64 1 acq_rel
  ret i1 true
none:
  ret i1 false
}

; The life of a worker: claim, spin, sleep; returns when told to stop.
define void @NAME.worker() {
entry:
  %epoch.at = getelementptr i8, ptr $ticket, i64 4
  br label %work
work:
  %more = call i1 @NAME.claim(i1 false)
  br i1 %more, label %work, label %idle
idle:
  %seen = load atomic i32, ptr %epoch.at acquire, align 4
  br label %spin
spin:
  %spins = phi i64 [ 0, %idle ], [ %spun, %pause ]
  %now = load atomic i64, ptr $ticket acquire, align 8
  %left = and i64 %now, 65535
  %any = icmp ne i64 %left, 0
  br i1 %any, label %work, label %check
check:
  %stop = load atomic i64, ptr $stop monotonic, align 8
  %stopped = icmp ne i64 %stop, 0
  br i1 %stopped, label %end, label %tired
tired:
  %enough = icmp ugt i64 %spins, SPINS
  br i1 %enough, label %sleep, label %pause
pause:
  PAUSE
  %spun = add i64 %spins, 1
  br label %spin
sleep:
  atomicrmw add ptr $sleepers, i64 1 seq_cst
  %current = load atomic i32, ptr %epoch.at seq_cst, align 4
  %same = icmp eq i32 %current, %seen
  br i1 %same, label %rest, label %rise
rest:
WAIT
  br label %rise
rise:
  atomicrmw sub ptr $sleepers, i64 1 seq_cst
  br label %work
end:
  ret void
}

; Wake every sleeper without a job, so that it sees `stop`; others may be claiming chunks.
define void @NAME.rouse() {
  atomicrmw add ptr $ticket, i64 281474976710656 seq_cst
  %epoch.at = getelementptr i8, ptr $ticket, i64 4
WAKE
  ret void
}
"""


def text(machine: str) -> str:
    """The pool's IR for a machine ("x86_64", "aarch64", ...); its parts: pool, parallel, worker."""
    arm = machine.lower() in ("arm64", "aarch64")
    x86 = machine.lower() in ("x86_64", "amd64", "i686")
    declarations, wait, wake = _sleep_and_wake(sys.platform, arm)
    pause = _PAUSE["x86" if x86 else "arm" if arm else "other"]
    yields = "" if sys.platform == "win32" else "call i32 @sched_yield()"
    body = _PARALLEL.replace("WAKE", wake).replace("WAIT", wait).replace("SPINS", str(SPINS))
    body = body.replace("PAUSE", pause).replace("YIELD", yields)
    for name in sorted(_FIELDS, key=len, reverse=True):
        place = f"getelementptr inbounds (%Pool, ptr @NAME.pool, i64 0, i32 {_FIELDS[name]})"
        body = body.replace(f"${name}", place)
    if yields:
        declarations += "\ndeclare i32 @sched_yield()"
    return _STATE + declarations + body


# byte offsets of the fields that Python writes
OFFSETS = {"sleepers": 128, "busy": 136, "workers": 232, "stop": 240}
