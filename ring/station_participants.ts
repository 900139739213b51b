import { type Entry, Participants } from "../sync/participants.ts";
import type { Participant } from "./peer_target.ts";
import type { Station } from "./station.ts";
import { RECEIVERS } from "./station_layout.ts";
import { senderOf } from "./station_seat.ts";

/** In the table: what all are. */
export const RECEIVER = 0;

/** The table of the receivers. */
export function tableOf({ place, maxReceivers }: Station): Participants {
  return new Participants(place, RECEIVERS, maxReceivers);
}

/** A receiver's entry in the table of those who are attached. The memory stays mapped for it. */
export class Attendance {
  readonly #station: Station;
  readonly #entry: Entry;

  /**
   * Takes an empty entry, or that of one who died.
   *
   * @throws {Deno.errors.Busy} If there is none.
   */
  constructor(station: Station) {
    const entry = tableOf(station).join(RECEIVER);
    if (entry === undefined) {
      throw new Deno.errors.Busy(
        `Cannot receive from ${station.place.name}: it has room for ${station.maxReceivers} receivers, and all of them are there. Close one, or create it with a larger maxReceivers`,
      );
    }
    this.#station = station;
    this.#entry = entry;
    station.place.pin();
  }

  /** Gives it back. */
  leave(): void {
    this.#entry.leave();
    this.#station.place.unpin();
  }
}

/** Who is attached: the sender first, and all receivers; also who died, until others come. */
export function participantsOf(station: Station): Participant[] {
  const sender = senderOf(station);
  return sender === undefined ? receiversOf(station) : [sender, ...receiversOf(station)];
}

function receiversOf(station: Station): Participant[] {
  return tableOf(station).list()
    .map(({ pid, liveness }) => ({ pid, liveness, role: "receiver" }));
}
