import assert from 'node:assert/strict'
import type { Attempt, GrantRef, Store, VersionedRecord } from './store.ts'

/** What a store's test gives the contract. */
export interface StoreUnderTest {
  /** A store with nothing in it. */
  readonly store: Store
  /** Lets this much time pass for the store's times to live. */
  advance(seconds: number): Promise<void>
}

/** One thing every store must do. `run` throws when it does not. */
export interface StoreCheck {
  readonly name: string
  run(underTest: StoreUnderTest): Promise<void>
}

/** The grant that the checks use. */
export const ref: GrantRef = { slot: 'slot-one', id: 'grant-one' }
/** Seconds that outlast every check. */
export const lasting: number = 1_000

/** A record whose content is its version, or `text`. */
export function record(version: string, text: string = version): VersionedRecord {
  return { version, sealed: new TextEncoder().encode(text) }
}

/** Binary values must come back byte for byte, not as text. */
export const everyByte: Uint8Array = Uint8Array.from({ length: 256 }, (_, index) => index)

/** An attempt without an answer yet. */
export function attempt(owner: string, version: string): Attempt {
  return { version, owner, startedAt: 1, sends: 1 }
}

/** Fails unless version and bytes are the same. */
export function assertRecord(actual: VersionedRecord | undefined, expected: VersionedRecord): void {
  assert.equal(actual?.version, expected.version)
  assert.deepEqual([...(actual?.sealed ?? [])], [...expected.sealed])
}

/** Puts a session with one grant into the slot of `ref`. */
export async function signIn(store: Store, sessionVersion = 's1', grantVersion = 'g1'): Promise<void> {
  const putGrants = [{ id: ref.id, record: record(grantVersion), ttlSeconds: lasting }]
  const outcome = await store.sessions.write(ref.slot, {
    expectedVersion: undefined,
    record: record(sessionVersion),
    ttlSeconds: lasting,
    putGrants,
    deleteGrants: [],
  })
  assert.equal(outcome.outcome, 'written')
}

/** Stores the grant of `ref`, as one that no session brings. */
export async function stored({ grants }: Pick<Store, 'grants'>, version = 'g1'): Promise<void> {
  assertRecord(await grants.create(ref, record(version), lasting), record(version))
}

/** Names a check. */
export function check(name: string, run: (underTest: StoreUnderTest) => Promise<void>): StoreCheck {
  return { name, run }
}
