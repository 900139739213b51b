/**
 * The address of a shared buffer's first byte. That of a shared WebAssembly memory which can't grow
 * never changes, and starts a page: other pages may be laid over its own.
 */
export function addressOfShared(buffer: ArrayBufferLike): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(buffer as ArrayBuffer)));
}
