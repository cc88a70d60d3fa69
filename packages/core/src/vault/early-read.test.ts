import { describe, expect, it } from 'vitest'
import { SlotChanges } from '../store/slot-changes.ts'
import type { GrantRef, VersionedRecord } from '../store/store.ts'
import { EarlyRead } from './early-read.ts'

const ref: GrantRef = { slot: 'session', id: 'grant' }
const record: VersionedRecord = { version: 'v1', sealed: new Uint8Array() }

function setUp() {
  const changes = new SlotChanges()
  let now = 1_800_000_000
  const begin = (): EarlyRead =>
    new EarlyRead({ grants: { read: async () => record }, changes, now: () => now }, ref)
  const wait = (seconds: number): void => {
    now += seconds
  }
  return { changes, begin, wait }
}

describe('EarlyRead', () => {
  it('answers once', async () => {
    const { begin, wait } = setUp()
    const read = begin()
    wait(0.05)
    expect(await read.take({ ...ref })).toBe(record)
    expect(read.take(ref)).toBeUndefined()
  })

  it.each([
    { slot: 'another', id: 'grant' },
    { slot: 'session', id: 'another' },
  ])('does not answer for another grant, %o', async (other) => {
    const read = setUp().begin()
    expect(read.take(other)).toBeUndefined()
    expect(await read.take(ref)).toBe(record)
  })

  it.each([
    ['too late', 0.2],
    ['when the clock was set back', -1],
  ])('does not answer %s', (_when, seconds) => {
    const { begin, wait } = setUp()
    const read = begin()
    wait(seconds)
    expect(read.take(ref)).toBeUndefined()
  })

  it('does not answer once its slot has changed; changes before, and of other slots, are nothing to it', async () => {
    const { changes, begin } = setUp()
    await changes.during(ref.slot, async () => {})
    const [read, late] = [begin(), begin()]
    await changes.during('another', async () => {})
    expect(await read.take(ref)).toBe(record)
    await changes.during(ref.slot, async () => {})
    expect(late.take(ref)).toBeUndefined()
  })

  it('does not answer when it was asked while a change was on its way', async () => {
    const { changes, begin } = setUp()
    let arrive = (): void => {}
    const changing = changes.during(ref.slot, () => new Promise<void>((resolve) => (arrive = resolve)))
    const read = begin()
    arrive()
    await changing
    expect(read.take(ref)).toBeUndefined()
  })
})
