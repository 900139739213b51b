import { checkBoolean, checkInteger, checkOptions, describe } from "../ffi/check.ts";
import { platform } from "../ffi/platform.ts";
import { checkBytes } from "./bytes.ts";
import { checkType } from "./message.ts";

/**
 * Which messages are received: those of a type, those of the lowest type that there is up to one
 * (`upTo`), or those of any type but one (`except`; Linux).
 */
export type MessageSelector = number | { readonly upTo: number } | { readonly except: number };

/** Which message is received, and how much of it. */
export interface ReceiveOptions {
  /** Which messages; the first of these that was sent is received. Default: any. */
  readonly type?: MessageSelector;
  /** How many bytes it may have. Default: as many as it has, or as `into` has room for. */
  readonly maxLength?: number;
  /**
   * Whether a message with more than `maxLength` bytes is received with as many, and the others are
   * lost (`MSG_NOERROR`). Else it stays in the queue, and is an error. Default: `false`.
   */
  readonly truncate?: boolean;
  /**
   * Where the bytes go: the message's `bytes` are then the front of it, until it is used again.
   * That spares an array for each message, for who receives many. Default: an array of their own.
   */
  readonly into?: Uint8Array<ArrayBuffer>;
}

/** Which message is received, as C takes it. */
export interface Selection {
  readonly msgtyp: bigint;
  readonly msgflg: number;
  /** How many bytes it may have: `Infinity` for any number. */
  readonly maxLength: number;
  readonly truncate: boolean;
  readonly into: Uint8Array<ArrayBuffer> | undefined;
}

/** Copies the options, each checked. */
export function checkedSelection(options: ReceiveOptions): Selection {
  const { type, maxLength, truncate, into } = checkOptions(options);
  const selector = checkedSelector(type); // first: a getter of it could take the memory from `into`
  const room = into === undefined ? undefined : checkBytes("into", into);
  return {
    ...selector,
    maxLength: maxLength === undefined
      ? room ?? Infinity
      : checkInteger("maxLength", maxLength, 0, room),
    truncate: checkBoolean("truncate", truncate),
    into,
  };
}

/** Checks that there is still room for a message: while somebody waits, `into` may go or shrink. */
export function checkRoom({ into, maxLength }: Selection): void {
  if (into !== undefined && checkBytes("into", into) < maxLength) {
    throw new RangeError("into must not shrink while a message is waited for");
  }
}

const ANY = { msgtyp: 0n, msgflg: 0 };

function checkedSelector(type: unknown): Pick<Selection, "msgtyp" | "msgflg"> {
  if (type === undefined) return ANY;
  if (typeof type === "number") return { msgtyp: BigInt(checkType("type", type)), msgflg: 0 };
  if (typeof type !== "object" || type === null) throw noSelector(type);
  const { upTo, except } = type as { upTo?: unknown; except?: unknown };
  if ((upTo === undefined) === (except === undefined)) throw noSelector(type);
  if (upTo !== undefined) return { msgtyp: -BigInt(checkType("type.upTo", upTo)), msgflg: 0 };
  const checked = checkType("type.except", except);
  const { MSG_EXCEPT } = platform().constants;
  if (MSG_EXCEPT === null) {
    throw new Deno.errors.NotSupported(
      "Cannot receive all types except one: this platform has no MSG_EXCEPT",
    );
  }
  return { msgtyp: BigInt(checked), msgflg: MSG_EXCEPT };
}

function noSelector(type: unknown): TypeError {
  return new TypeError(
    `type must be a number, { upTo } or { except }: received ${describe(type)}`,
  );
}
