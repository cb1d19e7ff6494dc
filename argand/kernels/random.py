"""The Mersenne Twister (Matsumoto and Nishimura, 1998) and fills from it.

A state is 625 words of 32 bits: the 624 of MT19937 and the position of the next one. Numbers are
drawn in order by one thread, so a stream depends on the seed alone. Kernels have the usual form;
their words are the state's address, two numbers, and the address of the output::

    seed      state, seed, 0, unused
    raw32     state, count, 0, output: int64, one 32-bit number each
    raw64     state, count, 0, output: int64, two numbers each, the first in the high half
    shuffle   state, count, 0, output: int64, a random permutation of 0 ... count-1
"""


TEXT = """
; Make the next 624 numbers of the sequence.
define internal void @NAME.refill(ptr %state) {
entry:
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %after, %each ]
  %after = add i64 %i, 1
  %wraps = icmp eq i64 %after, 624
  %following = select i1 %wraps, i64 0, i64 %after
  %far = add i64 %i, 397
  %beyond = icmp uge i64 %far, 624
  %back = sub i64 %far, 624
  %middle = select i1 %beyond, i64 %back, i64 %far
  %at = getelementptr i32, ptr %state, i64 %i
  %a = load i32, ptr %at
  %next.at = getelementptr i32, ptr %state, i64 %following
  %b = load i32, ptr %next.at
  %middle.at = getelementptr i32, ptr %state, i64 %middle
  %m = load i32, ptr %middle.at
  %high = and i32 %a, -2147483648
  %low = and i32 %b, 2147483647
  %y = or i32 %high, %low
  %half = lshr i32 %y, 1
  %odd = and i32 %y, 1
  %minus = sub i32 0, %odd
  %twist = and i32 %minus, -1727483681
  %mixed = xor i32 %m, %half
  %new = xor i32 %mixed, %twist
  store i32 %new, ptr %at
  %more = icmp ult i64 %after, 624
  br i1 %more, label %each, label %done
done:
  %place = getelementptr i32, ptr %state, i64 624
  store i32 0, ptr %place
  ret void
}

; The next number, tempered.
define internal i32 @NAME.draw(ptr %state) {
entry:
  %place = getelementptr i32, ptr %state, i64 624
  %position = load i32, ptr %place
  %empty = icmp uge i32 %position, 624
  br i1 %empty, label %fill, label %take
fill:
  call void @NAME.refill(ptr %state)
  br label %take
take:
  %now = load i32, ptr %place
  %index = zext i32 %now to i64
  %at = getelementptr i32, ptr %state, i64 %index
  %y0 = load i32, ptr %at
  %next = add i32 %now, 1
  store i32 %next, ptr %place
  %s1 = lshr i32 %y0, 11
  %y1 = xor i32 %y0, %s1
  %s2 = shl i32 %y1, 7
  %m2 = and i32 %s2, -1658038656
  %y2 = xor i32 %y1, %m2
  %s3 = shl i32 %y2, 15
  %m3 = and i32 %s3, -272236544
  %y3 = xor i32 %y2, %m3
  %s4 = lshr i32 %y3, 18
  %y4 = xor i32 %y3, %s4
  ret i32 %y4
}

define internal i64 @NAME.draw64(ptr %state) {
  %first = call i32 @NAME.draw(ptr %state)
  %second = call i32 @NAME.draw(ptr %state)
  %a = zext i32 %first to i64
  %b = zext i32 %second to i64
  %high = shl i64 %a, 32
  %both = or i64 %high, %b
  ret i64 %both
}

define void @NAME.seed(ptr %words, ptr %parameters, i64 %first, i64 %end) {
entry:
  %state = load ptr, ptr %words
  %seed.at = getelementptr i64, ptr %words, i64 1
  %seed = load i64, ptr %seed.at
  %short = trunc i64 %seed to i32
  store i32 %short, ptr %state
  br label %each
each:
  %i = phi i64 [ 1, %entry ], [ %next, %each ]
  %last = phi i32 [ %short, %entry ], [ %new, %each ]
  %s = lshr i32 %last, 30
  %x = xor i32 %last, %s
  %p = mul i32 %x, 1812433253
  %n = trunc i64 %i to i32
  %new = add i32 %p, %n
  %at = getelementptr i32, ptr %state, i64 %i
  store i32 %new, ptr %at
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, 624
  br i1 %more, label %each, label %done
done:
  %place = getelementptr i32, ptr %state, i64 624
  store i32 624, ptr %place
  ret void
}

define void @NAME.raw32(ptr %words, ptr %parameters, i64 %first, i64 %end) {
entry:
  %state = load ptr, ptr %words
  %count.at = getelementptr i64, ptr %words, i64 1
  %count = load i64, ptr %count.at
  %out.at = getelementptr ptr, ptr %words, i64 3
  %out = load ptr, ptr %out.at
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %go = icmp ult i64 %i, %count
  br i1 %go, label %body, label %done
body:
  %number = call i32 @NAME.draw(ptr %state)
  %wide = zext i32 %number to i64
  %at = getelementptr i64, ptr %out, i64 %i
  store i64 %wide, ptr %at
  %next = add i64 %i, 1
  br label %each
done:
  ret void
}

define void @NAME.raw64(ptr %words, ptr %parameters, i64 %first, i64 %end) {
entry:
  %state = load ptr, ptr %words
  %count.at = getelementptr i64, ptr %words, i64 1
  %count = load i64, ptr %count.at
  %out.at = getelementptr ptr, ptr %words, i64 3
  %out = load ptr, ptr %out.at
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %go = icmp ult i64 %i, %count
  br i1 %go, label %body, label %done
body:
  %number = call i64 @NAME.draw64(ptr %state)
  %at = getelementptr i64, ptr %out, i64 %i
  store i64 %number, ptr %at
  %next = add i64 %i, 1
  br label %each
done:
  ret void
}

define void @NAME.shuffle(ptr %words, ptr %parameters, i64 %first, i64 %end) {
entry:
  %state = load ptr, ptr %words
  %count.at = getelementptr i64, ptr %words, i64 1
  %count = load i64, ptr %count.at
  %out.at = getelementptr ptr, ptr %words, i64 3
  %out = load ptr, ptr %out.at
  br label %number
number:
  %k = phi i64 [ 0, %entry ], [ %k.next, %fill ]
  %k.go = icmp ult i64 %k, %count
  br i1 %k.go, label %fill, label %swaps
fill:
  %k.at = getelementptr i64, ptr %out, i64 %k
  store i64 %k, ptr %k.at
  %k.next = add i64 %k, 1
  br label %number
swaps:
  %last = sub i64 %count, 1
  br label %each
each:
  %i = phi i64 [ 0, %swaps ], [ %next, %swap ]
  %go = icmp slt i64 %i, %last
  br i1 %go, label %swap, label %done
swap:
  %drawn = call i32 @NAME.draw(ptr %state)
  %wide = zext i32 %drawn to i64
  %left = sub i64 %count, %i
  %step = urem i64 %wide, %left
  %other = add i64 %i, %step
  %here.at = getelementptr i64, ptr %out, i64 %i
  %other.at = getelementptr i64, ptr %out, i64 %other
  %here = load i64, ptr %here.at
  %there = load i64, ptr %other.at
  store i64 %there, ptr %here.at
  store i64 %here, ptr %other.at
  %next = add i64 %i, 1
  br label %each
done:
  ret void
}
"""

STATE_WORDS = 625  # 624 numbers and the position of the next
STATE_BYTES = 4 * STATE_WORDS
