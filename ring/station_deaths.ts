import { pidAt } from "../sync/identity.ts";
import { TableDeaths } from "./deaths.ts";
import type { Station } from "./station.ts";
import { DEAD_PID, DEATHS, SENDER } from "./station_layout.ts";
import { RECEIVER, tableOf } from "./station_participants.ts";
import { hasDied, isAbandoned } from "./station_seat.ts";

/** Which receivers died, for the sender. */
export class ReceiverDeaths extends TableDeaths {
  constructor(station: Station) {
    super({ place: station.place, participants: tableOf(station) }, "receiver", RECEIVER);
  }
}

/** Which senders died, for one receiver; each is told once. */
export class SenderDeaths {
  readonly #station: Station;
  /** How many were told, by the count of those that the next sender has noticed. */
  #told: number;
  #found = 0;

  /** Of those who died before this only the last one, if nobody has taken its place. */
  constructor(station: Station) {
    this.#station = station;
    this.#told = Atomics.load(station.place.words, DEATHS);
  }

  /**
   * The process id of a sender that died and wasn't told yet, as it remains until {@linkcode tell}.
   * What only a look at the processes tells is found out if there is time for it.
   */
  look(thoroughly: boolean): number | undefined {
    const { words } = this.#station.place;
    // Before the next line: meanwhile the next sender may count the death that this finds.
    const counted = Atomics.load(words, DEATHS);
    const unnoticed = hasDied(words) || (thoroughly && isAbandoned(words))
      ? pidAt(words, SENDER)
      : 0;
    const found = unnoticed === 0 ? counted : counted + 1 | 0;
    if ((found - this.#told | 0) <= 0) return undefined;
    this.#found = found;
    return unnoticed || Atomics.load(words, DEAD_PID) >>> 0;
  }

  /** Has told what was found last. */
  tell(): void {
    this.#told = this.#found;
  }
}
