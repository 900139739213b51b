// What bank.ts and bank.c agree on: where everything lies in the memory, and what is done to it.

import { array, bytes, i32, i64, type Mutex, type MutexGuard, struct, u32 } from "../mod.ts";
import type { Memory, RecordOf } from "../mod.ts";

/** The size of the memory in bytes. */
export const SIZE = 4096;

const ACCOUNTS = 16;
const FIRST_BALANCE = 1000;

/** What all accounts hold together, at all times. */
export const TOTAL = ACCOUNTS * FIRST_BALANCE;

/** What a transfer is about to make of the bank: who does it twice does no harm. */
const Journal = struct("journal", {
  pending: u32.atomic(), // 1 while it counts; written last, and cleared last
  from: i32,
  to: i32,
  number: i64.asNumber(),
  from_after: i64.asNumber(),
  to_after: i64.asNumber(),
});

/** In C: struct bank, in bank.c. */
const BANK = {
  mutex: bytes(64), // a pthread_mutex_t, and room
  ready: u32.atomic(), // 1 once all of it is there
  journal: Journal,
  transfers: i64.asNumber(),
  balances: array(i64.asNumber(), ACCOUNTS),
};

const Bank = struct("bank", BANK);

/** The bank in a memory. */
export type BankRecord = RecordOf<typeof BANK>;

/** The bank that lies, or is to lie, at the start of a memory. */
export function bankAt(memory: Memory): BankRecord {
  return Bank.at(memory);
}

/** Opens the accounts. */
export function found(bank: BankRecord): void {
  for (let account = 0; account < ACCOUNTS; account++) bank.balances.set(account, FIRST_BALANCE);
  bank.ready.store(1); // others wait for this
}

/** What all accounts hold together. */
export function sum(bank: BankRecord): number {
  let total = 0;
  for (let account = 0; account < ACCOUNTS; account++) total += bank.balances.get(account);
  return total;
}

/** Called at each numbered step of a transfer: for tests, in which processes die there. */
export type AtStep = (step: number) => void;

/**
 * Locks the bank, and first finishes what a process left half done that died with it. `tell` says
 * so.
 */
export function lock(
  bank: BankRecord,
  mutex: Mutex,
  tell: (text: string) => void,
  atStep: AtStep,
): MutexGuard {
  const guard = mutex.lockSync();
  if (!guard.ownerDied) return guard;
  atStep(7);
  const { journal } = bank;
  if (journal.pending.load() === 1) {
    tell(`the last owner died: finished its transfer from ${journal.from} to ${journal.to}`);
    apply(bank, atStep);
  } else {
    tell("the last owner died, and had changed nothing");
  }
  guard.markConsistent();
  return guard;
}

/** Transfers some money from one account to another; the caller has locked the bank. */
export function transfer(bank: BankRecord, atStep: AtStep): void {
  const [from, distance] = [random(ACCOUNTS), 1 + random(ACCOUNTS - 1)];
  const to = (from + distance) % ACCOUNTS;
  const { journal, balances } = bank;
  const amount = Math.min(1 + random(100), balances.get(from));
  atStep(1);
  journal.from = from;
  journal.to = to;
  journal.number = bank.transfers + 1;
  journal.from_after = balances.get(from) - amount;
  journal.to_after = balances.get(to) + amount;
  atStep(2);
  journal.pending.store(1); // from now on it will be done, by whomever
  atStep(3);
  apply(bank, atStep);
}

/** Does what the journal says. */
function apply(bank: BankRecord, atStep: AtStep): void {
  const { journal, balances } = bank;
  balances.set(journal.from, journal.from_after);
  atStep(4);
  balances.set(journal.to, journal.to_after);
  atStep(5);
  bank.transfers = journal.number;
  journal.pending.store(0);
  atStep(6);
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}
