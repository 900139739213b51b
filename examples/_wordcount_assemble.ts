// Makes _wordcount_kernel.ts from _wordcount.wat, with wabt from npm.
//
// Start it with `deno run --allow-read --allow-write --allow-run examples/_wordcount_assemble.ts`
// whenever _wordcount.wat has changed.

const SOURCE = new URL("_wordcount.wat", import.meta.url);
const TARGET = new URL("_wordcount_kernel.ts", import.meta.url);
const COMMAND = ["npx", "-y", "-p", "wabt@1.0.39", "wat2wasm", "--enable-threads"];

/** The hash of what the kernel was made from, by which a test notices that it is out of date. */
export async function hashOf(source: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", source)).toHex();
}

async function assemble(): Promise<Uint8Array> {
  const file = await Deno.makeTempFile({ suffix: ".wasm" });
  try {
    const [command, ...args] = [...COMMAND, SOURCE.pathname, "-o", file];
    const { success, stderr } = await new Deno.Command(command, { args }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return await Deno.readFile(file);
  } finally {
    await Deno.remove(file);
  }
}

if (import.meta.main) {
  const WIDTH = 96;
  const lines = (await assemble()).toBase64().match(new RegExp(`.{1,${WIDTH}}`, "g")) ?? [];
  await Deno.writeTextFile(
    TARGET,
    `// The kernel of wordcount.ts, made from _wordcount.wat by _wordcount_assemble.ts:
// \`${COMMAND.join(" ")} _wordcount.wat\`, in base64.

/** The SHA-256 of _wordcount.wat. */
export const SOURCE_HASH = "${await hashOf(await Deno.readFile(SOURCE))}";

/** The WebAssembly module. */
export const KERNEL: Uint8Array<ArrayBuffer> = Uint8Array.fromBase64(\`
${lines.join("\n")}
\`);
`,
  );
}
