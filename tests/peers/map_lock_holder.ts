// Takes the lock of a file, in the form it is told: map_lock_holder.ts <file> hold|sync|async|count [rounds]
//
// hold: takes it, says so, and holds it until it is killed; sync, async: waits for it, says so before and after;
// count: counts in the file's first 32-bit integer, under the lock.
import { FileLock, mapFile } from "../../mod.ts";

const [path, use, rounds] = Deno.args;
using lock = FileLock.open(path);
switch (use) {
  case "hold": {
    using _guard = lock.lockSync();
    console.log("holding");
    await new Promise((resolve) => setTimeout(resolve, 1e9));
    break;
  }
  case "sync": {
    console.log("waiting");
    using _guard = lock.lockSync();
    console.log("taken");
    break;
  }
  case "async": {
    const taken = lock.lock();
    console.log("waiting");
    using _guard = await taken;
    console.log("taken");
    break;
  }
  case "count": {
    using map = mapFile(path, { access: "readwrite" });
    const { view } = map;
    for (let round = 0; round < Number(rounds); round++) {
      using _guard = round % 2 === 0 ? lock.lockSync() : await lock.lock();
      view.setInt32(0, view.getInt32(0, true) + 1, true);
    }
    console.log("counted");
  }
}
