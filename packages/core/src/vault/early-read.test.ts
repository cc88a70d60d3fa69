import { describe, expect, it } from 'vitest'
import type { GrantRef, VersionedRecord } from '../store/store.ts'
import { EarlyRead } from './early-read.ts'

const ref: GrantRef = { slot: 'session', id: 'grant' }
const record: VersionedRecord = { version: 'v1', sealed: new Uint8Array() }
const sent = 1_800_000_000
const early = (): EarlyRead => new EarlyRead(ref, Promise.resolve(record), sent)

describe('EarlyRead', () => {
  it('answers once', async () => {
    const read = early()
    expect(await read.take({ ...ref }, sent + 0.05)).toBe(record)
    expect(read.take(ref, sent + 0.05)).toBeUndefined()
  })

  it.each([
    { slot: 'another', id: 'grant' },
    { slot: 'session', id: 'another' },
  ])('does not answer for another grant, %o', async (other) => {
    const read = early()
    expect(read.take(other, sent)).toBeUndefined()
    expect(await read.take(ref, sent)).toBe(record)
  })

  it.each([
    ['too late', 0.2],
    ['when the clock was set back', -1],
  ])('does not answer %s', (_when, seconds) => {
    expect(early().take(ref, sent + seconds)).toBeUndefined()
  })
})
