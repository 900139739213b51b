// What queue_server.ts and queue_client.ts share: the command line, and what their messages hold.

import { ftok } from "../mod.ts";
import { integer } from "./_cli.ts";

// The messages
// ------------
// All go through one queue, and find their way by their types. A request has the type 1; a reply
// has as its type the process id of the client that it is for. In C:
//
//   struct request { long mtype; int32_t pid; uint32_t number; char text[]; };
//   struct reply   { long mtype; uint32_t number; char text[]; };
//
// A reply has the number of its request, so that a client knows its own from one that an earlier
// process with the same id didn't fetch. The text is what remains of the message's length; it ends
// with no NUL.

/** The type of requests. No client may have this process id: its replies would be requests. */
export const REQUEST = 1;

/** The most bytes that the text of a request has. */
export const MAX_TEXT = 1000;

/** A client's question. */
export interface Request {
  readonly pid: number;
  readonly number: number;
  readonly text: Uint8Array;
}

/** The answer to it. */
export interface Reply {
  readonly number: number;
  readonly text: Uint8Array;
}

const LITTLE_ENDIAN = true; // as every machine that Deno runs on
const WORD = 4;
const MAX_PID = 2 ** 31 - 1;

/** Puts words in front of a text. */
function encode(words: readonly number[], text: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(words.length * WORD + text.length);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(index * WORD, word, LITTLE_ENDIAN);
  bytes.set(text, words.length * WORD);
  return bytes;
}

/** Takes words from the front of a text; `undefined` if there aren't as many. */
function decode(
  bytes: Uint8Array,
  count: number,
): { words: number[]; text: Uint8Array } | undefined {
  if (bytes.length < count * WORD) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const words = Array.from({ length: count }, (_, i) => view.getUint32(i * WORD, LITTLE_ENDIAN));
  return { words, text: bytes.subarray(count * WORD) };
}

/** The bytes of a request. */
export function encodeRequest({ pid, number, text }: Request): Uint8Array<ArrayBuffer> {
  return encode([pid, number], text);
}

/** Reads a request; `undefined` if it is none: who may send to the queue may send anything. */
export function decodeRequest(bytes: Uint8Array): Request | undefined {
  const { words: [pid, number], text } = decode(bytes, 2) ?? { words: [] };
  if (text === undefined || pid <= REQUEST || pid > MAX_PID) return undefined;
  return { pid, number, text };
}

/** The bytes of a reply. */
export function encodeReply({ number, text }: Reply): Uint8Array<ArrayBuffer> {
  return encode([number], text);
}

/** Reads a reply; `undefined` if it is none. */
export function decodeReply(bytes: Uint8Array): Reply | undefined {
  const { words: [number], text } = decode(bytes, 1) ?? { words: [] };
  return text && { number, text };
}

/** The flags that make the key, for --help. */
export const KEY_OPTIONS = `\
  --path <path>        an existing file or directory that the key is made of (default: .)
  --id <1..255>        the project id that the key is made of (default: 0x71)`;

/** The key of the queue. */
export function readKey({ path = ".", id = "0x71" }: { path?: string; id?: string }): number {
  return ftok(path, integer("--id", id, 1, 255));
}
