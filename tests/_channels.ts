// Messages for tests of channels among processes, which tell if they were torn, doubled or lost.

/** A message of some length: who sends it, its number, and a checksum of all. */
export function messageOf(pid: number, number: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + (number * 37) % 101);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, pid, true);
  view.setUint32(4, number, true);
  for (let i = 12; i < bytes.length; i++) bytes[i] = number + i;
  view.setUint32(8, sum(bytes), true);
  return bytes;
}

function sum(bytes: Uint8Array): number {
  let hash = bytes.length;
  for (let i = 0; i < bytes.length; i++) {
    if (i < 8 || i >= 12) hash = Math.imul(hash ^ bytes[i], 16777619) >>> 0;
  }
  return hash;
}

/** Who sent a message, and its number; throws if it isn't whole. */
export function checksum(bytes: Uint8Array): [pid: number, number: number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [pid, number] = [view.getUint32(0, true), view.getUint32(4, true)];
  if (view.getUint32(8, true) !== sum(bytes)) {
    throw new Error(`message ${number} of ${pid} is torn`);
  }
  return [pid, number];
}
