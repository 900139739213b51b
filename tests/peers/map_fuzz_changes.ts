// What `map_fuzz.ts` does with its maps that makes something else of them, or of what they are windows on.

import {
  type AnyMapping,
  Mapping,
  Memfd,
  ReadonlyMapping,
  type Seal,
  SharedMemory,
} from "../../mod.ts";
import { PAGE } from "./map_fuzz_model.ts";
import { check, type Sequence } from "./map_fuzz_steps.ts";
import { adoptSize, attempt, compare, ownPages, type Subject } from "./map_fuzz_subject.ts";

export function resize(subject: Subject, { random, say, takeView }: Sequence): void {
  const { map, window, source } = subject;
  if (!(map instanceof Mapping || map instanceof ReadonlyMapping)) return;
  const rest = Math.max(0, window.content.size - window.offset);
  const length = 1 + random.bytes(random.oneIn(3) ? 8 * PAGE : Math.min(8 * PAGE, rest));
  const file = map instanceof Mapping && random.oneIn(3);
  const allowBeyondEnd = random.oneIn(8);
  say(`resize ${window.length} to ${length} file ${file} beyond ${allowBeyondEnd}`);
  const options = { file, allowBeyondEnd };
  const resized = attempt(file ? "resize file" : "resize", () => map.resize(length, options));
  if (resized === null) {
    subject.failures++;
    adoptSize(source);
  } else {
    subject.generation++;
    window.resize(length);
    if (file) window.content.resize(window.offset + length);
    const size = source.other?.statSync().size ?? window.content.size;
    check(size === window.content.size, `the file has ${size} bytes`);
  }
  check(map.byteLength === window.length, `it has ${map.byteLength} bytes`);
  ownPages(subject);
  takeView(subject);
}

export function protect(subject: Subject, { random, say, takeView }: Sequence): void {
  const access = random.pick(["read", "readwrite", "readwrite", "none"] as const);
  say(`protect ${access}`);
  const { map } = subject;
  const next = attempt(
    `protect ${access}`,
    () => (map as Mapping).protect(access as "read") as AnyMapping,
  );
  if (next === null) subject.failures++;
  else {
    check(!map.mapped, "the old map is still mapped");
    subject.generation++;
    subject.map = next.value;
  }
  ownPages(subject);
  takeView(subject);
}

export function share(subject: Subject, { random, say, takeView }: Sequence): void {
  if (!random.oneIn(3)) return;
  const extra = random.oneIn(4) ? random.below(3 * 65536) : 0;
  say(`share with ${extra} more`);
  const { map, window } = subject;
  const shared = attempt("share", () => SharedMemory.from(map as Mapping, { extra }));
  if (shared === null) return void subject.failures++;
  check(!map.mapped && shared.value.byteLength === window.length, "it isn't what is shared");
  subject.generation++;
  subject.shared = shared.value;
  subject.state = "shared";
  takeView(subject);
}

export function transfer(subject: Subject, { random, say, takeView }: Sequence): void {
  const { map, window } = subject;
  if (!(map instanceof Mapping) || window.length === 0 || !random.oneIn(25)) return;
  say("transfer");
  const { buffer, byteOffset } = map.bytes;
  const moved = structuredClone(buffer, { transfer: [buffer] });
  subject.generation++;
  subject.moved = new Uint8Array(moved, byteOffset, window.length);
  subject.state = "moved";
  takeView(subject);
}

export function truncateByOthers(
  { source, window: { content } }: Subject,
  { random, say }: Sequence,
): void {
  if (source.other === null) return;
  const size = random.bytes(8 * PAGE);
  say(`somebody truncates ${content.size} to ${size}`);
  try {
    source.other.truncateSync(size);
  } catch {
    // It is sealed.
  }
  adoptSize(source);
}

export function writeByOthers(
  { source, window: { content } }: Subject,
  { random, say }: Sequence,
): void {
  if (source.other === null || content.size === 0) return;
  const place = random.below(content.size);
  const length = 1 + random.below(Math.min(100, content.size - place));
  say(`somebody writes ${length} bytes at ${place}`);
  const bytes = new Uint8Array(length).fill(random.below(256));
  try {
    source.other.seekSync(place, Deno.SeekMode.Start);
    source.other.writeSync(bytes);
  } catch {
    return; // it is sealed
  }
  content.bytes.set(bytes, place);
}

export function useObject({ source }: Subject, { random, say }: Sequence): void {
  const { object } = source;
  if (object === null) return;
  const use = random.below(5);
  const size = random.bytes(8 * PAGE);
  say(`object: ${use} ${size}`);
  if (use < 2) attempt("object.resize", () => object.resize(size, { reserve: use === 0 }));
  else if (use === 2 && random.oneIn(2)) attempt("object.close", () => object.close());
  else if (use === 3 && object instanceof Memfd) {
    const seals: Seal[] = ["shrink", "grow", "write", "futureWrite", "seal"];
    attempt("seal", () => object.seal(random.pick(seals)));
  } else attempt("object.size", () => object.size);
  adoptSize(source);
}

export function close(subject: Subject, { random, say }: Sequence): void {
  if (random.oneIn(2)) return;
  say("close");
  compare(subject);
  const { map } = subject;
  map.close();
  if (random.oneIn(2)) map.close();
  check(!map.mapped && map.byteLength === 0, "it is still mapped");
  subject.generation++;
  subject.state = "closed";
  subject.window.end();
}

/** Uses a map that has ended: nothing works, and nothing is changed. */
export function reuse({ map, state }: Subject, { random, say }: Sequence): void {
  const uses: (() => unknown)[] = [() => map.protect("read")];
  if (state !== "moved") {
    uses.push(() => map.residentPages(), () => map.lock(), () => map.advise("normal"));
  }
  if (map instanceof Mapping) {
    uses.push(
      () => map.resize(PAGE),
      () => map.writeText("x"),
      () => map.view,
      () => map.array(Uint8Array),
      () => SharedMemory.from(map),
    );
  }
  const use = random.pick(uses);
  say(`${use}, although it is ${state}`);
  check(attempt("use after the end", use) === null, "it worked");
  if (state !== "moved") map.close();
}

export function closeShared(subject: Subject, { random, say }: Sequence): void {
  const { shared, state, window } = subject;
  if (shared === null || random.oneIn(2)) return;
  say("close what is shared");
  compare(subject);
  shared.close();
  if (random.oneIn(2)) shared.close();
  if (state === "closed") return;
  check(shared.bytes.every((byte) => byte === 0), "it doesn't read zeros");
  subject.state = "closed";
  window.end();
}
