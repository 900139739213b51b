// Types for what we use of deno std, which the npm package `deno-std` ships without.
// With std from JSR this file goes, and two lines of deno.json change.

declare module "@std/assert" {
  type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

  export function assert(condition: unknown, message?: string): asserts condition;
  export function assertEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertNotEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertStrictEquals<T>(
    actual: unknown,
    expected: T,
    message?: string,
  ): asserts actual is T;
  export function assertGreater<T>(actual: T, expected: T, message?: string): void;
  export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void;
  export function assertLess<T>(actual: T, expected: T, message?: string): void;
  export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void;
  export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T>;
  export function assertMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertStringIncludes(actual: string, expected: string, message?: string): void;
  export function assertInstanceOf<E>(
    actual: unknown,
    expected: abstract new (...args: never[]) => E,
    message?: string,
  ): asserts actual is E;
  export function assertThrows(fn: () => unknown, message?: string): unknown;
  export function assertThrows<E extends Error>(
    fn: () => unknown,
    errorClass: ErrorClass<E>,
    messageIncludes?: string,
    message?: string,
  ): E;
  export function assertRejects(fn: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
  export function assertRejects<E extends Error>(
    fn: () => PromiseLike<unknown>,
    errorClass: ErrorClass<E>,
    messageIncludes?: string,
    message?: string,
  ): Promise<E>;
  export function fail(message?: string): never;
  export class AssertionError extends Error {}
}

declare module "@std/cli/parse-args" {
  interface ParseOptions<B extends string, S extends string> {
    /** Flags that are there or not; `false` unless given. */
    readonly boolean?: readonly B[];
    /** Flags with a value. */
    readonly string?: readonly S[];
    readonly default?: Readonly<Record<string, unknown>>;
    readonly alias?: Readonly<Record<string, string | readonly string[]>>;
    /** Flags that may be given several times. */
    readonly collect?: readonly string[];
    readonly negatable?: readonly string[];
    readonly stopEarly?: boolean;
    /** Called for each flag that isn't listed, and each argument; `false` drops it. */
    readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown;
  }

  export function parseArgs<B extends string = never, S extends string = never>(
    args: readonly string[],
    options?: ParseOptions<B, S>,
  ): { [K in B]: boolean } & { [K in S]?: string } & { _: (string | number)[] };
}
