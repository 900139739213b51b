;; The kernel of wordcount.ts: counts the newlines and the words of bytes in memory.
;;
;; Every byte is in one of three classes. A *word* character starts a word or goes on with it,
;; a *space* ends it, and a *neutral* one (a control character, a byte of an invalid sequence, an
;; unassigned code point) changes nothing, as wc has it. Of a character of several bytes the first
;; one carries the class, the others are neutral. So
;;
;; - a word is counted where a word character comes and the last byte before it that isn't neutral
;;   is a space, or there is none;
;; - a character that is cut off, by the end or by a byte that doesn't belong to it, is neutral,
;;   which can be told from up to three bytes behind its first.
;;
;; Bytes are looked at 64 or 128 at once. A mask is an i64 with one bit for each of 64 bytes, the
;; first one lowest. The same few lines come four or eight times where a call for each would cost
;; more than all of them: V8 doesn't inline such calls reliably.

(module
  (import "env" "memory" (memory 1 65536 shared))
  ;; Where the tables of _wordcount_classes.ts are in memory:
  ;;      0  224 bytes for the last bytes, with zeros behind them
  ;;    224  16 masks, by the lower half of a first byte: which upper halves (C, D, E, F: bits 0 to
  ;;         3) make it one whose characters are all word characters
  ;;    240  16 masks, by the upper half of a byte: its bit
  ;;    256  records of 16 bytes: of 64 code points, which are word characters, which are spaces
  ;;   8448  numbers of records (u16), by the code point / 64, for characters of four bytes
  ;;   8064  numbers of records (u16), by the first two bytes (little-endian, 80C0 to BFFF), for
  ;;         characters of two or three bytes; for two bytes a record holds 64 times the same
  (import "env" "tables" (global $tables i32))
  ;; Whether the bytes are UTF-8; otherwise all from 80 on are neutral.
  (import "env" "utf8" (global $utf8 i32))

  (global $lines (mut i32) (i32.const 0))
  (global $words (mut i32) (i32.const 0))
  ;; The first class that isn't neutral: 0 for none, 1 for space, 2 for word.
  (global $first (mut i32) (i32.const 0))
  ;; Whether the last class that isn't neutral is word.
  (global $inside (mut i32) (i32.const 0))

  ;; Counts from `begin` to `end`, as if a word might start at `begin`, and returns how many
  ;; newlines and words there are, and the first and the last class that isn't neutral. Up to three
  ;; bytes from `end` to `limit` may tell whether the last character is whole.
  (func (export "count") (param $begin i32) (param $end i32) (param $limit i32)
    (result i32 i32 i32 i32)
    (global.set $lines (i32.const 0))
    (global.set $words (i32.const 0))
    (global.set $first (i32.const 0))
    (global.set $inside (i32.const 0))
    (if (i32.gt_u (i32.sub (local.get $limit) (local.get $end)) (i32.const 3))
      (then (local.set $limit (i32.add (local.get $end) (i32.const 3)))))
    (block $tail
      (loop $more
        ;; $mixed reads 80 bytes, and three of them may be behind the end.
        (br_if $tail (i32.lt_u (i32.sub (local.get $limit) (local.get $begin)) (i32.const 83)))
        (local.set $begin
          (call $mixed
            (local.get $begin)
            (i32.sub (local.get $limit) (i32.const 82))
            (i64.const -1)))
        (br_if $more (i32.eqz (global.get $first)))
        (br_if $more
          (i32.lt_u (i32.sub (local.get $limit) (local.get $begin)) (i32.const 131)))
        (local.set $begin
          (call $plain (local.get $begin) (i32.sub (local.get $limit) (i32.const 130))))
        (br $more)))
    ;; The rest, where it may be read beyond.
    (memory.fill (global.get $tables) (i32.const 0) (i32.const 224))
    (memory.copy (global.get $tables) (local.get $begin)
      (i32.sub (local.get $limit) (local.get $begin)))
    (local.set $end (i32.sub (local.get $end) (local.get $begin)))
    (local.set $begin (global.get $tables))
    (block $done
      (loop $more
        (br_if $done (i32.le_s (local.get $end) (i32.const 0)))
        (local.set $begin
          (call $mixed (local.get $begin) (i32.const 0)
            (select
              (i64.const -1)
              (i64.shr_u
                (i64.const -1)
                (i64.extend_i32_u (i32.sub (i32.const 64) (local.get $end))))
              (i32.ge_s (local.get $end) (i32.const 64)))))
        (local.set $end (i32.sub (local.get $end) (i32.const 64)))
        (br $more)))
    (global.get $lines)
    (global.get $words)
    (global.get $first)
    (select
      (i32.add (global.get $inside) (i32.const 1))
      (i32.const 0)
      (global.get $first)))

  ;; Counts 128 bytes at once from $p on, before `stop`, and returns where it stopped: at the first
  ;; 128 that aren't all either 09..0D, 20 or 21..7E. Reads the byte before $p.
  (func $plain (param $p i32) (param $stop i32) (result i32)
    (local $9 v128) (local $10 v128) (local $14 v128) (local $18 v128) (local $32 v128)
    (local $117 v128)
    (local $lines v128) (local $words v128)
    (local $begin i32) (local $before i32)
    ;; As locals they stay in registers.
    (local.set $9 (i8x16.splat (i32.const 9)))
    (local.set $10 (i8x16.splat (i32.const 10)))
    (local.set $14 (i8x16.splat (i32.const 14)))
    (local.set $18 (i8x16.splat (i32.const 18)))
    (local.set $32 (i8x16.splat (i32.const 32)))
    (local.set $117 (i8x16.splat (i32.const 117)))
    (local.set $begin (local.get $p))
    (block $done
      (loop $blocks
        (br_if $done (i32.ge_u (local.get $p) (local.get $stop)))
        (br_if $done
          (v128.any_true
            (v128.or
              ;; 00..08 and 7F..FF: their distance from 09, modulo 256, is more than 7E's.
              (i8x16.sub_sat_u
                (i8x16.max_u
                  (i8x16.max_u
                    (i8x16.max_u
                      (i8x16.sub (v128.load (local.get $p)) (local.get $9))
                      (i8x16.sub (v128.load offset=16 (local.get $p)) (local.get $9)))
                    (i8x16.max_u
                      (i8x16.sub (v128.load offset=32 (local.get $p)) (local.get $9))
                      (i8x16.sub (v128.load offset=48 (local.get $p)) (local.get $9))))
                  (i8x16.max_u
                    (i8x16.max_u
                      (i8x16.sub (v128.load offset=64 (local.get $p)) (local.get $9))
                      (i8x16.sub (v128.load offset=80 (local.get $p)) (local.get $9)))
                    (i8x16.max_u
                      (i8x16.sub (v128.load offset=96 (local.get $p)) (local.get $9))
                      (i8x16.sub (v128.load offset=112 (local.get $p)) (local.get $9)))))
                (local.get $117))
              ;; 0E..1F: their distance from 0E is less than 20's.
              (i8x16.sub_sat_u
                (local.get $18)
                (i8x16.min_u
                  (i8x16.min_u
                    (i8x16.min_u
                      (i8x16.sub (v128.load (local.get $p)) (local.get $14))
                      (i8x16.sub (v128.load offset=16 (local.get $p)) (local.get $14)))
                    (i8x16.min_u
                      (i8x16.sub (v128.load offset=32 (local.get $p)) (local.get $14))
                      (i8x16.sub (v128.load offset=48 (local.get $p)) (local.get $14))))
                  (i8x16.min_u
                    (i8x16.min_u
                      (i8x16.sub (v128.load offset=64 (local.get $p)) (local.get $14))
                      (i8x16.sub (v128.load offset=80 (local.get $p)) (local.get $14)))
                    (i8x16.min_u
                      (i8x16.sub (v128.load offset=96 (local.get $p)) (local.get $14))
                      (i8x16.sub (v128.load offset=112 (local.get $p)) (local.get $14)))))))))
        ;; A word starts where a byte is above 20 and the one before it is not. A comparison that
        ;; holds is -1, and so these are sums of negative numbers.
        (local.set $before (i32.sub (local.get $p) (i32.const 1)))
        (local.set $words
          (i32x4.add
            (local.get $words)
            (i32x4.extadd_pairwise_i16x8_s
              (i16x8.extadd_pairwise_i8x16_s
                (i8x16.add
                  (i8x16.add
                    (i8x16.add
                      (v128.andnot
                        (i8x16.gt_s (v128.load (local.get $p)) (local.get $32))
                        (i8x16.gt_s (v128.load (local.get $before)) (local.get $32)))
                      (v128.andnot
                        (i8x16.gt_s (v128.load offset=16 (local.get $p)) (local.get $32))
                        (i8x16.gt_s (v128.load offset=16 (local.get $before)) (local.get $32))))
                    (i8x16.add
                      (v128.andnot
                        (i8x16.gt_s (v128.load offset=32 (local.get $p)) (local.get $32))
                        (i8x16.gt_s (v128.load offset=32 (local.get $before)) (local.get $32)))
                      (v128.andnot
                        (i8x16.gt_s (v128.load offset=48 (local.get $p)) (local.get $32))
                        (i8x16.gt_s (v128.load offset=48 (local.get $before)) (local.get $32)))))
                  (i8x16.add
                    (i8x16.add
                      (v128.andnot
                        (i8x16.gt_s (v128.load offset=64 (local.get $p)) (local.get $32))
                        (i8x16.gt_s (v128.load offset=64 (local.get $before)) (local.get $32)))
                      (v128.andnot
                        (i8x16.gt_s (v128.load offset=80 (local.get $p)) (local.get $32))
                        (i8x16.gt_s (v128.load offset=80 (local.get $before)) (local.get $32))))
                    (i8x16.add
                      (v128.andnot
                        (i8x16.gt_s (v128.load offset=96 (local.get $p)) (local.get $32))
                        (i8x16.gt_s (v128.load offset=96 (local.get $before)) (local.get $32)))
                      (v128.andnot
                        (i8x16.gt_s (v128.load offset=112 (local.get $p)) (local.get $32))
                        (i8x16.gt_s (v128.load offset=112 (local.get $before)) (local.get $32))))))))))
        (local.set $lines
          (i32x4.add
            (local.get $lines)
            (i32x4.extadd_pairwise_i16x8_s
              (i16x8.extadd_pairwise_i8x16_s
                (i8x16.add
                  (i8x16.add
                    (i8x16.add
                      (i8x16.eq (v128.load (local.get $p)) (local.get $10))
                      (i8x16.eq (v128.load offset=16 (local.get $p)) (local.get $10)))
                    (i8x16.add
                      (i8x16.eq (v128.load offset=32 (local.get $p)) (local.get $10))
                      (i8x16.eq (v128.load offset=48 (local.get $p)) (local.get $10))))
                  (i8x16.add
                    (i8x16.add
                      (i8x16.eq (v128.load offset=64 (local.get $p)) (local.get $10))
                      (i8x16.eq (v128.load offset=80 (local.get $p)) (local.get $10)))
                    (i8x16.add
                      (i8x16.eq (v128.load offset=96 (local.get $p)) (local.get $10))
                      (i8x16.eq (v128.load offset=112 (local.get $p)) (local.get $10)))))))))
        (local.set $p (i32.add (local.get $p) (i32.const 128)))
        (br $blocks)))
    (if (i32.eq (local.get $p) (local.get $begin))
      (then (return (local.get $p))))
    ;; The byte before the first one may be neutral: $inside knows better than it.
    (local.set $before (i32.sub (local.get $begin) (i32.const 1)))
    (if (i32.gt_s (i32.load8_s (local.get $begin)) (i32.const 32))
      (then
        (global.set $words
          (i32.add
            (global.get $words)
            (i32.sub
              (i32.gt_s (i32.load8_s (local.get $before)) (i32.const 32))
              (global.get $inside))))))
    (global.set $inside
      (i32.gt_s (i32.load8_s (i32.sub (local.get $p) (i32.const 1))) (i32.const 32)))
    (global.set $words (i32.sub (global.get $words) (call $sum (local.get $words))))
    (global.set $lines (i32.sub (global.get $lines) (call $sum (local.get $lines))))
    (local.get $p))

  (func $sum (param $lanes v128) (result i32)
    (i32.add
      (i32.add
        (i32x4.extract_lane 0 (local.get $lanes))
        (i32x4.extract_lane 1 (local.get $lanes)))
      (i32.add
        (i32x4.extract_lane 2 (local.get $lanes))
        (i32x4.extract_lane 3 (local.get $lanes)))))

  ;; Counts 64 bytes at once, whatever they are, from $p on, and returns where it stopped: at
  ;; `stop`, or after 64 that $plain would have taken. Only bytes whose bit is in `valid` count. At
  ;; least the first 64 are counted, and up to 80 may be read.
  (func $mixed (param $p i32) (param $stop i32) (param $valid i64) (result i32)
    (local $x0 v128) (local $x1 v128) (local $x2 v128) (local $x3 v128)
    (local $5 v128) (local $9 v128) (local $10 v128) (local $15 v128) (local $32 v128)
    (local $127 v128)
    (local $behind v128) (local $lead3 v128) (local $lead4 v128)
    (local $lowEasy v128) (local $highEasy v128)
    (local $word i64) (local $space i64) (local $neutral i64)
    (local $high i64) (local $behinds i64) (local $next i64)
    (local $whole i64) (local $hard i64) (local $bit i64)
    (local $q i32) (local $pair i32) (local $record i32) (local $place i64)
    (local $afterSpace i64) (local $flood i64)
    (local.set $5 (i8x16.splat (i32.const 5)))
    (local.set $9 (i8x16.splat (i32.const 9)))
    (local.set $10 (i8x16.splat (i32.const 10)))
    (local.set $15 (i8x16.splat (i32.const 15)))
    (local.set $32 (i8x16.splat (i32.const 32)))
    (local.set $127 (i8x16.splat (i32.const 127)))
    (local.set $behind (i8x16.splat (i32.const 0xC0)))
    (local.set $lead3 (i8x16.splat (i32.const 0xDF)))
    (local.set $lead4 (i8x16.splat (i32.const 0xEF)))
    (local.set $lowEasy (v128.load offset=224 (global.get $tables)))
    (local.set $highEasy (v128.load offset=240 (global.get $tables)))
    (loop $blocks
      (local.set $x0 (v128.load (local.get $p)))
      (local.set $x1 (v128.load offset=16 (local.get $p)))
      (local.set $x2 (v128.load offset=32 (local.get $p)))
      (local.set $x3 (v128.load offset=48 (local.get $p)))
      ;; 21..7E
      (local.set $word
        (i64.or
          (i64.or
            (i64.extend_i32_u
              (i8x16.bitmask
                (v128.andnot
                  (i8x16.gt_s (local.get $x0) (local.get $32))
                  (i8x16.eq (local.get $x0) (local.get $127)))))
            (i64.shl
              (i64.extend_i32_u
                (i8x16.bitmask
                  (v128.andnot
                    (i8x16.gt_s (local.get $x1) (local.get $32))
                    (i8x16.eq (local.get $x1) (local.get $127)))))
              (i64.const 16)))
          (i64.or
            (i64.shl
              (i64.extend_i32_u
                (i8x16.bitmask
                  (v128.andnot
                    (i8x16.gt_s (local.get $x2) (local.get $32))
                    (i8x16.eq (local.get $x2) (local.get $127)))))
              (i64.const 32))
            (i64.shl
              (i64.extend_i32_u
                (i8x16.bitmask
                  (v128.andnot
                    (i8x16.gt_s (local.get $x3) (local.get $32))
                    (i8x16.eq (local.get $x3) (local.get $127)))))
              (i64.const 48)))))
      ;; 20, 09..0D
      (local.set $space
        (i64.or
          (i64.or
            (i64.extend_i32_u
              (i8x16.bitmask
                (v128.or
                  (i8x16.eq (local.get $x0) (local.get $32))
                  (i8x16.lt_u (i8x16.sub (local.get $x0) (local.get $9)) (local.get $5)))))
            (i64.shl
              (i64.extend_i32_u
                (i8x16.bitmask
                  (v128.or
                    (i8x16.eq (local.get $x1) (local.get $32))
                    (i8x16.lt_u (i8x16.sub (local.get $x1) (local.get $9)) (local.get $5)))))
              (i64.const 16)))
          (i64.or
            (i64.shl
              (i64.extend_i32_u
                (i8x16.bitmask
                  (v128.or
                    (i8x16.eq (local.get $x2) (local.get $32))
                    (i8x16.lt_u (i8x16.sub (local.get $x2) (local.get $9)) (local.get $5)))))
              (i64.const 32))
            (i64.shl
              (i64.extend_i32_u
                (i8x16.bitmask
                  (v128.or
                    (i8x16.eq (local.get $x3) (local.get $32))
                    (i8x16.lt_u (i8x16.sub (local.get $x3) (local.get $9)) (local.get $5)))))
              (i64.const 48)))))
      (global.set $lines
        (i32.add
          (global.get $lines)
          (i32.wrap_i64
            (i64.popcnt
              (i64.and
                (local.get $valid)
                (i64.or
                  (i64.or
                    (i64.extend_i32_u
                      (i8x16.bitmask (i8x16.eq (local.get $x0) (local.get $10))))
                    (i64.shl
                      (i64.extend_i32_u
                        (i8x16.bitmask (i8x16.eq (local.get $x1) (local.get $10))))
                      (i64.const 16)))
                  (i64.or
                    (i64.shl
                      (i64.extend_i32_u
                        (i8x16.bitmask (i8x16.eq (local.get $x2) (local.get $10))))
                      (i64.const 32))
                    (i64.shl
                      (i64.extend_i32_u
                        (i8x16.bitmask (i8x16.eq (local.get $x3) (local.get $10))))
                      (i64.const 48)))))))))
      (if
        (select
          (i8x16.bitmask
            (v128.or
              (v128.or (local.get $x0) (local.get $x1))
              (v128.or (local.get $x2) (local.get $x3))))
          (i32.const 0)
          (global.get $utf8))
        (then
          ;; 80..FF
          (local.set $high
            (i64.or
              (i64.or
                (i64.extend_i32_u (i8x16.bitmask (local.get $x0)))
                (i64.shl (i64.extend_i32_u (i8x16.bitmask (local.get $x1))) (i64.const 16)))
              (i64.or
                (i64.shl (i64.extend_i32_u (i8x16.bitmask (local.get $x2))) (i64.const 32))
                (i64.shl (i64.extend_i32_u (i8x16.bitmask (local.get $x3))) (i64.const 48)))))
          ;; 80..BF, the bytes behind the first one; here and in the next 16
          (local.set $behinds
            (i64.or
              (i64.or
                (i64.extend_i32_u
                  (i8x16.bitmask (i8x16.lt_s (local.get $x0) (local.get $behind))))
                (i64.shl
                  (i64.extend_i32_u
                    (i8x16.bitmask (i8x16.lt_s (local.get $x1) (local.get $behind))))
                  (i64.const 16)))
              (i64.or
                (i64.shl
                  (i64.extend_i32_u
                    (i8x16.bitmask (i8x16.lt_s (local.get $x2) (local.get $behind))))
                  (i64.const 32))
                (i64.shl
                  (i64.extend_i32_u
                    (i8x16.bitmask (i8x16.lt_s (local.get $x3) (local.get $behind))))
                  (i64.const 48)))))
          (local.set $next
            (i64.extend_i32_u
              (i8x16.bitmask
                (i8x16.lt_s (v128.load offset=64 (local.get $p)) (local.get $behind)))))
          ;; First bytes, C0..FF, that have one such byte behind them, E0..FF two, F0..FF three.
          (local.set $whole
            (i64.and
              (i64.xor (local.get $high) (local.get $behinds))
              (i64.or
                (i64.shr_u (local.get $behinds) (i64.const 1))
                (i64.shl (local.get $next) (i64.const 63)))))
          (local.set $whole
            (i64.and
              (local.get $whole)
              (i64.or
                (i64.or
                  (i64.shr_u (local.get $behinds) (i64.const 2))
                  (i64.shl (local.get $next) (i64.const 62)))
                (i64.xor
                  (i64.const -1)
                  (i64.or
                    (i64.or
                      (i64.extend_i32_u
                        (i8x16.bitmask (i8x16.gt_s (local.get $x0) (local.get $lead3))))
                      (i64.shl
                        (i64.extend_i32_u
                          (i8x16.bitmask (i8x16.gt_s (local.get $x1) (local.get $lead3))))
                        (i64.const 16)))
                    (i64.or
                      (i64.shl
                        (i64.extend_i32_u
                          (i8x16.bitmask (i8x16.gt_s (local.get $x2) (local.get $lead3))))
                        (i64.const 32))
                      (i64.shl
                        (i64.extend_i32_u
                          (i8x16.bitmask (i8x16.gt_s (local.get $x3) (local.get $lead3))))
                        (i64.const 48))))))))
          (local.set $whole
            (i64.and
              (local.get $whole)
              (i64.or
                (i64.or
                  (i64.shr_u (local.get $behinds) (i64.const 3))
                  (i64.shl (local.get $next) (i64.const 61)))
                (i64.xor
                  (i64.const -1)
                  (i64.or
                    (i64.or
                      (i64.extend_i32_u
                        (i8x16.bitmask (i8x16.gt_s (local.get $x0) (local.get $lead4))))
                      (i64.shl
                        (i64.extend_i32_u
                          (i8x16.bitmask (i8x16.gt_s (local.get $x1) (local.get $lead4))))
                        (i64.const 16)))
                    (i64.or
                      (i64.shl
                        (i64.extend_i32_u
                          (i8x16.bitmask (i8x16.gt_s (local.get $x2) (local.get $lead4))))
                        (i64.const 32))
                      (i64.shl
                        (i64.extend_i32_u
                          (i8x16.bitmask (i8x16.gt_s (local.get $x3) (local.get $lead4))))
                        (i64.const 48))))))))
          (local.set $word (i64.or (local.get $word) (local.get $whole)))
          ;; All but those whose characters are all word characters must be looked up.
          (local.set $hard
            (i64.and
              (local.get $whole)
              (i64.or
                (i64.or
                  (i64.extend_i32_u
                    (i8x16.bitmask
                      (i8x16.eq
                        (v128.and
                          (i8x16.swizzle
                            (local.get $lowEasy)
                            (v128.and (local.get $x0) (local.get $15)))
                          (i8x16.swizzle
                            (local.get $highEasy)
                            (i8x16.shr_u (local.get $x0) (i32.const 4))))
                        (v128.const i64x2 0 0))))
                  (i64.shl
                    (i64.extend_i32_u
                      (i8x16.bitmask
                        (i8x16.eq
                          (v128.and
                            (i8x16.swizzle
                              (local.get $lowEasy)
                              (v128.and (local.get $x1) (local.get $15)))
                            (i8x16.swizzle
                              (local.get $highEasy)
                              (i8x16.shr_u (local.get $x1) (i32.const 4))))
                          (v128.const i64x2 0 0))))
                    (i64.const 16)))
                (i64.or
                  (i64.shl
                    (i64.extend_i32_u
                      (i8x16.bitmask
                        (i8x16.eq
                          (v128.and
                            (i8x16.swizzle
                              (local.get $lowEasy)
                              (v128.and (local.get $x2) (local.get $15)))
                            (i8x16.swizzle
                              (local.get $highEasy)
                              (i8x16.shr_u (local.get $x2) (i32.const 4))))
                          (v128.const i64x2 0 0))))
                    (i64.const 32))
                  (i64.shl
                    (i64.extend_i32_u
                      (i8x16.bitmask
                        (i8x16.eq
                          (v128.and
                            (i8x16.swizzle
                              (local.get $lowEasy)
                              (v128.and (local.get $x3) (local.get $15)))
                            (i8x16.swizzle
                              (local.get $highEasy)
                              (i8x16.shr_u (local.get $x3) (i32.const 4))))
                          (v128.const i64x2 0 0))))
                    (i64.const 48))))))
          (block $looked
            (loop $look
              (br_if $looked (i64.eqz (local.get $hard)))
              (local.set $bit (i64.ctz (local.get $hard)))
              (local.set $hard
                (i64.and (local.get $hard) (i64.sub (local.get $hard) (i64.const 1))))
              (local.set $q (i32.add (local.get $p) (i32.wrap_i64 (local.get $bit))))
              (local.set $pair (i32.load16_u (local.get $q)))
              (if (i32.lt_u (i32.and (local.get $pair) (i32.const 0xFF)) (i32.const 0xF0))
                (then
                  (local.set $record
                    (i32.load16_u offset=8064
                      (i32.add (global.get $tables) (i32.shl (local.get $pair) (i32.const 1)))))
                  (local.set $place (i64.load8_u offset=2 (local.get $q))))
                (else
                  (local.set $record
                    (call $astral (local.get $pair) (i32.load8_u offset=2 (local.get $q))))
                  (local.set $place (i64.load8_u offset=3 (local.get $q)))))
              (local.set $record
                (i32.add (global.get $tables) (i32.shl (local.get $record) (i32.const 4))))
              ;; A shift takes the lower six bits only, which are those of a last byte that count.
              (br_if $look
                (i32.wrap_i64
                  (i64.and
                    (i64.shr_u (i64.load offset=256 (local.get $record)) (local.get $place))
                    (i64.const 1))))
              (local.set $word
                (i64.xor (local.get $word) (i64.shl (i64.const 1) (local.get $bit))))
              (local.set $space
                (i64.or
                  (local.get $space)
                  (i64.shl
                    (i64.and
                      (i64.shr_u (i64.load offset=264 (local.get $record)) (local.get $place))
                      (i64.const 1))
                    (local.get $bit))))
              (br $look)))))
      (local.set $word (i64.and (local.get $word) (local.get $valid)))
      (local.set $space (i64.and (local.get $space) (local.get $valid)))
      (local.set $neutral
        (i64.xor (i64.or (local.get $word) (local.get $space)) (i64.const -1)))
      (if (i32.eqz (global.get $first))
        (then
          (if (i64.ne (local.get $neutral) (i64.const -1))
            (then
              (global.set $first
                (i32.add
                  (i32.const 1)
                  (i32.wrap_i64
                    (i64.and
                      (i64.shr_u
                        (local.get $word)
                        (i64.ctz (i64.xor (local.get $neutral) (i64.const -1))))
                      (i64.const 1)))))))))
      ;; Bytes behind a space, and the first one if no word goes on there. Added to the neutral
      ;; ones, a bit at the start of a run of them is carried to the byte behind the run.
      (local.set $afterSpace
        (i64.or
          (i64.shl (local.get $space) (i64.const 1))
          (i64.xor (i64.extend_i32_u (global.get $inside)) (i64.const 1))))
      (local.set $flood
        (i64.add
          (i64.and (local.get $afterSpace) (local.get $neutral))
          (local.get $neutral)))
      (global.set $words
        (i32.add
          (global.get $words)
          (i32.wrap_i64
            (i64.popcnt
              (i64.and
                (local.get $word)
                (i64.or
                  (local.get $afterSpace)
                  (i64.and (local.get $flood) (i64.xor (local.get $neutral) (i64.const -1)))))))))
      ;; It is carried out of the mask where the run goes to the end.
      (global.set $inside
        (i32.eqz
          (i32.or
            (i32.wrap_i64 (i64.shr_u (local.get $space) (i64.const 63)))
            (i64.lt_u (local.get $flood) (local.get $neutral)))))
      (local.set $p (i32.add (local.get $p) (i32.const 64)))
      (if (i64.ne (local.get $neutral) (i64.const 0))
        (then (br_if $blocks (i32.lt_u (local.get $p) (local.get $stop))))))
    (local.get $p))

  ;; The number of the record for a character of four bytes: F0..FF, then two more of them.
  (func $astral (param $pair i32) (param $third i32) (result i32)
    (if (i32.gt_u (i32.and (local.get $pair) (i32.const 0xFF)) (i32.const 0xF7))
      (then (return (i32.const 0))))
    (i32.load16_u offset=8448
      (i32.add
        (global.get $tables)
        (i32.or
          (i32.shl (i32.and (local.get $pair) (i32.const 7)) (i32.const 13))
          (i32.or
            (i32.and (i32.shr_u (local.get $pair) (i32.const 1)) (i32.const 0x1F80))
            (i32.shl (i32.and (local.get $third) (i32.const 63)) (i32.const 1)))))))
)
