// Plays a game of handing over, as one of its processes: arguments are the segment's id, the game,
// which side this is, how many waits there are to be in all, and a seed for the random numbers.
// What gets lost stays lost: nobody looks again by itself, except as heals() says.

import { Segment } from "../../mod.ts";
import { setSpinning } from "../../sync/patience.ts";
import { RECHECK, timing } from "../../sync/waitable.ts";
import { random } from "../_random.ts";
import { setDelays, setMutexHealing, watchSystemCalls } from "./handover_delays.ts";
import { COMBINATIONS, heals, nameOf, Player, roundsOf } from "./handover_player.ts";
import { gameOf } from "./handover_games.ts";

const [id, name, side, waits, seed] = Deno.args;
const game = gameOf(name);
watchSystemCalls();
using memory = Segment.fromId(Number(id)).attach();
const player = new Player(memory, Number(side), game.sides);

for (const [index, combination] of COMBINATIONS.entries()) {
  const numbers = random(Number(seed) + 1000 * index + player.side);
  const rounds = roundsOf(combination, Number(waits), game.waits);
  player.start(index, rounds, numbers);
  await player.renew(() => game.make(player));
  setSpinning(combination.spinning);
  timing.recheck = heals(combination) ? RECHECK : 1e6;
  setMutexHealing(heals(combination));
  setDelays(combination.delays ? numbers : undefined);
  try {
    await game.play(player);
  } catch (error) {
    throw new Error(`${nameOf(combination)}: ${error}`, { cause: error });
  } finally {
    setDelays(undefined);
  }
  player.meet();
  if (player.first) game.check?.(player);
}
player.meet();
