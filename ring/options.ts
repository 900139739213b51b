import { checkInteger, describe } from "../ffi/check.ts";
import { bytesCodec, type Decoder, type Encoder } from "./codec.ts";

/** How many receivers a `Broadcast` or a `Latest` has room for. */
export interface MaxReceiversOption {
  /**
   * How many receivers can be attached at the same time, 1 to 65536; each takes 32 bytes. Default:
   * 64.
   */
  readonly maxReceivers?: number;
}

/** How values become messages. */
export interface EncoderOption<In> {
  /** Default: messages are bytes. */
  readonly codec?: Encoder<In>;
}

/** How messages become values. */
export interface DecoderOption<Out> {
  /** Default: messages are bytes. */
  readonly codec?: Decoder<Out>;
}

/** The most receivers that there can be room for. */
const MAX_RECEIVERS = 65536;

/** Whether there can be room for so many receivers. */
export function isMaxReceivers(value: number): boolean {
  return value >= 1 && value <= MAX_RECEIVERS;
}

/** For how many receivers there shall be room, checked; `undefined` if that wasn't said. */
export function checkedMaxReceivers(value: unknown): number | undefined {
  return value === undefined ? undefined : checkInteger("maxReceivers", value, 1, MAX_RECEIVERS);
}

/** The codec of a sender, checked: of bytes by default. */
export function checkedCodec<In>(codec: unknown, method: "encode"): Encoder<In>;
/** The codec of a receiver. */
export function checkedCodec<Out>(codec: unknown, method: "decode"): Decoder<Out>;
export function checkedCodec(codec: unknown, method: "encode" | "decode"): unknown {
  if (codec === undefined) return bytesCodec;
  if (typeof codec === "object" && codec !== null) {
    if (typeof (codec as Record<string, unknown>)[method] === "function") return codec;
  }
  throw new TypeError(`codec must have a method ${method}(): received ${describe(codec)}`);
}
