import { IDENTITY_WORDS } from "../sync/identity.ts";
import type { Participants, ParticipantStatus } from "../sync/participants.ts";
import type { SharedPlace } from "../sync/place.ts";
import type { PeerDeath, PeerRole } from "./peer_target.ts";

/** Where the table of those who are attached is. */
export interface Attached {
  readonly place: SharedPlace;
  readonly participants: Participants;
}

/** Which of those who were attached as something died; each death is told once. */
export class TableDeaths {
  readonly #attached: Attached;
  readonly #role: PeerRole;
  readonly #code: number;
  #told = new Set<string>();

  /**
   * Deaths before this are told only if nobody who lives has the role now, which `code` stands for
   * in the table.
   */
  constructor(attached: Attached, role: PeerRole, code: number) {
    this.#attached = attached;
    this.#role = role;
    this.#code = code;
    if (this.#list().some(({ liveness }) => liveness !== "dead")) this.look();
  }

  /** Who died since the last look. */
  look(): PeerDeath[] {
    const dead = new Map(
      this.#list().filter(({ liveness }) => liveness === "dead")
        .map(({ slot, pid }) => [this.#keyOf(slot), pid]),
    );
    const told = this.#told;
    this.#told = new Set(dead.keys());
    return [...dead].filter(([key]) => !told.has(key))
      .map(([, pid]) => ({ pid, role: this.#role }));
  }

  #list(): ParticipantStatus[] {
    return this.#attached.participants.list(this.#code);
  }

  /**
   * Tells deaths apart, also those of two who had the same entry and process id one after the
   * other.
   */
  #keyOf(slot: number): string {
    const { participants, place: { words } } = this.#attached;
    const at = participants.wordOf(slot);
    return `${slot} ${words.subarray(at, at + IDENTITY_WORDS).join()}`;
  }
}
