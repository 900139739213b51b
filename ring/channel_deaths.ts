import { PARTICIPANT_WORDS } from "../sync/participants.ts";
import type { ChannelFrame } from "./channel_frame.ts";
import type { PeerDeath } from "./peer_target.ts";

/** In the table of who is attached: what somebody is. */
export const SENDER = 1;
/** In the table of who is attached. */
export const RECEIVER = 2;

/** The name of a role. */
export function roleName(role: number): "sender" | "receiver" {
  return role === RECEIVER ? "receiver" : "sender";
}

/** Who died, of a role; each is told once. */
export class Deaths {
  readonly #frame: ChannelFrame;
  readonly #role: number;
  #told = new Set<string>();

  /** Of those who died before this only if nobody has taken their place. */
  constructor(frame: ChannelFrame, role: number) {
    this.#frame = frame;
    this.#role = role;
    if (frame.having(role).some(({ liveness }) => liveness !== "dead")) this.look();
  }

  /** Who died since the last look. */
  look(): PeerDeath[] {
    const { participants, place: { words } } = this.#frame;
    const dead = new Set<string>();
    const deaths: PeerDeath[] = [];
    for (const { pid, slot, liveness } of this.#frame.having(this.#role)) {
      if (liveness !== "dead") continue;
      const at = participants.wordOf(slot);
      const key = `${slot} ${words.subarray(at, at + PARTICIPANT_WORDS).join()}`;
      dead.add(key);
      if (!this.#told.has(key)) deaths.push({ pid, role: roleName(this.#role) });
    }
    this.#told = dead;
    return deaths;
  }
}
