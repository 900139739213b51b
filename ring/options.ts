import { checkTimeout, describe } from "../ffi/check.ts";
import { type OffsetOptions, readOffset } from "../sync/options.ts";
import type { SyncMemory } from "../sync/place.ts";
import type { Where } from "./broadcast_station.ts";
import { bytesCodec, type Codec } from "./codec.ts";

/** How many receivers there is room for. */
export interface ParticipantsOption {
  /**
   * How many receivers can be attached at the same time, 1 to 65536; each takes 32 bytes. Default:
   * 64.
   */
  readonly participants?: number;
}

/** How to open an object. */
export interface OpenRingOptions extends OffsetOptions {
  /**
   * How long to wait for a process that is creating it right now, in milliseconds. Default: 1000.
   */
  readonly timeout?: number;
}

/** How values become messages. */
export interface CodecOption<Out, In> {
  /** Default: messages are bytes. */
  readonly codec?: Codec<Out, In>;
}

/** The checked options of what opens. */
export function checkedOpen(
  memory: SyncMemory,
  options: OpenRingOptions,
): { where: Where; timeout: number | undefined } {
  const offset = readOffset(options);
  return { where: { memory, offset }, timeout: checkTimeout(options.timeout) };
}

/** The codec of options, checked; bytes by default. */
export function checkedCodec<Out, In>(codec: unknown): Codec<Out, In> {
  if (codec === undefined) return bytesCodec as unknown as Codec<Out, In>;
  if (typeof codec === "object" && codec !== null) {
    const { encode, decode } = codec as Partial<Codec<Out, In>>;
    if (typeof encode === "function" && typeof decode === "function") {
      return codec as Codec<Out, In>;
    }
  }
  throw new TypeError(`codec must be one, with encode() and decode(): received ${describe(codec)}`);
}
