/**
 * What all System V objects share: keys, ids, owners and permissions.
 *
 * @module
 */

export { formatKey, ftok, type FtokOptions, IPC_PRIVATE } from "./key.ts";
export type { Kind } from "./kind.ts";
export { type Change, type Failure, type ObjectOrigin, SystemVObject } from "./object.ts";
export type { ObjectStatus, OwnershipOptions } from "./status.ts";
