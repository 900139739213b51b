import type { ChannelFrame } from "./channel_frame.ts";
import { TableDeaths } from "./deaths.ts";

/** In the table of who is attached: what somebody is. */
export const SENDER = 1;
/** In the table of who is attached. */
export const RECEIVER = 2;

/** The name of a role. */
export function roleName(role: number): "sender" | "receiver" {
  return role === RECEIVER ? "receiver" : "sender";
}

/** Who died, of a role; each is told once. */
export class Deaths extends TableDeaths {
  /** Deaths before this are told only if nobody who lives has the role now. */
  constructor(frame: ChannelFrame, role: number) {
    super(frame, roleName(role), role);
  }
}
