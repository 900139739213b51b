/**
 * Channels for messages in any shared memory, between processes and Workers: a `Channel` is a
 * queue, of which each message goes to one receiver; a `Broadcast` goes to all of them; a `Latest`
 * has the newest value alone.
 *
 * @example
 * ```ts
 * import { mapAnonymous } from "@isthmus/isthmus/mmap";
 * import { Channel, textCodec } from "@isthmus/isthmus/ring";
 *
 * using memory = mapAnonymous(65536, { shared: true });
 * const channel = Channel.create(memory);
 * using sender = channel.sender({ codec: textCodec });
 * using receiver = channel.receiver({ codec: textCodec });
 * sender.sendSync("hello");
 * console.log(receiver.receiveSync()); // hello
 * ```
 *
 * @module
 */

export type { SyncMemory } from "../sync/place.ts";
export type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
export type { OffsetOptions, OpenObjectOptions } from "../sync/options.ts";
export type { Liveness } from "../ffi/process.ts";
export {
  bytesCodec,
  type Codec,
  type Decoder,
  type Encoder,
  jsonCodec,
  recordCodec,
  textCodec,
} from "./codec.ts";
export {
  Broadcast,
  type BroadcastReceiverOptions,
  type BroadcastSenderOptions,
  type BroadcastSize,
  type BroadcastStat,
  type CreateBroadcastOptions,
} from "./broadcast.ts";
export {
  Channel,
  type ChannelCodecOptions,
  type ChannelEndOptions,
  type ChannelStat,
} from "./channel.ts";
export { ChannelClaim, ChannelSendBatch } from "./channel_claim.ts";
export type {
  ChannelRole,
  ChannelRoles,
  ChannelSize,
  CreateChannelOptions,
} from "./channel_frame.ts";
export { ChannelMessage, ChannelReceiveBatch } from "./channel_message.ts";
export { ChannelReceiver } from "./channel_receiver.ts";
export { ChannelSender } from "./channel_sender.ts";
export type { DecoderOption, EncoderOption, MaxReceiversOption } from "./options.ts";
export {
  type BroadcastMessage,
  BroadcastReceiver,
  type ReceiveFrom,
} from "./broadcast_receiver.ts";
export { BroadcastSender } from "./broadcast_sender.ts";
export { BroadcastClaim } from "./broadcast_claim.ts";
export {
  type CreateLatestOptions,
  Latest,
  type LatestPeerDeath,
  type LatestReceiverOptions,
  type LatestSenderOptions,
  type LatestStat,
} from "./latest.ts";
export { LatestReceiver } from "./latest_receiver.ts";
export { LatestSender } from "./latest_sender.ts";
export {
  type Participant,
  type PeerDeath,
  type PeerDeathListener,
  type PeerDeathPolicy,
  type PeerRole,
  PeerTarget,
} from "./peer_target.ts";
