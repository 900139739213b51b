import { wordsAt } from "../ffi/robust_list.ts";
import { claimIdentity, clearIdentity, livenessAt, pidAt } from "../sync/identity.ts";
import { RECEIVER_WORDS, RECEIVERS } from "./broadcast_layout.ts";
import type { Station } from "./broadcast_station.ts";
import type { Participant, PeerDeath } from "./peer_target.ts";

/** A receiver's place in the table of those who are attached. The memory stays mapped for it. */
export class Attendance {
  readonly #station: Station;
  readonly #at: number;

  /**
   * Takes an empty place, or that of one who died.
   *
   * @throws {Deno.errors.Busy} If there is none.
   */
  constructor(station: Station) {
    const { place: { words }, participants } = station;
    const indices = Array.from({ length: participants }, (_, i) => RECEIVERS + i * RECEIVER_WORDS);
    const at = indices.find((at) => Atomics.load(words, at) === 0 && claimIdentity(words, at)) ??
      indices.find((at) => claimIdentity(words, at));
    if (at === undefined) {
      throw new Deno.errors.Busy(
        `Cannot receive from the ${station.place.name}: it has room for ${participants} receivers, and all of them are there. Close one, or create it with more participants`,
      );
    }
    this.#station = station;
    this.#at = at;
    station.place.pin();
  }

  /** Gives it back. */
  leave(): void {
    const { place } = this.#station;
    // Also when the memory was closed meanwhile: its views have ended, but it is still mapped.
    if (place.gone) {
      clearIdentity(wordsAt(place.pinnedAddress + BigInt(4 * this.#at), RECEIVER_WORDS), 0);
    } else clearIdentity(place.words, this.#at);
    place.unpin();
  }
}

/** All receivers, also those that died and whose places nobody has taken yet. */
export function receiversOf({ place: { words }, participants }: Station): Participant[] {
  const found: Participant[] = [];
  for (let i = 0; i < participants; i++) {
    const at = RECEIVERS + i * RECEIVER_WORDS;
    const pid = pidAt(words, at);
    if (pid !== 0) found.push({ pid, liveness: livenessAt(words, at) });
  }
  return found;
}

/** Which receivers died, for the sender; each is told once. */
export class ReceiverDeaths {
  readonly #station: Station;
  #told = new Set<string>();

  constructor(station: Station) {
    this.#station = station;
    this.look();
  }

  look(): PeerDeath[] {
    const { place: { words }, participants } = this.#station;
    const dead = new Set<string>();
    const deaths: PeerDeath[] = [];
    for (let i = 0; i < participants; i++) {
      const at = RECEIVERS + i * RECEIVER_WORDS;
      const pid = pidAt(words, at);
      if (pid === 0 || livenessAt(words, at) !== "dead") continue;
      const key = words.subarray(at, at + RECEIVER_WORDS).join();
      dead.add(key);
      if (!this.#told.has(key)) deaths.push({ pid, role: "receiver" });
    }
    this.#told = dead;
    return deaths;
  }
}
