import { type Advice, systemError } from "../ffi/errors.ts";
import { platform } from "../ffi/platform.ts";
import { getNumber } from "../ffi/layouts/field.ts";
import { checkKey, formatKey, IPC_PRIVATE } from "./key.ts";
import type { Kind } from "./kind.ts";
import { checkId, isGone, type ObjectOrigin, readRecord } from "./object.ts";

/** A call of shmget or its like; returns an id or a negated error number. */
export type Get = (key: number, flags: number) => number;

/** How often somebody may remove an object between our two calls before we give up. */
const ATTEMPTS = 100;

/** Makes an object that must not exist yet (`IPC_CREAT | IPC_EXCL`). */
export function createObject(kind: Kind, key: number, get: Get, advice?: Advice): ObjectOrigin {
  const checked = checkKey(key);
  const { IPC_CREAT, IPC_EXCL } = platform().constants;
  const id = get(checked, IPC_CREAT | IPC_EXCL);
  if (id < 0) throw createError(kind, checked, -id, advice);
  return { id, key: checked, created: true };
}

/** Finds an object that must exist. */
export function openObject(kind: Kind, key: number, get: Get): ObjectOrigin {
  const checked = checkPublicKey(kind, key);
  const id = get(checked, 0);
  if (id < 0) throw openError(kind, checked, -id);
  return { id, key: checked, created: false };
}

/** The id of an object that must exist. */
export function findObject(kind: Kind, key: number, get: Get): number {
  const checked = checkPublicKey(kind, key);
  const id = get(checked, 0);
  if (id >= 0) return id;
  throw getError(kind, "find", checked, -id, { ENOENT: [`no ${kind.noun} has this key`] });
}

/** Removes an object by its id, without reading its record. */
export function removeObject(kind: Kind, id: number): void {
  const result = kind.ctl(checkId(id), platform().constants.IPC_RMID, null);
  if (result === 0) return;
  throw systemError({
    errno: -result,
    syscall: kind.control,
    action: `remove ${kind.noun} ${id}`,
    advice: noSuchId(kind),
    class: isGone(-result) ? Deno.errors.NotFound : undefined,
  });
}

/** Finds an object or makes it, and says which. */
export function openOrCreateObject(
  kind: Kind,
  key: number,
  create: Get,
  open: Get,
  advice?: Advice,
): ObjectOrigin {
  const checked = checkPublicKey(kind, key);
  const { constants: { IPC_CREAT, IPC_EXCL }, errno: { EEXIST, ENOENT } } = platform();
  for (let attempt = 1;; attempt++) {
    const made = create(checked, IPC_CREAT | IPC_EXCL);
    if (made >= 0) return { id: made, key: checked, created: true };
    if (made !== -EEXIST) throw createError(kind, checked, -made, advice);
    const found = open(checked, 0);
    if (found >= 0) return { id: found, key: checked, created: false };
    // ENOENT: somebody removed it between the two calls, so it may be made now.
    if (found !== -ENOENT || attempt === ATTEMPTS) throw openError(kind, checked, -found);
  }
}

/**
 * Opens an object, and once more if somebody removed what was found before it could be looked at.
 */
export function retryIfGone<T>(open: () => T): T {
  for (let attempt = 1;; attempt++) {
    try {
      return open();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Finds an object by its id, and its key in its record. */
export function objectFromId(kind: Kind, anyId: number): ObjectOrigin {
  const id = checkId(anyId);
  const record = readRecord(kind, id, platform().constants.IPC_STAT);
  if (typeof record === "number") {
    throw systemError({
      errno: -record,
      syscall: kind.control,
      action: `open ${kind.noun} ${id}`,
      advice: noSuchId(kind),
      class: isGone(-record) ? Deno.errors.NotFound : undefined,
    });
  }
  const key = getNumber(record, platform().layouts.ipc_perm.fields.key);
  return { id, key, created: false };
}

function noSuchId(kind: Kind): Advice {
  const none = [
    `no ${kind.noun} has this id`,
    `\`ipcs ${kind.flag}\` lists those that exist.`,
  ] as const;
  return { EINVAL: none, EIDRM: none };
}

function checkPublicKey(kind: Kind, key: number): number {
  const checked = checkKey(key);
  if (checked === IPC_PRIVATE) {
    throw new RangeError(
      `key must not be IPC_PRIVATE, by which nothing can be found: ` +
        `make a private ${kind.noun} with ${kind.className}.create(), and open it with ${kind.className}.fromId()`,
    );
  }
  return checked;
}

function createError(kind: Kind, key: number, errno: number, advice?: Advice): Error {
  const remedy = `Open it with ${kind.className}.open(), or remove it first.`;
  return getError(kind, "create", key, errno, { EEXIST: ["it already exists", remedy], ...advice });
}

function openError(kind: Kind, key: number, errno: number): Error {
  const reason = `no ${kind.noun} has this key`;
  const remedy =
    `Start the program that creates it first, or use ${kind.className}.openOrCreate().`;
  return getError(kind, "open", key, errno, { ENOENT: [reason, remedy] });
}

function getError(kind: Kind, verb: string, key: number, errno: number, advice: Advice): Error {
  const object = key === IPC_PRIVATE
    ? `private ${kind.noun}`
    : `${kind.noun} with key ${formatKey(key)}`;
  return systemError({ errno, syscall: kind.get, action: `${verb} ${object}`, advice });
}
