// All games of handing over, by their names.

import type { Game } from "./handover_player.ts";
import { RING_GAMES } from "./handover_ring.ts";
import { SYNC_GAMES } from "./handover_sync.ts";

/** All games. */
export const GAMES: readonly Game[] = [...SYNC_GAMES, ...RING_GAMES];

/** The game with a name. */
export function gameOf(name: string): Game {
  const game = GAMES.find((candidate) => candidate.name === name);
  if (game === undefined) throw new Error(`there is no game "${name}"`);
  return game;
}
