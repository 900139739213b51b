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
    if (hasDied(words) || (thoroughly && isAbandoned(words))) {
      if (!this.#isNew(counted + 1)) return undefined;
      const pid = pidAt(words, SENDER);
      if (pid !== 0) return pid; // else it hadn't said yet that it is the sender
    }
    return this.#isNew(counted) ? Atomics.load(words, DEAD_PID) >>> 0 : undefined;
  }

  /** Whether there were so many, which weren't all told. */
  #isNew(count: number): boolean {
    this.#found = count | 0;
    return (this.#found - this.#told | 0) > 0;
  }

  /** Has told what was found last. */
  tell(): void {
    this.#told = this.#found;
  }
}
