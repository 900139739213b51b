import type { Accessor } from "./accessor.ts";

/** Where an accessor stands. */
export interface Place {
  /** What errors call it. */
  readonly name: string;
  /** The memory, to be read. */
  readonly view: DataView;
  /** The same view if the memory may be written, else `undefined`: then no write can get at it. */
  readonly writable: DataView | undefined;
  /** The first byte, counted from the view's; or from where the root stands, if there is one. */
  readonly base: number;
  /** The record that it is a part of, and goes with if that moves. */
  readonly root?: Accessor;
}

/** Makes the accessor of a type. */
export type Make = (place: Place) => Accessor;

/** A field with an accessor of its own. */
export interface Part {
  readonly step: string;
  readonly make: Make;
  readonly offset: number;
}
