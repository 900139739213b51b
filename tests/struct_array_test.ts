import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { array, bytes, f64, i32, struct, u32, u64, u8 } from "../struct/mod.ts";

const Point = struct("point", { x: f64, y: f64 });
const Item = struct("item", { id: u32, at: Point, tags: array(u8, 4), counter: u64.atomic() });

function items(length: number) {
  const list = Item.arrayAt(new ArrayBuffer(8 + Item.size * length), { offset: 8, length });
  for (let i = 0; i < length; i++) {
    list.get(i).assign({ id: i, at: { x: i / 2, y: -i }, tags: [i, 1, 2, 3], counter: BigInt(i) });
  }
  return list;
}

Deno.test("arrays of numbers are read, written and walked", () => {
  const Record = struct("record", { before: u8, list: array(i32, 4) });
  const { list } = Record.create({ list: [1, 2, 3, 4] });
  list.set(3, -4);
  assertEquals([list.length, list.get(0), list.get(3), [...list]], [4, 1, -4, [1, 2, 3, -4]]);
  list.assign([9, 8, 7, 6]);
  assertEquals([list.toObject(), JSON.stringify(list)], [[9, 8, 7, 6], "[9,8,7,6]"]);
  assertEquals([...list[Symbol.iterator]().filter((value) => value > 7)], [9, 8]);
});

Deno.test("an index that there is none of is an error, and touches nothing", () => {
  const Record = struct("record", {
    before: i32,
    list: array(i32, 4),
    points: array(Point, 2),
    raw: bytes(3),
  });
  const record = Record.create();
  for (const index of [-1, 4, 1.5, NaN, Infinity, 2 ** 32, 2 ** 53]) {
    const message = "index of record.list must be an integer from 0 to 3: received";
    assertThrows(() => record.list.get(index), RangeError, message);
    assertThrows(() => record.list.set(index, 1), RangeError, message);
    assertThrows(() => record.points.get(index), RangeError, "index of record.points must be");
    assertThrows(() => record.points.seek(index), RangeError, "index of record.points must be");
    assertThrows(() => record.raw.get(index), RangeError, "index of record.raw must be");
  }
  for (const index of ["0", undefined, null, 1n, {}] as unknown as number[]) {
    assertThrows(() => record.list.get(index), TypeError, "index of record.list must be");
    assertThrows(() => record.list.set(index, 1), TypeError, "index of record.list must be");
    assertThrows(() => record.points.seek(index), TypeError, "index of record.points must be");
  }
  assertThrows(() => record.list.set(1, 2 ** 31), RangeError, "record.list[1] must be an integer");
  assertEquals(record.toObject(), Record.create().toObject());
});

Deno.test("a walk shows all records by one object", () => {
  const list = items(5);
  const seen = new Set<unknown>();
  const ids: number[] = [];
  for (const item of list) {
    seen.add(item);
    ids.push(item.id);
    item.at.y = item.at.x * 4 + item.tags.get(0);
    assertEquals(item.counter.load(), BigInt(item.id));
    item.counter.add(1n);
  }
  assertEquals([seen.size, ids], [1, [0, 1, 2, 3, 4]]);
  assertEquals(list.toObject().map(({ at, counter }) => [at.y, counter]), [
    [0, 1n],
    [3, 2n],
    [6, 3n],
    [9, 4n],
    [12, 5n],
  ]);
});

Deno.test("a walk's parts go with it", () => {
  const list = items(3);
  const walk = list[Symbol.iterator]();
  const item = walk.next().value as ReturnType<typeof list.get>;
  const { at, tags, counter } = item;
  assertEquals([at.y, tags.get(0), counter.load()], [-0, 0, 0n]);
  walk.next();
  assertEquals([at.y, tags.get(0), counter.load(), item.id], [-1, 1, 1n, 1]);
});

Deno.test("two walks of one array don't disturb each other", () => {
  const list = items(3);
  const pairs: number[][] = [];
  for (const a of list) for (const b of list) pairs.push([a.id, b.id]);
  assertEquals(pairs.length, 9);
  assertEquals(pairs[5], [1, 2]);
});

Deno.test("a walk may be left, helped and repeated", () => {
  const list = items(4);
  for (const item of list) if (item.id === 2) break;
  assertEquals(Array.from(list, ({ id }) => id), [0, 1, 2, 3]);
  assertEquals(list[Symbol.iterator]().drop(1).map(({ id }) => id).toArray(), [1, 2, 3]);
  const walk = list[Symbol.iterator]();
  for (let i = 0; i < 4; i++) assertEquals(walk.next().done, false);
  assertEquals([walk.next().done, walk.next().done], [true, true]);
});

Deno.test("get() gives an object that stays, seek() the one that moves", () => {
  const list = items(4);
  const [first, third] = [list.get(0), list.get(2)];
  assertNotEquals(first, third);
  assertEquals([first.id, third.id], [0, 2]);
  const cursor = list.seek(1);
  assertStrictEquals(list.seek(3), cursor);
  assertEquals([cursor.id, first.id, third.at.y], [3, 0, -2]);
  for (const _ of list);
  assertEquals([cursor.id, first.id], [3, 0]);
});

Deno.test("arrays in records of a walk are those of the record that it is at", () => {
  const Polygon = struct("polygon", { corners: array(Point, 2) });
  const list = Polygon.arrayAt(new ArrayBuffer(Polygon.size * 3));
  let next = 0;
  for (const { corners } of list) for (const corner of corners) corner.x = next++;
  assertEquals(list.toObject().flatMap(({ corners }) => corners.map(({ x }) => x)), [
    0,
    1,
    2,
    3,
    4,
    5,
  ]);
  assertEquals(list.seek(2).corners.get(1).x, 5);
  assertEquals(list.get(1).corners.seek(0).x, 2);
});

Deno.test("arrays of arrays have the dimensions of C", () => {
  const Grid = struct("grid", { cells: array(array(i32, 3), 2) });
  const cells = new Int32Array(6);
  const grid = Grid.at(cells);
  grid.assign({ cells: [[1, 2, 3], [4, 5, 6]] });
  grid.cells.get(1).set(2, 9);
  assertEquals(cells, Int32Array.of(1, 2, 3, 4, 5, 9));
  const sums = Array.from(grid.cells, (row) => row.toObject().reduce((sum, cell) => sum + cell));
  assertEquals(sums, [6, 18]);
  assert(Grid.toC().includes("int32_t cells[2][3];"));
});

Deno.test("arrayAt() takes all that fit unless told, and refuses what doesn't", () => {
  const buffer = new ArrayBuffer(100);
  assertEquals([Point.arrayAt(buffer).length, Point.arrayAt(buffer, { offset: 5 }).length], [6, 5]);
  assertEquals(Point.arrayAt(buffer, { offset: 52, length: 3 }).length, 3);
  const cases: [object, string][] = [
    [
      { length: 7 },
      "Cannot place point[7] at offset 0: its 112 bytes reach beyond the memory's 100",
    ],
    [
      { offset: 96 },
      "Cannot place point[1] at offset 96: its 16 bytes reach beyond the memory's 100",
    ],
    [{ offset: 101 }, "reach beyond the memory's 100"],
    [{ length: 0 }, "length must be an integer from 1"],
    [{ length: 2 ** 53 - 1 }, "must be an integer from 1"],
    [{ offset: -1 }, "offset must be an integer from 0"],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => Point.arrayAt(buffer, options), RangeError, message);
  }
  assertThrows(() => Point.arrayAt(buffer, 5 as never), TypeError, "options must be an object");
});

Deno.test("array() checks its arguments", () => {
  for (const length of [0, -1, 1.5, 2 ** 32]) {
    assertThrows(() => array(u8, length), RangeError, "length must be");
  }
  for (const type of [undefined, "u8", {}, bytes, Point.create()]) {
    assertThrows(() => array(type as never, 1), TypeError, "element must be a type of field");
  }
  let huge = array(u64, 2 ** 30) as never;
  huge = array(huge, 2 ** 18) as never;
  assertThrows(() => array(huge, 2 ** 10), RangeError, "the size of u64[262144][1073741824][1024]");
  assertThrows(() => struct("huge", { huge }), RangeError, "huge is too large");
});

Deno.test("bytes() are read, written and copied", () => {
  const Frame = struct("frame", { before: u8, data: bytes(4), after: u8 });
  const frame = Frame.create({ before: 1, data: [1, 2, 3, 4], after: 2 });
  const { data } = frame;
  data.set(3, 255);
  assertEquals([data.length, data.get(3), [...data], data.toObject()], [
    4,
    255,
    [1, 2, 3, 255],
    Uint8Array.of(1, 2, 3, 255),
  ]);
  const target = new Uint8Array(6);
  data.copyTo(target, 2);
  assertEquals([...target], [0, 0, 1, 2, 3, 255]);
  assertThrows(() => data.copyTo(target, 3), RangeError, "offset 3 and length 4 reach beyond");
  assertThrows(() => data.copyTo([] as never), TypeError, "target must be a Uint8Array");
  for (const value of [-1, 256, 1.5]) {
    assertThrows(() => data.set(0, value), RangeError, "frame.data[0] must be");
  }
  data.toObject()[0] = 99;
  data.assign(new Uint8Array(4));
  assertEquals(frame.toObject(), { before: 1, data: new Uint8Array(4), after: 2 });
});
