// A WebAssembly kernel that sums bytes, for memory that a SharedMemory lies over.

/*
(module
  (import "isthmus" "memory" (memory 1 65536 shared))
  (func (export "sum") (param $at i32) (param $length i32) (result i64)
    (local $end i32) (local $stop i32) (local $sum i64)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $total v128)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (block $blocks
      (loop $block ;; of 4096 bytes: a 16-bit lane takes 64 pairs of bytes, and could take 128
        (br_if $blocks (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 4096)))
        (local.set $stop (i32.add (local.get $at) (i32.const 4096)))
        (local.set $a (v128.const i64x2 0 0)) (local.set $b (v128.const i64x2 0 0))
        (local.set $c (v128.const i64x2 0 0)) (local.set $d (v128.const i64x2 0 0))
        (loop $vectors
          (local.set $a (i16x8.add (local.get $a)
            (i16x8.extadd_pairwise_i8x16_u (v128.load (local.get $at)))))
          (local.set $b (i16x8.add (local.get $b)
            (i16x8.extadd_pairwise_i8x16_u (v128.load offset=16 (local.get $at)))))
          (local.set $c (i16x8.add (local.get $c)
            (i16x8.extadd_pairwise_i8x16_u (v128.load offset=32 (local.get $at)))))
          (local.set $d (i16x8.add (local.get $d)
            (i16x8.extadd_pairwise_i8x16_u (v128.load offset=48 (local.get $at)))))
          (br_if $vectors (i32.ne
            (local.tee $at (i32.add (local.get $at) (i32.const 64))) (local.get $stop))))
        (local.set $a (i32x4.add
          (i32x4.add (i32x4.extadd_pairwise_i16x8_u (local.get $a))
                     (i32x4.extadd_pairwise_i16x8_u (local.get $b)))
          (i32x4.add (i32x4.extadd_pairwise_i16x8_u (local.get $c))
                     (i32x4.extadd_pairwise_i16x8_u (local.get $d)))))
        (local.set $total (i64x2.add (local.get $total) (i64x2.add
          (i64x2.extend_low_i32x4_u (local.get $a)) (i64x2.extend_high_i32x4_u (local.get $a)))))
        (br $block)))
    (block $bytes
      (loop $byte
        (br_if $bytes (i32.eq (local.get $at) (local.get $end)))
        (local.set $sum (i64.add (local.get $sum) (i64.load8_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $byte)))
    (i64.add (local.get $sum) (i64.add
      (i64x2.extract_lane 0 (local.get $total)) (i64x2.extract_lane 1 (local.get $total))))))
*/

/** The text above, assembled (`wat2wasm --enable-threads`). */
const KERNEL = Uint8Array.fromBase64(
  "AGFzbQEAAAABBwFgAn9/AX4CFgEHaXN0aG11cwZtZW1vcnkCAwGAgAQDAgEABwcBA3N1bQAACqYCAaMCAwJ/AX4F" +
    "eyAAIAFqIQICQANAIAIgAGtBgCBJDQEgAEGAIGohA/0MAAAAAAAAAAAAAAAAAAAAACEF/QwAAAAAAAAAAAAAAAAA" +
    "AAAAIQb9DAAAAAAAAAAAAAAAAAAAAAAhB/0MAAAAAAAAAAAAAAAAAAAAACEIA0AgBSAA/QAEAP19/Y4BIQUgBiAA" +
    "/QAEEP19/Y4BIQYgByAA/QAEIP19/Y4BIQcgCCAA/QAEMP19/Y4BIQggAEHAAGoiACADRw0ACyAF/X8gBv1//a4B" +
    "IAf9fyAI/X/9rgH9rgEhBSAJIAX9yQEgBf3KAf3OAf3OASEJDAALCwJAA0AgACACRg0BIAQgADEAAHwhBCAAQQFq" +
    "IQAMAAsLIAQgCf0dACAJ/R0BfHwL",
);

/** Compiled once; it takes an instance for each memory. */
const module = new WebAssembly.Module(KERNEL);

/** Sums so many bytes, from `offset` on. */
export type VectorSum = (offset: number, length: number) => bigint;

/** The kernel for a memory. */
export function byteSummer(memory: WebAssembly.Memory): VectorSum {
  const { exports } = new WebAssembly.Instance(module, { isthmus: { memory } });
  return exports.sum as VectorSum;
}
