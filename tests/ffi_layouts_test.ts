// The tables of structures and constants against the C compiler: one static assertion for each
// entry, so that a cross compiler can check a platform that this machine is not.

import { assertEquals } from "@std/assert";
import { type Platform, selectPlatform } from "../ffi/platform.ts";
import {
  MUTEX_KIND,
  MUTEX_LOCK,
  MUTEX_NODE,
  MUTEX_PREVIOUS,
  PTHREAD_MUTEX_ERRORCHECK,
  PTHREAD_MUTEX_ROBUST,
  PTHREAD_PROCESS_SHARED,
} from "../ffi/pthread.ts";
import { MTEXT } from "../ffi/sysv_msg.ts";
import { MUTEX_OWNER } from "../sync/mutex_bytes.ts";
import type { FieldType, Opaque, Struct } from "../ffi/layouts/types.ts";
import { CC, isInstalled } from "./_c.ts";
import { run } from "./_process.ts";

/** Fields that C spells otherwise than we do. */
const C_FIELD: Readonly<Record<string, string>> = { key: "__key", seq: "__seq" };

/** Read in 16 bits, which is right for glibc and musl, though C may declare more. */
const NARROWED = ["seq", "sem_nsems", "f_type", "d_name"];

/** Constants that no C library's header defines; the kernel tells them at run time. */
const NOT_IN_HEADERS = ["SEMVMX"];

/** Constants that headers older than the kernel lack, or musl's: they are checked where they are. */
const NEW = ["MADV_POPULATE_READ", "MADV_POPULATE_WRITE", "MAP_FIXED_NOREPLACE", "MSG_COPY"];

/** Types that only glibc's own size is known of; another C library's may be smaller. */
const AT_MOST = ["pthread_mutex_t", "pthread_mutexattr_t"];

const BITS: Readonly<Record<FieldType, number>> = {
  u8: 8,
  i16: 16,
  u16: 16,
  i32: 32,
  u32: 32,
  i64: 64,
  u64: 64,
};

function assertion(condition: string): string {
  return `_Static_assert(${condition}, "");`;
}

function structAssertions(name: string, { size, fields }: Struct<string>): string[] {
  const type = `struct ${name}`;
  return [
    assertion(`sizeof(${type}) == ${size}`),
    ...Object.entries(fields).flatMap(([field, [offset, fieldType]]) => {
      const cField = C_FIELD[field] ?? field;
      const member = `((${type} *)0)->${cField}`;
      const bytes = BITS[fieldType] / 8;
      const signed = fieldType.startsWith("i") ? 1 : 0;
      return [
        assertion(`offsetof(${type}, ${cField}) == ${offset}`),
        ...NARROWED.includes(field) ? [assertion(`sizeof(${member}) >= ${bytes}`)] : [
          assertion(`sizeof(${member}) == ${bytes}`),
          assertion(`((__typeof__(${member}))-1 < 0) == ${signed}`),
        ],
      ];
    }),
  ];
}

function typeAssertions(name: string, { size, alignment }: Opaque): string[] {
  // Stricter than one of the C libraries asks for is allowed.
  const operator = AT_MOST.includes(name) ? "<=" : "==";
  return [
    assertion(`sizeof(${name}) ${operator} ${size}`),
    assertion(`_Alignof(${name}) <= ${alignment}`),
  ];
}

function layoutAssertions(name: string, layout: Struct<string> | Opaque): string[] {
  return "fields" in layout ? structAssertions(name, layout) : typeAssertions(name, layout);
}

function assertions({ constants, layouts, errno }: Platform): string[] {
  return [
    ...Object.entries(layouts).flatMap(([name, layout]) =>
      layout === null ? [] : layoutAssertions(name, layout)
    ),
    ...Object.entries({ ...constants, ...errno }).flatMap(([name, value]) =>
      value === null || NOT_IN_HEADERS.includes(name) ? [] : [
        `#ifdef ${name}\n${assertion(`${name} == ${value}`)}${
          NEW.includes(name) ? "" : `\n#else\n#error ${name}`
        }\n#endif`,
      ]
    ),
  ];
}

/** What a mutex of glibc consists of; the constants are enumerators. */
function mutexAssertions(): string[] {
  const offset = (field: string, value: number) =>
    assertion(`offsetof(pthread_mutex_t, __data.${field}) == ${value}`);
  return [
    "#ifdef __GLIBC__",
    assertion("sizeof(pthread_mutex_t) >= 40"),
    offset("__lock", 4 * MUTEX_LOCK),
    offset("__owner", 4 * MUTEX_OWNER),
    offset("__kind", 4 * MUTEX_KIND),
    offset("__list.__prev", 4 * MUTEX_PREVIOUS),
    offset("__list.__next", MUTEX_NODE),
    "#endif",
    assertion(`PTHREAD_PROCESS_SHARED == ${PTHREAD_PROCESS_SHARED}`),
    assertion(`PTHREAD_MUTEX_ERRORCHECK == ${PTHREAD_MUTEX_ERRORCHECK}`),
    assertion(`PTHREAD_MUTEX_ROBUST == ${PTHREAD_MUTEX_ROBUST}`),
  ];
}

function source(lines: string[]): string {
  return [
    "#define _GNU_SOURCE",
    "#include <errno.h>",
    "#include <limits.h>",
    "#include <pthread.h>",
    "#include <semaphore.h>",
    "#include <stddef.h>",
    "#include <time.h>",
    "#include <sys/ipc.h>",
    "#include <sys/msg.h>",
    "#include <sys/sem.h>",
    "#include <sys/shm.h>",
    "#include <sys/file.h>",
    "#include <sys/mman.h>",
    "#include <sys/stat.h>",
    "#include <sys/resource.h>",
    "#include <sys/vfs.h>",
    "#include <dirent.h>",
    "#include <fcntl.h>",
    // glibc leaves some constants to the kernel's headers, which can't be included beside its own.
    "#ifndef SHM_HUGE_SHIFT\n#define SHM_HUGE_SHIFT 26\n#endif",
    "#if __has_include(<linux/magic.h>)\n#include <linux/magic.h>\n#else\n#define HUGETLBFS_MAGIC 0x958458f6\n#endif",
    "#ifndef MAP_HUGE_SHIFT\n#define MAP_HUGE_SHIFT 26\n#endif",
    ...lines,
  ].join("\n") + "\n";
}

const TARGETS = [
  { compiler: CC, build: Deno.build },
  { compiler: "aarch64-linux-gnu-gcc", build: { os: "linux", arch: "aarch64" } },
  { compiler: "musl-gcc", build: { os: "linux", arch: Deno.build.arch, env: "musl" } },
];

for (const { compiler, build } of TARGETS) {
  const present = compiler !== null && isInstalled(compiler);
  const name = compiler ?? "a C compiler";
  if (!present) console.log(`skipped, ${name} is not installed: its structures and constants`);
  Deno.test({
    name: `layouts and constants are those of ${name}`,
    ignore: !present,
    async fn() {
      if (compiler === null) return;
      const directory = await Deno.makeTempDir();
      try {
        const file = `${directory}/layouts.c`;
        const check = async (lines: string[]) => {
          await Deno.writeTextFile(file, source(lines));
          return await run(compiler, ["-fsyntax-only", file]);
        };
        const { code, stderr } = await check([
          ...assertions(selectPlatform(build)),
          ...build.os === "linux" ? mutexAssertions() : [],
          assertion(`offsetof(struct msgbuf, mtext) == ${MTEXT}`),
        ]);
        assertEquals(code, 0, stderr);
        // The check itself can fail.
        const wrong = await check([assertion("sizeof(struct shmid_ds) == 1")]);
        assertEquals(wrong.code, 1);
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}
