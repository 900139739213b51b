// Thousands of random sequences of everything that can be done with memory maps: no fault, and no wrong byte.

import { assert, assertEquals } from "@std/assert";
import { PosixSharedMemory } from "../mod.ts";
import { tempDirectory } from "./_files.ts";
import { deno } from "./_process.ts";

const SEQUENCES = 1500;
const FIXED = 20261121;

/** What the model of the memory knows is Linux's, with pages of 4 KiB. */
const ignore = Deno.build.os !== "linux" || Deno.build.arch !== "x86_64";
if (ignore) console.log("skipped, this is not Linux on x86_64: random sequences on memory maps");

/** Runs the sequences of a seed in a process of its own, which a fault would end. */
async function fuzz(seed: number): Promise<void> {
  using directory = tempDirectory();
  const args = [String(SEQUENCES), String(seed), "0", directory.path];
  await using process = deno("tests/peers/map_fuzz.ts", args, ["--allow-all"]);
  const { code, signal, stdout, stderr } = await process.output();
  for (const name of PosixSharedMemory.list()) { // a fault leaves them
    if (name.startsWith(`/isthmus-fuzz-${process.pid}-`)) PosixSharedMemory.remove(name);
  }
  const sequence = Deno.readTextFileSync(`${directory.path}/sequence`).trim();
  const message = `sequence ${sequence} of seed ${seed}, signal ${signal}\n${stdout}${stderr}`;
  assertEquals(code, 0, message);
  assert(stdout.includes(`all ${SEQUENCES} sequences of seed ${seed} ended well`), message);
}

Deno.test({
  name: "random sequences on maps end without a fault or a wrong byte: always the same",
  ignore,
  fn: () => fuzz(FIXED),
});

Deno.test({
  name: "random sequences on maps end without a fault or a wrong byte: always others",
  ignore,
  fn: () => fuzz(crypto.getRandomValues(new Uint32Array(1))[0]),
});
