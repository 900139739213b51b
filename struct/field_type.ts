import { describe } from "../ffi/check.ts";
import type { TypeInfo } from "./type_info.ts";
import type { FieldType, TypesOf } from "./types.ts";

/** What the library knows of a type, or `undefined` if it is none of its own. */
export let infoOf: (type: unknown) => TypeInfo | undefined;

/** The object behind every type of field. */
export class TypeObject<Access, View, Value, Input, Scalar extends boolean>
  implements FieldType<Access, View, Value, Input> {
  readonly #info: TypeInfo;
  declare readonly types?: TypesOf<Access, View, Value, Input>;

  static {
    infoOf = (type) =>
      typeof type === "object" && type !== null && #info in type ? type.#info : undefined;
  }

  constructor(info: TypeInfo) {
    this.#info = info;
  }

  get name(): string {
    return this.#info.name;
  }

  get size(): number {
    return this.#info.size;
  }

  get align(): number {
    return this.#info.align;
  }

  get scalar(): Scalar {
    return (this.#info.scalar !== undefined) as Scalar;
  }
}

/** What the library knows of a type that an argument must be. */
export function checkType(what: string, type: unknown): TypeInfo {
  const info = infoOf(type);
  if (info !== undefined) return info;
  throw new TypeError(
    `${what} must be a type of field, such as f64 or cString(16): received ${describe(type)}`,
  );
}
