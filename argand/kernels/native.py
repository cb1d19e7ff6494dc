"""IR of the runtime that Python calls: buffers of memory, and builtins that launch kernels.

A *buffer* is a Python object whose memory comes from a caching allocator: freed blocks wait in one
list per size class (eight classes per power of two) until a buffer of that class is wanted again.
All of it runs under the GIL, so it needs no locks.

A *plan* is a block of 8-byte words that says how to call a kernel::

    0 function   1 chunks   2 flags (1: release the GIL)   3 number of arguments
    4 bit mask of arguments that are floats   5 bytes of the new output   6 units   7 unused
    8... parameters of the kernel (sizes, strides)

and ``function(words, parameters, first unit, end)`` is a kernel: `words` holds the arguments of the
call (addresses, scalars). Two builtins are bound to a plan: ``run(*arguments)`` calls the kernel,
``new(*arguments)`` also makes the output buffer, passes its address as the last word, returns it.
"""

HEADER = object.__basicsize__  # bytes of a Python object before its own fields
PLAN_WORDS = 8  # words of a plan before the kernel's parameters
MAX_ARGUMENTS = 64
PADDING = 128  # bytes after each block, so that a full vector may be read at its end
CLASSES = 336

# fields of a buffer object, in order, from HEADER on; offsets for PyMemberDef
FIELDS = {"ptr": 0, "nbytes": 8, "version": 16, "base": 24, "bin": 32}
OBJECT_SIZE = HEADER + 40

# ruff: noqa: E501 - constants of IR are one line each

_TEXT = """
@NAME.type = global ptr null
@NAME.live = global i64 0     ; bytes in buffers that are in use
@NAME.peak = global i64 0     ; the most that `live` has been
@NAME.cached = global i64 0   ; bytes in blocks that wait to be used again
@NAME.limit = global i64 0    ; cached bytes above which blocks go back to the system
@NAME.bins = global [CLASSES x ptr] zeroinitializer
@PyExc_TypeError = external global ptr
@PyExc_MemoryError = external global ptr
@_Py_NoneStruct = external global i8
@NAME.count_text = private constant [53 x i8] c"kernel launch: %zd arguments are needed, but got %zd\\00"
@NAME.memory_text = private constant [58 x i8] c"out of memory: %lld bytes were asked for, %lld are in use\\00"

declare ptr @_PyObject_New(ptr)
declare void @PyObject_Free(ptr)
declare void @Py_DecRef(ptr)
declare void @Py_IncRef(ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyErr_Occurred()
declare ptr @PyErr_Format(ptr, ptr, ...)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare i64 @llvm.ctlz.i64(i64, i1)
declare void @argand_parallel(ptr, ptr, ptr, i64, i64)
SYSTEM

; The size class of a request and the bytes of a block of that class.
define internal { i64, i64 } @NAME.size_class(i64 %bytes) {
  %small = icmp ule i64 %bytes, 512
  br i1 %small, label %linear, label %steps
linear:
  %up = add i64 %bytes, 63
  %by64 = lshr i64 %up, 6
  %zero = icmp eq i64 %by64, 0
  %bin.small = select i1 %zero, i64 1, i64 %by64
  %size.small = shl i64 %bin.small, 6
  %a = insertvalue { i64, i64 } undef, i64 %bin.small, 0
  %b = insertvalue { i64, i64 } %a, i64 %size.small, 1
  ret { i64, i64 } %b
steps:
  %less = sub i64 %bytes, 1
  %zeros = call i64 @llvm.ctlz.i64(i64 %less, i1 true)
  %power = sub i64 63, %zeros
  %shift = sub i64 %power, 3
  %step = lshr i64 %less, %shift
  %after = add i64 %step, 1
  %size = shl i64 %after, %shift
  %octave = sub i64 %power, 9
  %first = shl i64 %octave, 3
  %within = add i64 %step, 1
  %bin = add i64 %first, %within
  %c = insertvalue { i64, i64 } undef, i64 %bin, 0
  %d = insertvalue { i64, i64 } %c, i64 %size, 1
  ret { i64, i64 } %d
}

; Give all waiting blocks back to the system.
define void @NAME.trim() {
entry:
  br label %bins
bins:
  %i = phi i64 [ 0, %entry ], [ %next, %empty ]
  %at = getelementptr [CLASSES x ptr], ptr @NAME.bins, i64 0, i64 %i
  br label %blocks
blocks:
  %block = load ptr, ptr %at
  %none = icmp eq ptr %block, null
  br i1 %none, label %empty, label %release
release:
  %following = load ptr, ptr %block
  store ptr %following, ptr %at
  call void @FREE(ptr %block)
  br label %blocks
empty:
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, CLASSES
  br i1 %more, label %bins, label %end
end:
  store i64 0, ptr @NAME.cached
  ret void
}

; A block of at least %size bytes from the system; null when there is none.
define internal ptr @NAME.from_system(i64 %size) {
  %padded = add i64 %size, PADDING
ALLOCATE
  ret ptr %block
}

; A new buffer object, or null with MemoryError set.
define ptr @NAME.make(i64 %bytes) {
entry:
  %class = call { i64, i64 } @NAME.size_class(i64 %bytes)
  %bin = extractvalue { i64, i64 } %class, 0
  %size = extractvalue { i64, i64 } %class, 1
  %huge = icmp ugt i64 %bytes, 140737488355328
  br i1 %huge, label %fail, label %look
look:
  %at = getelementptr [CLASSES x ptr], ptr @NAME.bins, i64 0, i64 %bin
  %waiting = load ptr, ptr %at
  %none = icmp eq ptr %waiting, null
  br i1 %none, label %fresh, label %reuse
reuse:
  %following = load ptr, ptr %waiting
  store ptr %following, ptr %at
  %cached = load i64, ptr @NAME.cached
  %cached.left = sub i64 %cached, %size
  store i64 %cached.left, ptr @NAME.cached
  br label %object
fresh:
  %first = call ptr @NAME.from_system(i64 %size)
  %refused = icmp eq ptr %first, null
  br i1 %refused, label %retry, label %object
retry:
  call void @NAME.trim()
  %second = call ptr @NAME.from_system(i64 %size)
  %failed = icmp eq ptr %second, null
  br i1 %failed, label %fail, label %object
object:
  %data = phi ptr [ %waiting, %reuse ], [ %first, %fresh ], [ %second, %retry ]
  %type = load ptr, ptr @NAME.type
  %self = call ptr @_PyObject_New(ptr %type)
  %ptr.at = getelementptr i8, ptr %self, i64 HEADER
  store ptr %data, ptr %ptr.at
  %nbytes.at = getelementptr i8, ptr %ptr.at, i64 8
  store i64 %bytes, ptr %nbytes.at
  %version.at = getelementptr i8, ptr %ptr.at, i64 16
  store i64 0, ptr %version.at
  %base.at = getelementptr i8, ptr %ptr.at, i64 24
  store ptr null, ptr %base.at
  %bin.at = getelementptr i8, ptr %ptr.at, i64 32
  store i64 %bin, ptr %bin.at
  %live = load i64, ptr @NAME.live
  %live.now = add i64 %live, %size
  store i64 %live.now, ptr @NAME.live
  %peak = load i64, ptr @NAME.peak
  %higher = icmp ugt i64 %live.now, %peak
  br i1 %higher, label %record, label %done
record:
  store i64 %live.now, ptr @NAME.peak
  br label %done
done:
  ret ptr %self
fail:
  %used = load i64, ptr @NAME.live
  %error = load ptr, ptr @PyExc_MemoryError
  call ptr (ptr, ptr, ...) @PyErr_Format(ptr %error, ptr @NAME.memory_text, i64 %bytes, i64 %used)
  ret ptr null
}

; tp_dealloc of buffers: the block waits for its next use.
define void @NAME.dealloc(ptr %self) {
entry:
  %ptr.at = getelementptr i8, ptr %self, i64 HEADER
  %base.at = getelementptr i8, ptr %ptr.at, i64 24
  %base = load ptr, ptr %base.at
  %bin.at = getelementptr i8, ptr %ptr.at, i64 32
  %bin = load i64, ptr %bin.at
  %data = load ptr, ptr %ptr.at
  %borrowed = icmp eq i64 %bin, 0
  br i1 %borrowed, label %object, label %owned
owned:
  %nbytes.at = getelementptr i8, ptr %ptr.at, i64 8
  %bytes = load i64, ptr %nbytes.at
  %class = call { i64, i64 } @NAME.size_class(i64 %bytes)
  %size = extractvalue { i64, i64 } %class, 1
  %live = load i64, ptr @NAME.live
  %live.now = sub i64 %live, %size
  store i64 %live.now, ptr @NAME.live
  %cached = load i64, ptr @NAME.cached
  %cached.now = add i64 %cached, %size
  %limit = load i64, ptr @NAME.limit
  %full = icmp ugt i64 %cached.now, %limit
  br i1 %full, label %release, label %keep
release:
  call void @FREE(ptr %data)
  br label %object
keep:
  store i64 %cached.now, ptr @NAME.cached
  %at = getelementptr [CLASSES x ptr], ptr @NAME.bins, i64 0, i64 %bin
  %head = load ptr, ptr %at
  store ptr %head, ptr %data
  store ptr %data, ptr %at
  br label %object
object:
  call void @Py_DecRef(ptr %base)
  %type.at = getelementptr i8, ptr %self, i64 TYPE_AT
  %type = load ptr, ptr %type.at
  call void @PyObject_Free(ptr %self)
  call void @Py_DecRef(ptr %type)
  ret void
}

; allocate(nbytes) -> buffer
define ptr @NAME.allocate(ptr %unused, ptr %argument) {
  %bytes = call i64 @PyLong_AsLongLong(ptr %argument)
  %negative = icmp slt i64 %bytes, 0
  br i1 %negative, label %check, label %make
check:
  %error = call ptr @PyErr_Occurred()
  %clean = icmp eq ptr %error, null
  br i1 %clean, label %make, label %fail
make:
  %buffer = call ptr @NAME.make(i64 %bytes)
  ret ptr %buffer
fail:
  ret ptr null
}

; wrap(address, nbytes, base) -> a buffer over memory that `base` keeps alive
define ptr @NAME.wrap(ptr %unused, ptr %arguments, i64 %count) {
  %three = icmp eq i64 %count, 3
  br i1 %three, label %read, label %wrong
wrong:
  %error = load ptr, ptr @PyExc_TypeError
  call ptr (ptr, ptr, ...) @PyErr_Format(ptr %error, ptr @NAME.count_text, i64 3, i64 %count)
  ret ptr null
read:
  %address.object = load ptr, ptr %arguments
  %address = call i64 @PyLong_AsLongLong(ptr %address.object)
  %size.at = getelementptr ptr, ptr %arguments, i64 1
  %size.object = load ptr, ptr %size.at
  %size = call i64 @PyLong_AsLongLong(ptr %size.object)
  %failed = call ptr @PyErr_Occurred()
  %clean = icmp eq ptr %failed, null
  br i1 %clean, label %make, label %fail
make:
  %base.from = getelementptr ptr, ptr %arguments, i64 2
  %base = load ptr, ptr %base.from
  call void @Py_IncRef(ptr %base)
  %type = load ptr, ptr @NAME.type
  %self = call ptr @_PyObject_New(ptr %type)
  %ptr.at = getelementptr i8, ptr %self, i64 HEADER
  store i64 %address, ptr %ptr.at
  %nbytes.at = getelementptr i8, ptr %ptr.at, i64 8
  store i64 %size, ptr %nbytes.at
  %version.at = getelementptr i8, ptr %ptr.at, i64 16
  store i64 0, ptr %version.at
  %base.at = getelementptr i8, ptr %ptr.at, i64 24
  store ptr %base, ptr %base.at
  %bin.at = getelementptr i8, ptr %ptr.at, i64 32
  store i64 0, ptr %bin.at
  ret ptr %self
fail:
  ret ptr null
}

; Convert the arguments of a call to words; false with an error set when that fails.
define internal i1 @NAME.convert(ptr %plan, ptr %arguments, i64 %count, ptr %words) {
entry:
  %expected.at = getelementptr i64, ptr %plan, i64 3
  %expected = load i64, ptr %expected.at
  %right = icmp eq i64 %count, %expected
  br i1 %right, label %begin, label %wrong
wrong:
  %error = load ptr, ptr @PyExc_TypeError
  call ptr (ptr, ptr, ...) @PyErr_Format(ptr %error, ptr @NAME.count_text, i64 %expected, i64 %count)
  ret i1 false
begin:
  %mask.at = getelementptr i64, ptr %plan, i64 4
  %mask = load i64, ptr %mask.at
  %empty = icmp eq i64 %count, 0
  br i1 %empty, label %done, label %each
each:
  %i = phi i64 [ 0, %begin ], [ %next, %following ]
  %object.at = getelementptr ptr, ptr %arguments, i64 %i
  %object = load ptr, ptr %object.at
  %word.at = getelementptr i64, ptr %words, i64 %i
  %shifted = lshr i64 %mask, %i
  %is_float = trunc i64 %shifted to i1
  br i1 %is_float, label %float, label %integer
float:
  %number = call double @PyFloat_AsDouble(ptr %object)
  store double %number, ptr %word.at
  %maybe.float = fcmp oeq double %number, -1.0
  br i1 %maybe.float, label %check, label %following
integer:
  %value = call i64 @PyLong_AsLongLong(ptr %object)
  store i64 %value, ptr %word.at
  %maybe.integer = icmp eq i64 %value, -1
  br i1 %maybe.integer, label %check, label %following
check:
  %failed = call ptr @PyErr_Occurred()
  %clean = icmp eq ptr %failed, null
  br i1 %clean, label %following, label %fail
following:
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %count
  br i1 %more, label %each, label %done
done:
  ret i1 true
fail:
  ret i1 false
}

define internal void @NAME.execute(ptr %plan, ptr %words) {
  %flags.at = getelementptr i64, ptr %plan, i64 2
  %flags = load i64, ptr %flags.at
  %unlocked = trunc i64 %flags to i1
  br i1 %unlocked, label %unlock, label %locked
locked:
  call void @NAME.compute(ptr %plan, ptr %words)
  ret void
unlock:
  %thread = call ptr @PyEval_SaveThread()
  call void @NAME.compute(ptr %plan, ptr %words)
  call void @PyEval_RestoreThread(ptr %thread)
  ret void
}

; A single chunk does not take the pool: it may be a driver that shares its parts itself.
define internal void @NAME.compute(ptr %plan, ptr %words) {
  %function = load ptr, ptr %plan
  %chunks.at = getelementptr i64, ptr %plan, i64 1
  %chunks = load i64, ptr %chunks.at
  %units.at = getelementptr i64, ptr %plan, i64 6
  %units = load i64, ptr %units.at
  %parameters = getelementptr i64, ptr %plan, i64 PLAN_WORDS
  %single = icmp ule i64 %chunks, 1
  br i1 %single, label %alone, label %together
alone:
  call void %function(ptr %words, ptr %parameters, i64 0, i64 %units)
  ret void
together:
  call void @argand_parallel(ptr %function, ptr %words, ptr %parameters, i64 %units, i64 %chunks)
  ret void
}

define ptr @NAME.run(ptr %self, ptr %arguments, i64 %count) {
  %words = alloca [MAX_ARGUMENTS x i64], align 16
  %plan.at = getelementptr i8, ptr %self, i64 HEADER
  %plan = load ptr, ptr %plan.at
  %good = call i1 @NAME.convert(ptr %plan, ptr %arguments, i64 %count, ptr %words)
  br i1 %good, label %call, label %fail
call:
  call void @NAME.execute(ptr %plan, ptr %words)
  call void @Py_IncRef(ptr @_Py_NoneStruct)
  ret ptr @_Py_NoneStruct
fail:
  ret ptr null
}

define ptr @NAME.new(ptr %self, ptr %arguments, i64 %count) {
  %words = alloca [MAX_ARGUMENTS x i64], align 16
  %plan.at = getelementptr i8, ptr %self, i64 HEADER
  %plan = load ptr, ptr %plan.at
  %good = call i1 @NAME.convert(ptr %plan, ptr %arguments, i64 %count, ptr %words)
  br i1 %good, label %make, label %fail
make:
  %bytes.at = getelementptr i64, ptr %plan, i64 5
  %bytes = load i64, ptr %bytes.at
  %buffer = call ptr @NAME.make(i64 %bytes)
  %none = icmp eq ptr %buffer, null
  br i1 %none, label %fail, label %call
call:
  %ptr.at = getelementptr i8, ptr %buffer, i64 HEADER
  %data = load i64, ptr %ptr.at
  %last.at = getelementptr i64, ptr %words, i64 %count
  store i64 %data, ptr %last.at
  call void @NAME.execute(ptr %plan, ptr %words)
  ret ptr %buffer
fail:
  ret ptr null
}
"""

_POSIX = """
declare i32 @posix_memalign(ptr, i64, i64)
declare void @free(ptr)
"""
_POSIX_ALLOCATE = """
  %place = alloca ptr
  store ptr null, ptr %place
  %status = call i32 @posix_memalign(ptr %place, i64 64, i64 %padded)
  %block = load ptr, ptr %place
"""
_LINUX = _POSIX + "declare i32 @madvise(ptr, i64, i32)"
# Large blocks ask for huge pages: fewer page faults when they are new, fewer TLB misses later.
_LINUX_ALLOCATE = """
  %place = alloca ptr
  store ptr null, ptr %place
  %large = icmp uge i64 %padded, 4194304
  %alignment = select i1 %large, i64 2097152, i64 64
  %status = call i32 @posix_memalign(ptr %place, i64 %alignment, i64 %padded)
  %block = load ptr, ptr %place
  %got = icmp ne ptr %block, null
  %advise = and i1 %large, %got
  br i1 %advise, label %huge, label %done
huge:
  call i32 @madvise(ptr %block, i64 %padded, i32 14) ; MADV_HUGEPAGE
  br label %done
done:
"""
_WINDOWS = """
declare ptr @_aligned_malloc(i64, i64)
declare void @_aligned_free(ptr)
"""
_WINDOWS_ALLOCATE = "  %block = call ptr @_aligned_malloc(i64 %padded, i64 64)"


def text(platform: str) -> str:
    """The runtime's IR; its parts: type, live, peak, cached, limit, allocate, wrap, run, new..."""
    windows = platform == "win32"
    system, allocate = _WINDOWS if windows else _POSIX, _POSIX_ALLOCATE
    if windows:
        allocate = _WINDOWS_ALLOCATE
    elif platform.startswith("linux"):
        system, allocate = _LINUX, _LINUX_ALLOCATE
    words = {
        "SYSTEM": system,
        "ALLOCATE": allocate,
        "FREE": "_aligned_free" if windows else "free",
        "TYPE_AT": str(HEADER - 8),
        "HEADER": str(HEADER),
        "PLAN_WORDS": str(PLAN_WORDS),
        "MAX_ARGUMENTS": str(MAX_ARGUMENTS),
        "PADDING": str(PADDING),
        "CLASSES": str(CLASSES),
    }
    result = _TEXT
    for word, value in words.items():
        result = result.replace(word, value)
    return result
