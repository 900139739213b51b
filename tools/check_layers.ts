// Fails on an import that breaks the house's floors, and on a use of FFI outside ffi/.
// Run it with `deno run --allow-read --allow-run tools/check_layers.ts [directory]`.

/** The rooms, floor by floor; a room imports from itself and from floors below its own. */
const FLOORS = [
  ["ffi"],
  ["memory", "sysv", "wait"],
  ["shm", "mmap", "sem", "msg", "struct"],
  ["sync"],
  ["ring"],
  ["mod.ts"],
  ["cli", "examples"],
  ["tests", "bench", "tools"],
];

/** From here on rooms aren't imported from a URL, and so may import packages. */
const PROGRAMS = FLOORS.findIndex((rooms) => rooms.includes("examples"));

/** What only one place may touch. */
const RESERVED = [
  { use: /\bDeno\.(dlopen|Unsafe\w+)/, allowed: /^(ffi|tests|bench)\// },
  { use: /\bDeno\.build\b/, allowed: /^(ffi\/platform\.ts$|tests\/|tools\/)/ },
];

const root = Deno.args.length === 0
  ? new URL("../", import.meta.url)
  : new URL(`file://${Deno.realPathSync(Deno.args[0])}/`);

interface Dependency {
  readonly specifier: string;
  readonly code?: { readonly specifier?: string };
  readonly type?: { readonly specifier?: string };
}

interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly Dependency[];
}

async function sourceFiles(directory: URL): Promise<URL[]> {
  const files: URL[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (name.startsWith(".") || name === "node_modules") continue;
    if (isDirectory) files.push(...await sourceFiles(new URL(`${name}/`, directory)));
    else if (name.endsWith(".ts") && !name.endsWith(".d.ts")) files.push(new URL(name, directory));
  }
  return files;
}

/** What Deno itself says each file imports. */
async function moduleGraph(files: readonly URL[]): Promise<Module[]> {
  const entry = "data:application/typescript," +
    encodeURIComponent(files.map((file) => `import "${file}";`).join("\n"));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: root,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)).modules;
}

/** A file's path from the project's root; `null` if it isn't the project's. */
function relative(url: string): string | null {
  return url.startsWith(root.href) ? url.slice(root.href.length) : null;
}

function room(file: string): string {
  return file.split("/")[0];
}

function floor(file: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(room(file)));
}

function checkImport(from: string, { specifier, code, type }: Dependency): string | null {
  const target = (code ?? type)?.specifier;
  const to = target === undefined ? null : relative(target);
  if (floor(from) < PROGRAMS && (to === null || !/^\.\.?\//.test(specifier))) {
    return `${from} imports "${specifier}": library code imports its own files, by relative paths`;
  }
  if (to === null || room(from) === room(to)) return null;
  if (floor(to) === -1) return `${from} imports ${to}, which stands on no floor`;
  return floor(to) < floor(from) ? null : `${from} imports ${to}, which stands on no floor below`;
}

async function checkUses(file: string): Promise<string[]> {
  const lines = (await Deno.readTextFile(new URL(file, root))).split("\n");
  return RESERVED.filter(({ allowed }) => !allowed.test(file)).flatMap(({ use }) =>
    lines.flatMap((line, index) =>
      use.test(line) && !/^\s*(\*|\/\/)/.test(line)
        ? [`${file}:${index + 1} uses ${line.match(use)?.[0]}, which belongs to ffi/`]
        : []
    )
  );
}

const files = await sourceFiles(root);
const problems: string[] = [];
for (const module of await moduleGraph(files)) {
  const file = relative(module.specifier);
  if (file === null || file.endsWith(".d.ts")) continue;
  if (floor(file) === -1) problems.push(`${file} stands in a room that is on no floor`);
  for (const dependency of module.dependencies ?? []) {
    const problem = checkImport(file, dependency);
    if (problem !== null) problems.push(problem);
  }
  problems.push(...await checkUses(file));
}
for (const problem of problems) console.error(problem);
console.log(`${files.length} files on ${FLOORS.length} floors, ${problems.length} problems`);
if (problems.length > 0) Deno.exitCode = 1;
