/**
 * Channels for messages in any shared memory, between processes and Workers.
 *
 * @module
 */

export type { SyncMemory } from "../sync/place.ts";
export type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
export type { OffsetOptions } from "../sync/options.ts";
export type { Liveness } from "../ffi/process.ts";
export { bytesCodec, type Codec, jsonCodec, recordCodec, textCodec } from "./codec.ts";
export {
  Broadcast,
  type BroadcastReceiverOptions,
  type BroadcastSenderOptions,
  type BroadcastSize,
  type BroadcastStat,
  type CreateBroadcastOptions,
  type OpenOrCreateBroadcastOptions,
} from "./broadcast.ts";
export type { CodecOption, OpenRingOptions, ParticipantsOption } from "./broadcast_options.ts";
export { type BroadcastMessage, BroadcastReceiver, type ReceiveFrom } from "./broadcast_receiver.ts";
export type { PeerDeathPolicy } from "./broadcast_reception.ts";
export { BroadcastSender } from "./broadcast_sender.ts";
export { SendClaim } from "./broadcast_sending.ts";
export {
  type CreateLatestOptions,
  Latest,
  type LatestPeerDeath,
  type LatestReceiverOptions,
  type LatestSenderOptions,
  type LatestSize,
  type LatestStat,
  type OpenOrCreateLatestOptions,
} from "./latest.ts";
export { LatestReceiver } from "./latest_receiver.ts";
export { LatestSender } from "./latest_sender.ts";
export {
  type Participant,
  type PeerDeath,
  type PeerDeathListener,
  PeerTarget,
} from "./peer_target.ts";
